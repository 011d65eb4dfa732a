"""What can be heard of the call in hand: two level bars, and words when it sounds bad."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo, Meters
from halodesk.runtime.ports import SoundPort, Unsubscribe
from halodesk.ui.desk.level_meter import LevelMeter
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Space

PERIOD_MS = 125


class CallSound(QWidget):
    """Asks for levels while it is seen and the call is up. `words` is a line for wherever there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("call_sound")
        self.words = label(role="error", name="call_quality", wrap=True)
        self.microphone = LevelMeter(
            self.tr("What the other side hears of you"), "meter:microphone", upright=True
        )
        self.speaker = LevelMeter(self.tr("What you hear"), "meter:speaker", upright=True)
        self._sound: SoundPort | None = None
        self._leave: Unsubscribe | None = None
        self._call: CallInfo | None = None
        self._tick = QTimer(self)
        self._tick.setInterval(PERIOD_MS)
        self._tick.timeout.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.XS)
        layout.addWidget(self.microphone)
        layout.addWidget(self.speaker)
        self.hide()

    def attach(self, sound: SoundPort | None) -> None:
        """The sound of this seat."""
        self._sound = sound
        if sound is not None:
            self._leave = sound.subscribe(self._render)
        self._render()

    def detach(self) -> None:
        """The window closes."""
        self._tick.stop()
        if self._leave is not None:
            self._leave()
            self._leave = None

    def render_call(self, call: CallInfo | None) -> None:
        """Which call."""
        self._call = call
        self._render()

    def showEvent(self, event: QShowEvent) -> None:
        """Seen: the bars move."""
        super().showEvent(event)
        self._tick.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self._tick.stop()

    def _render(self) -> None:
        call, sound = self._call, self._sound
        up = call is not None and call.state == "active" and sound is not None and not sound.state.silent
        self.setVisible(up)
        found = sound.quality(call.key) if up and sound is not None and call is not None else None
        set_text(self.words, found.message if found is not None else "")
        self.words.setToolTip(found.todo if found is not None else "")
        tip = ""
        if found is not None:
            tip = self.tr(
                "You hear them: {there} of 5 · they hear you: {here} · {trip} ms there and back"
            ).format(
                there=f"{found.mos_in:.1f}",
                here=f"{found.mos_out:.1f}" if found.reported else self.tr("not told"),
                trip=round(found.round_trip_ms),
            )
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)
        if not up:
            self.microphone.clear()
            self.speaker.clear()

    def _ask(self) -> None:
        if self._sound is not None:
            self._sound.read_meters(self._meters)

    def _meters(self, meters: Meters) -> None:
        muted = self._call is not None and self._call.microphone_muted
        if muted:
            self.microphone.clear()
        else:
            self.microphone.render_level(meters.microphone_db)
        self.speaker.render_level(meters.speaker_db)
