"""Everything of the window that is about calls: band, panel, legs, the way to transfer, their keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QVBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.live_agent_port import LivePort
from halodesk.runtime.ports import DeskPort
from halodesk.ui.desk.call_panel import CallPanel
from halodesk.ui.desk.flow_agent_panel import FlowAgentPanel
from halodesk.ui.desk.legs_panel import LegsPanel
from halodesk.ui.desk.ring_band import RingBand
from halodesk.ui.desk.transfer_dialog import TransferDialog
from halodesk.ui.parts.words import phone_words
from halodesk.ui.theme.tokens import Space


class CallArea(QWidget):
    """Reads the desk and renders; `answered` is called before a call is taken."""

    def __init__(self, desk: DeskPort, answered: Callable[[], None], live: LivePort | None = None) -> None:
        super().__init__()
        self._desk, self._answered = desk, answered
        self._dialog: TransferDialog | None = None
        self._away = False
        self.ring_band = RingBand()
        self.call_panel = CallPanel()
        self.legs = LegsPanel()
        self.flow_agent = FlowAgentPanel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for widget in (self.ring_band, self.call_panel, self.legs, self.flow_agent):
            layout.addWidget(widget)
        controls = self.call_panel.controls
        self.flow_agent.attach(live)
        controls.put_on_call.attach(live)
        self.ring_band.answer.connect(self.answer)
        self.ring_band.decline.connect(self._decline)
        self.call_panel.answer.connect(self.answer)
        self.call_panel.hang_up.connect(desk.hang_up)
        controls.hold.connect(desk.hold)
        controls.unhold.connect(desk.unhold)
        controls.microphone.connect(lambda muted: desk.set_microphone(muted=muted))
        controls.keys.connect(desk.send_dtmf)
        controls.transfer.connect(self.transfer)
        self.legs.answer.connect(self.answer)
        self.legs.hand_over.connect(desk.complete_transfer)
        self.legs.swap.connect(desk.swap)
        self.legs.merge.connect(desk.merge)
        self.legs.split.connect(desk.split)
        self.legs.cancel.connect(desk.cancel_transfer)
        self.legs.end.connect(desk.hang_up_leg)

    def keys(self) -> dict[str, Callable[[], object]]:
        """What the telephone's keys do."""
        controls = self.call_panel.controls
        return {
            "F2": self.answer,
            "F3": self.transfer,
            "Shift+F3": self._desk.cancel_transfer,
            "F4": self._hang_up,
            "F5": self._desk.swap,
            "F6": controls.toggle_hold,
            "F7": controls.toggle_microphone,
            "F8": controls.open_keypad,
            "F10": self._merge_or_split,
            "Ctrl+G": controls.put_on_call.choose,
            **self.flow_agent.keys(),
        }

    def detach(self) -> None:
        """The window closes."""
        self.flow_agent.detach()
        self.call_panel.controls.put_on_call.detach()

    def render_calls(self, *, away: bool) -> bool:
        """Shows what is; `away`: the Desk is out of sight. Returns whether a call rings."""
        self._away = away
        call, waiting = self._desk.call, self._desk.waiting
        self.flow_agent.render_call(call, away=away)
        ringing = call if call is not None and call.state == "incoming" else None
        self.ring_band.render_call((ringing or waiting) if away else None, second=ringing is None)
        shown = self.ring_band.isHidden() or ringing is None
        self.call_panel.render_call(call if shown else None, hand=self._desk.hand)
        others = tuple(leg for leg in self._desk.legs if call is None or leg.key != call.key)
        self.legs.render_legs(others if shown else ())
        return ringing is not None or waiting is not None

    def restyle(self) -> None:
        """The theme has changed."""
        self.render_calls(away=self._away)

    def answer(self) -> None:
        """Takes the call that rings, or the one that waits."""
        call = self._desk.call
        if (call is not None and call.state == "incoming") or self._desk.waiting is not None:
            self._answered()
            self._desk.answer_call()

    def transfer(self) -> None:
        """Asks whom to; where somebody has been asked already, hands the caller over to him."""
        call = self._desk.call
        connected = call is not None and call.state == "active"
        asked = [leg for leg in self._desk.legs if call is not None and leg.beside == call.key]
        if asked and asked[0].state == "active" and not asked[0].conference:
            self._desk.complete_transfer()
            return
        if self._dialog is None:
            self._dialog = TransferDialog(self, self._desk.is_emergency)
            self._dialog.wanted.connect(
                lambda number, attended: self._desk.transfer(number, attended=attended)
            )
        who = ""
        if connected and call is not None:
            who = call.remote_name or phone_words(call.remote_number) or call.remote_uri
        self._dialog.ask(who, self._locked(call if connected else None))

    def _locked(self, call: CallInfo | None) -> str:
        """Why nobody can be handed over now; a call for help is possible all the same."""
        page = self._desk.page
        if call is None:
            return self.tr("There is no connected call. Emergency numbers can be called.")
        if call.conference:
            return self.tr("This call is in a conference. Take it apart first.")
        if call.transfer == "asked":
            return self.tr("The call is being transferred already.")
        if page is not None and page.mask.phase != "none":
            return self.tr("The recording is masked. Leave this page first, then transfer.")
        return ""

    def _decline(self) -> None:
        if self._desk.waiting is not None:
            self._desk.refuse_waiting()
        else:
            self._desk.hang_up()

    def _hang_up(self) -> None:
        hand = self._desk.hand
        if hand is not None and hand.state != "ended":
            self._desk.hang_up()

    def _merge_or_split(self) -> None:
        call = self._desk.call
        if call is not None and call.conference:
            self._desk.split()
        elif len(self._desk.legs) > 1:
            self._desk.merge()
