"""Above the step page while the co-pilot listens: the sign that it does, and what it proposes.

Rules:
- As high with proposals as without: the page below never moves by one.
- It never takes the focus. Its buttons are reached by Tab and by the mouse, which leaves the focus where
  it is; Alt+Enter takes the first proposal from wherever one types.
- A proposal that has come to the front by itself a moment ago is not taken by the key: the hand meant
  the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from halodesk.runtime.live_agent_port import CopilotView, LiveView, Proposal
from halodesk.ui.desk.copilot_button import CopilotButton
from halodesk.ui.desk.live_part import LivePart
from halodesk.ui.desk.step_page import StepPage
from halodesk.ui.parts import pill
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, label
from halodesk.ui.parts.pill import Pill
from halodesk.ui.theme.tokens import Size, Space

_SETTLE_S = 0.4
"""So long the first proposal must have been first, where it came there by itself."""
_CARD = 62
_WIDE = 330
"""A card wants this much room."""
_MOST = 3


def tr(words: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("CopilotStrip", words)


class CopilotStrip(LivePart, QFrame):
    """Renders `LiveView`; hidden while the co-pilot is off and has nothing to say."""

    def __init__(
        self, step: StepPage, button: CopilotButton, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.setObjectName("copilot_strip")
        self.setProperty("pane", "card")
        self.setAccessibleName(tr("Co-pilot"))
        self._step, self._button, self._now = step, button, now
        self._away = False
        self._dismissed = ""
        self._first = 0
        self._first_since = -_SETTLE_S
        self._own = False
        self._sign = Pill("copilot_sign", height=26)
        self._words = elided(role="muted", name="copilot_words")
        self._used = label(role="caption", name="copilot_used")
        self._off = Button(
            tr("Stop"), kind="ghost", hint="Alt+C", name="copilot_stop", height=Size.BUTTON_SMALL
        )
        self._off.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._off.clicked.connect(self.stop)
        self._none = label(role="muted", name="copilot_none")
        self._more = label(role="caption", name="copilot_more")
        self._cards = [ProposalCard(self, place) for place in range(_MOST)]
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        head.addWidget(self._sign)
        head.addWidget(self._words, 1)
        head.addWidget(self._used)
        head.addWidget(self._off)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self._none, 1)
        for card in self._cards:
            row.addWidget(card, 1)
        row.addWidget(self._more)
        box = QWidget()
        box.setFixedHeight(_CARD)
        box.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.S, Space.M, Space.M)
        layout.setSpacing(Space.XS)
        layout.addLayout(head)
        layout.addWidget(box)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(Space.S + Size.BUTTON_SMALL + Space.XS + _CARD + Space.M)
        step.typed.connect(self._typed)
        button.clicked.connect(self.toggle)
        self.hide()

    def keys(self) -> dict[str, Callable[[], object]]:
        """What its keys do, anywhere on the Desk."""
        return {
            "Alt+C": self.toggle,
            "Alt+Return": self.accept_first,
            "Alt+Enter": self.accept_first,
            "Alt+Delete": self.refuse_first,
        }

    def be_away(self, away: bool) -> None:
        """Another page than the Desk is in sight."""
        self._away = away
        self._render()

    # wishes

    def toggle(self) -> None:
        """Puts the co-pilot on the call in hand, or sends it off."""
        if self._live is None:
            return
        if self._live.view.copilot.on:
            self.stop()
        else:
            self._dismissed = ""
            self._live.assist("")

    def stop(self) -> None:
        """Sends it off; where it is off already, what it said goes away."""
        if self._live is None:
            return
        if self._live.view.copilot.on:
            self._live.dismiss()
        self._dismissed = self._live.view.copilot.remark
        self._render()

    def accept_first(self) -> None:
        """Takes the first proposal."""
        first = self._standing()
        if first is not None:
            self.accept(first)

    def refuse_first(self) -> None:
        """Turns the first proposal down."""
        first = self._standing()
        if first is not None:
            self.refuse(first)

    def accept(self, proposal: Proposal) -> None:
        """Takes this one; the page shows its "no"."""
        live = self._live
        if live is None:
            return
        self._own = True
        if not self._step.take(proposal.kind == "field", proposal.name, lambda: live.accept(proposal.id)):
            live.typed(proposal.name)  # the hand was faster than the proposal
        self._own = False

    def refuse(self, proposal: Proposal) -> None:
        """Turns this one down."""
        if self._live is not None:
            self._own = True
            self._live.turn_down(proposal.id)
            self._own = False

    def _standing(self) -> Proposal | None:
        proposals = self._live.view.proposals if self._live is not None and self.isVisible() else ()
        if not proposals or self._now() - self._first_since < _SETTLE_S:
            return None
        return proposals[0]

    def _typed(self, field: str) -> None:
        if self._live is not None:
            self._live.typed(field)

    # rendering

    def _render(self) -> None:
        if self._live is None:
            return
        view = self._live.view
        copilot = view.copilot
        self._button.render_as_stands(possible=copilot.possible, on=copilot.on)
        shown = copilot.on or (bool(copilot.remark) and copilot.remark != self._dismissed)
        self.setVisible(shown and not self._away)
        if not shown:
            return
        words, tone, icon, tip = _sign(copilot)
        self._sign.render_as(words, tone, icon=icon, tip=tip)
        self._words.setText(_line(view))
        self._used.setText(_used(view))
        self._used.setVisible(bool(self._used.text()))
        meaning = tr("Stop the co-pilot (Alt+C)") if copilot.on else tr("Put this away")
        self._off.set_words(tr("Stop") if copilot.on else tr("Close"))
        self._off.setAccessibleName(meaning)
        self._off.setToolTip(meaning)
        self._show_cards(view.proposals)

    def _show_cards(self, proposals: tuple[Proposal, ...]) -> None:
        first = proposals[0].id if proposals else 0
        if first != self._first:
            if self._own:
                self._first_since = -_SETTLE_S
            elif self._first:  # also where it is gone: the next one may come before the hand has noticed
                self._first_since = self._now()
            self._first = first
        room = max(1, min(_MOST, (self.width() - 2 * Space.L) // _WIDE))
        for place, card in enumerate(self._cards):
            card.render_proposal(proposals[place] if place < min(len(proposals), room) else None)
        left = len(proposals) - room
        self._more.setText(tr("{number} more").format(number=left) if left > 0 else "")
        self._more.setVisible(left > 0)
        self._none.setVisible(not proposals)
        self._none.setText(tr("What the caller answers is proposed here."))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many cards as have room."""
        super().resizeEvent(event)
        if self._live is not None and self.isVisible():
            self._show_cards(self._live.view.proposals)


class ProposalCard(QFrame):
    """One proposal: what, from which words, take it or not."""

    def __init__(self, strip: CopilotStrip, place: int) -> None:
        super().__init__()
        self.setObjectName(f"proposal:{place}")
        self.setProperty("pane", "inset")
        self.proposal: Proposal | None = None
        self._strip, self._place = strip, place
        self._title = elided(role="strong", name=f"proposal_title:{place}")
        self._because = elided(role="muted", name=f"proposal_because:{place}")
        self.take = Button(
            tr("Accept") if place == 0 else "",
            kind="primary" if place == 0 else "secondary",
            icon="" if place == 0 else "check",
            hint="Alt+Enter" if place == 0 else "",
            name=f"proposal_accept:{place}",
            height=Size.BUTTON_SMALL,
        )
        self.leave = Button(
            kind="ghost", icon="close", name=f"proposal_refuse:{place}", height=Size.BUTTON_SMALL
        )
        for button in (self.take, self.leave):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.take.clicked.connect(self._taken)
        self.leave.clicked.connect(self._left)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._title)
        words.addWidget(self._because)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.M, Space.XS, Space.XS, Space.XS)
        layout.setSpacing(Space.XS)
        layout.addLayout(words, 1)
        layout.addWidget(self.take)
        layout.addWidget(self.leave)
        self.hide()

    def render_proposal(self, proposal: Proposal | None) -> None:
        """Shows it, or nothing."""
        self.proposal = proposal
        self.setVisible(proposal is not None)
        if proposal is None:
            return
        what = f"{proposal.title}: {proposal.shown}" if proposal.shown else proposal.title
        if proposal.kind == "transition":
            what = tr("Go on: {way}").format(way=what)
        self._title.setText(what)
        by = "" if proposal.source == "words" else f" · {proposal.source}"
        self._because.setText(f"“{proposal.because}”{by}")
        self.setAccessibleName(f"{what}. {tr('The caller said')}: {proposal.because}")
        key = " (Alt+Enter)" if self._place == 0 else ""
        self.take.setAccessibleName(tr("Accept {what}").format(what=what))
        self.take.setToolTip(tr("Accept") + key)
        key = " (Alt+Del)" if self._place == 0 else ""
        self.leave.setAccessibleName(tr("Turn down {what}").format(what=what))
        self.leave.setToolTip(tr("Turn down") + key)

    def _taken(self) -> None:
        if self.proposal is not None:
            self._strip.accept(self.proposal)

    def _left(self) -> None:
        if self.proposal is not None:
            self._strip.refuse(self.proposal)


def _sign(copilot: CopilotView) -> tuple[str, pill.Tone, str, str]:
    if not copilot.on:
        return tr("Co-pilot is off"), pill.PLAIN, "", ""
    if copilot.paused:
        return tr("Not listening"), pill.PLAIN, "silent", copilot.paused
    if copilot.listening == "away":
        tip = tr("What is said on this call is sent to a provider of speech recognition, as sound.")
        return tr("Listening · the sound leaves this company"), pill.WARN, "listen", tip
    if copilot.listening == "here":
        tip = tr("A recogniser on this computer listens to the call.")
        return tr("Listening on this computer"), pill.ACCENT, "listen", tip
    return tr("Getting ready"), pill.PLAIN, "", ""


def _line(view: LiveView) -> str:
    copilot = view.copilot
    if copilot.remark:
        return copilot.remark
    if copilot.paused:
        return copilot.paused
    said = next((one.text for one in reversed(view.said) if one.who == "caller"), "")
    return tr("Heard: “{words}”").format(words=said) if said else ""


def _used(view: LiveView) -> str:
    if not view.tokens:
        return ""
    tokens = tr("{number} tokens").format(number=f"{view.tokens:,}")
    return f"{tokens} · {view.cost:.4f}" if view.cost else tokens
