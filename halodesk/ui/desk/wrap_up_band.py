"""Above the page while a call is wrapped up: the time left, more of it, and the outcome that is owed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.runtime.agent_ports import AgentPort, AgentView, DayTopic
from halodesk.runtime.ports import Unsubscribe
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.labels import label, tabular
from halodesk.ui.parts.words import clock, phone_words
from halodesk.ui.theme.tokens import Size, Space

_BUTTONS = 6
"""Outcomes up to this many have a button each; more are in a list."""


def tr(words: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("WrapUpBand", words)


class WrapUpBand(QFrame):
    """Shown during wrap-up only, on every page. Ctrl+O goes to the outcomes."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("wrap_up_band")
        self.setProperty("pane", "card")
        self.setAccessibleName(tr("Wrap-up"))
        self._agent: AgentPort | None = None
        self._leave: Unsubscribe | None = None
        self._title = label(role="section", name="wrap_up_title")
        tabular(self._title)
        self._lead = label(role="muted", name="wrap_up_lead", wrap=True)
        self.more = Button(name="wrap_up_more", icon="timer", hint="Shift+F12", height=Size.INPUT)
        self.more.clicked.connect(self.more_time)
        self.ready = Button(
            tr("Ready"), kind="primary", icon="check", name="wrap_up_ready", height=Size.INPUT
        )
        self.ready.clicked.connect(self._be_ready)
        self._problem = Banner("wrap_up_problem")
        self._outcomes = QWidget()
        self._row = QHBoxLayout(self._outcomes)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(Space.S)
        self._choices: list[QWidget] = []
        self._beat = QTimer(self, interval=1000)
        self._beat.timeout.connect(self._render)
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._lead)
        head.addLayout(words, 1)
        head.addWidget(self.more)
        head.addWidget(self.ready)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.M)
        layout.addLayout(head)
        layout.addWidget(self._outcomes)
        layout.addWidget(self._problem)
        self.hide()

    def attach(self, agent: AgentPort | None) -> None:
        """Shows this agent's wrap-up."""
        self._agent = agent
        if agent is not None:
            self._fill(agent.view.outcomes)
            self._leave = agent.subscribe(self._told)
            self._beat.start()
            self._render()

    def detach(self) -> None:
        """The window closes."""
        self._beat.stop()
        if self._leave is not None:
            self._leave()
            self._leave = None

    def more_time(self) -> None:
        """Extends the wrap-up."""
        if self._agent is not None and self._agent.view.until is not None:
            self._agent.more_time()

    def focus_outcomes(self) -> None:
        """To the first outcome."""
        if self._outcomes.isVisible() and self._choices:
            self._choices[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _fill(self, outcomes: tuple[str, ...]) -> None:
        self._row.addWidget(label(tr("How did the call end?"), "label"))
        if len(outcomes) <= _BUTTONS:
            for outcome in outcomes:
                button = Button(outcome, name=f"outcome:{outcome}", height=Size.INPUT)
                button.clicked.connect(partial(self._give, outcome))
                self._choices.append(button)
                self._row.addWidget(button)
        else:
            combo = Combo()
            combo.setObjectName("outcomes")
            combo.setAccessibleName(tr("How did the call end?"))
            combo.addItem(tr("Choose …"), "")
            for outcome in outcomes:
                combo.addItem(outcome, outcome)
            combo.activated.connect(lambda _: self._give_listed(combo))
            combo.setMinimumWidth(280)
            self._choices.append(combo)
            self._row.addWidget(combo)
        self._row.addStretch(1)

    def _give_listed(self, combo: Combo) -> None:
        if combo.currentData():
            self._give(combo.currentData())
            combo.setCurrentIndex(0)

    def _give(self, outcome: str) -> None:
        if self._agent is not None:
            refused = self._agent.give_outcome(outcome)
            self._problem.render_as("warning", refused.message if refused is not None else "")

    def _be_ready(self) -> None:
        if self._agent is not None:
            refused = self._agent.choose("ready")
            self._problem.render_as("warning", refused.message if refused is not None else "")

    def _told(self, topic: DayTopic) -> None:
        if topic == "state":
            self._problem.render_as("info", "")
            self._render()

    def _render(self) -> None:
        if self._agent is None:
            return
        view = self._agent.view
        timed = view.shown == "wrap_up" and (view.until is not None or bool(view.debts))
        self.setVisible(timed)
        if not timed:
            return
        self._title.setText(_title(view, self._agent.now()))
        self._lead.setText(_lead(view))
        self.more.setVisible(view.until is not None)
        self.more.set_words(_more(view.more_s))
        self.ready.setVisible(not view.session_open)
        self._outcomes.setVisible(bool(view.debts))


def _more(seconds: int) -> str:
    if seconds % 60:
        return tr("{number} s more").format(number=seconds)
    return tr("{number} min more").format(number=seconds // 60)


def _title(view: AgentView, now: float) -> str:
    if view.until is None:
        return tr("Wrap-up")
    left = view.until - now
    if left > 0:
        return tr("Wrap-up · {time} left").format(time=clock(left))
    return tr("Wrap-up · over for {time}").format(time=clock(-left))


def _lead(view: AgentView) -> str:
    if view.debts:
        who = phone_words(view.debts[0].number)
        if len(view.debts) > 1:
            words = tr("{number} calls have no outcome yet; first the one with {who}.")
            return words.format(number=len(view.debts), who=who)
        return tr("The call with {who} has no outcome yet.").format(who=who) if who else ""
    if view.session_open:
        return tr("No call is offered before the session is finished and closed.")
    return tr("No call is offered until then.")
