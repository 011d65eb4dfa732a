"""A flow agent on the call: who speaks now, what is said, what it wants; whisper, take over, hand back.

Rules:
- It renders the view and asks; the agent speaks until the view says that it does not.
- Taking over needs no look at the page: its key works anywhere in the window.
- Folded it is one line, so that the page below has the room; what must be seen stays in sight.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.live_agent_port import LiveView, Mode
from halodesk.ui.desk import live_words
from halodesk.ui.desk.live_part import LivePart
from halodesk.ui.desk.live_words import tr
from halodesk.ui.flow_agents.reading import Reading
from halodesk.ui.parts import pill
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, label, pane, set_text
from halodesk.ui.parts.pill import Pill
from halodesk.ui.parts.rows import Row, Rows
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Size, Space, Type

_LEAST, _MOST = 64, 190
"""Height of what is said; the page below comes first."""
_BRIEF, _NARROW = 800, 700
"""Below the first width the buttons do not show their keys, below the second one has no words."""
_LOW = 700
"""A window lower than this begins folded: the page needs the room."""


class FlowAgentPanel(LivePart, QFrame):
    """Between the call and the page; hidden while no flow agent is, or was, on the call."""

    left = Signal()
    """The keys are to go back to the page."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("flow_agent_panel")
        self.setProperty("pane", "card")
        self.setAccessibleName(tr("Flow agent on the call"))
        self._folded = False
        self._talk = ""
        self._call = ""
        self._away = False
        self.sign = SpeakerSign("live_speaker")
        self._about = elided(role="strong", name="live_about")
        self._doing = elided(role="caption", name="live_doing")
        self._banner = Banner("live_banner")
        self.said = Reading("live_transcript", tr("What was said"))
        self._wish = label(role="body", name="live_wish", wrap=True)
        self._refused = label(role="error", name="live_refused", wrap=True)
        self._heard = Pill("live_confidence", height=26)
        self._collected = Rows("caption", "body", stacked=True)
        self._none = label(tr("Nothing collected yet."), "caption")
        self.line = WhisperLine()
        self.line.left.connect(self.left)
        self.line.setObjectName("live_whisper_line")
        self.line.setFixedHeight(Size.INPUT)
        self.line.returnPressed.connect(self.whisper)
        self._buttons()
        self._build()
        self.hide()

    def _buttons(self) -> None:
        def button(words: str, name: str, hint: str, icon: str, does: Callable[[], object]) -> Button:
            made = Button(words, icon=icon, hint=hint, name=name, height=Size.INPUT)
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys on the page
            made.clicked.connect(does)
            return made

        self.take_button = button(tr("Take over"), "live_take_over", "Ctrl+T", "microphone", self.take_over)
        self.take_button.kind = "danger"
        self.back_button = button(
            tr("Hand back"), "live_hand_back", "Ctrl+Shift+T", "flow_agents", self.hand_back
        )
        self.back_button.kind = "primary"
        self.away_button = button(tr("Send away"), "live_dismiss", "", "close", self.dismiss)
        self.away_button.setToolTip(tr("Send the flow agent off the call (Ctrl+Shift+X)"))
        self.whisper_button = button(tr("Whisper"), "live_whisper", tr("Enter"), "note", self.whisper)
        self._hints = [(one, one.hint) for one in (self.take_button, self.back_button)]
        self.fold_button = Button(kind="ghost", icon="behind", name="live_fold", height=Size.INPUT)
        self.fold_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.fold_button.clicked.connect(self.toggle_fold)

    def _build(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._about)
        words.addWidget(self._doing)
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        head.addWidget(self.sign)
        head.addLayout(words, 1)
        for button in (self.take_button, self.back_button, self.away_button, self.fold_button):
            head.addWidget(button)
        talk = pane("inset")
        inside = QVBoxLayout(talk)
        inside.setContentsMargins(Space.XS, Space.XS, Space.XS, Space.XS)
        inside.addWidget(self.said)
        found = QWidget()
        found.setProperty("pane", "scrolled")
        column = QVBoxLayout(found)
        column.setContentsMargins(0, 0, Space.S, 0)
        column.setSpacing(Space.S)
        column.addWidget(self._wish)
        column.addWidget(self._refused)
        column.addWidget(self._heard, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._none)
        column.addWidget(self._collected)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(found)
        self._body = QWidget()
        self._body.setMinimumHeight(_LEAST)
        self._body.setMaximumHeight(_MOST)
        self.said.setMinimumHeight(_LEAST - 2 * Space.XS)
        scroll.setMinimumHeight(_LEAST)
        body = QHBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(Space.L)
        body.addWidget(talk, 3)
        body.addWidget(scroll, 2)
        self._foot = QWidget()
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(Space.S)
        foot.addWidget(self.line, 1)
        foot.addWidget(self.whisper_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.M)
        layout.addLayout(head)
        layout.addWidget(self._banner)
        layout.addWidget(self._body)
        layout.addWidget(self._foot)

    def keys(self) -> dict[str, Callable[[], object]]:
        """What its keys do, anywhere in the window."""
        return {
            "Ctrl+T": self.take_over,
            "Ctrl+Shift+T": self.hand_back,
            "Ctrl+Shift+X": self.dismiss,
            "Alt+W": self.focus_whisper,
        }

    # what is asked

    def take_over(self) -> None:
        """The microphone speaks at once."""
        if self._here("agent") and self._live is not None:
            self._live.take_over()

    def hand_back(self) -> None:
        """The flow agent goes on; what stands in the line goes with it as a note."""
        if self._here("human") and self._live is not None:
            note = self.line.text().strip()
            self.line.clear()
            self._live.hand_back(note)

    def dismiss(self) -> None:
        """It leaves the call."""
        if self._here("agent", "human", "copilot") and self._live is not None:
            self._live.dismiss()

    def whisper(self) -> None:
        """A word to it; the caller does not hear it."""
        text = self.line.text().strip()
        if text and self._live is not None:
            self.line.clear()
            self._live.whisper(text)

    def focus_whisper(self) -> None:
        """To the line."""
        if self.isVisible() and not self._away and self._here("agent", "human"):
            self._fold(folded=False)
            self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def toggle_fold(self) -> None:
        """One line, or all of it."""
        self._fold(folded=not self._folded)

    def render_call(self, call: CallInfo | None, *, away: bool = False) -> None:
        """The call in hand: what is said on another one is not for this customer's page.

        `away`: the Desk is out of sight; one line is left there.
        """
        self._call, self._away = call.key if call is not None else "", away
        self._render()

    def _here(self, *modes: Mode) -> bool:
        """Whether the flow agent is on the call in hand, in one of these ways."""
        view = self._live.view if self._live is not None else LiveView()
        return view.mode in modes and view.call == self._call

    # rendering

    def _render(self) -> None:
        if self._live is None:
            return
        view = self._live.view
        # the co-pilot has a strip of its own
        here = bool(view.call) and view.call == self._call and view.mode != "copilot"
        shown = here or (not view.call and bool(view.problem))
        self.setVisible(shown)
        if not shown:
            self._talk = ""
            self.line.clear()
            return
        self._begin(view)
        words, tone, icon = live_words.speaker(view)
        self.sign.render_as(words if view.call else "", tone, icon=icon)
        self._about.setText(live_words.about(view))
        self._doing.setText(live_words.doing(view))
        asking = live_words.asking(view)
        self._banner.render_as("warning", asking or view.problem, "" if asking else view.todo)
        self.take_button.setVisible(view.mode == "agent")
        self.back_button.setVisible(view.mode == "human")
        self.away_button.setVisible(view.mode != "")
        words = tr("A word to the flow agent; the caller does not hear it")
        if view.mode == "human":
            words = tr("What it should know when you hand back")
        self.line.setPlaceholderText(words)
        self.line.setAccessibleName(words)
        self.fold_button.setVisible(bool(view.call) and not self._away)
        self._show_parts(view)
        self.said.show_html(live_words.transcript(view.said), follow=True)
        self._render_wish(view)

    def _begin(self, view: LiveView) -> None:
        """Another conversation: unfolded where there is room; after its end one line is enough."""
        talk = f"{view.call}.{view.agent}.{view.mode != ''}" if view.call else ""
        if talk != self._talk:
            self._talk = talk
            self._fold(folded=view.mode == "" or self.window().height() < _LOW)

    def _render_wish(self, view: LiveView) -> None:
        words, refused = live_words.wish(view.wish)
        set_text(self._wish, "" if refused else words)
        set_text(self._refused, words if refused else "")
        words, unsure = live_words.heard(view.said)
        self._heard.render_as(words, pill.WARN if unsure else pill.PLAIN, icon="warning" if unsure else "")
        rows = tuple(Row(name, live_words.value(found)) for name, found in view.collected.items())
        self._collected.render(rows)
        self._none.setVisible(not rows)

    def _fold(self, *, folded: bool) -> None:
        self._folded = folded
        words = tr("Show what is said") if folded else tr("Fold")
        self.fold_button.icon_name = "unfold" if folded else "fold"
        self.fold_button.setAccessibleName(words)
        self.fold_button.setToolTip(words)
        self.fold_button.update()
        if self._live is not None:
            self._show_parts(self._live.view)

    def _show_parts(self, view: LiveView) -> None:
        whole = not self._folded and not self._away
        self._body.setVisible(bool(view.call) and whole)
        self._foot.setVisible(view.mode in ("agent", "human") and whole)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the buttons' keys are left out."""
        super().resizeEvent(event)
        for button, hint in self._hints:
            button.hint = hint if self.width() >= _BRIEF else ""
            button.setToolTip(hint)
            button.updateGeometry()
        self.away_button.set_words("" if self.width() < _NARROW else tr("Send away"))
        self.away_button.setAccessibleName(tr("Send away"))


class WhisperLine(QLineEdit):
    """Enter is its own, and no button of the page below; Escape leaves it."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter ends here."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()


class SpeakerSign(Pill):
    """Who speaks, to be read from a step away."""

    def __init__(self, name: str) -> None:
        super().__init__(name, height=Size.INPUT, strong=True)
        self._font = font(Type.LEAD, QFont.Weight.Bold)
