"""Below the choice of devices: how loud it rings, echo, and ways to hear oneself before a call does."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.protocol.phone_link import Meters, SoundState
from halodesk.protocol.phone_sound import SoundTest
from halodesk.runtime.ports import SoundPort
from halodesk.ui.desk.level_meter import LevelMeter
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Size, Space

PERIOD_MS = 100


class SoundTools(QWidget):
    """Moves the two meters while it is seen."""

    def __init__(self, sound: SoundPort, microphone: LevelMeter, speaker: LevelMeter) -> None:
        super().__init__()
        self._sound, self._microphone, self._speaker = sound, microphone, speaker
        self._test: SoundTest = "off"
        self.volume = Combo()
        self.volume.setObjectName("ring_volume")
        self.volume.setAccessibleName(self.tr("How loud calls ring"))
        for share, words in (
            (100, self.tr("Loud")),
            (80, self.tr("Normal")),
            (50, self.tr("Soft")),
            (0, self.tr("Silent")),
        ):
            self.volume.addItem(words, share)
        self.volume.activated.connect(self._ringing_chosen)
        self.headset_too = _toggle(self.tr("In the headset too"), "ring_headset", self._ringing_chosen)
        self.echo = _toggle(self.tr("Cancel echo"), "cancel_echo", self._echo_chosen)
        self.echo.setToolTip(
            self.tr("For loudspeakers: the other side does not hear itself. Headsets do without.")
        )
        self.hear = _button(self.tr("Hear yourself"), "sound_hear", lambda: self._switch("hear"))
        self.record = _button(self.tr("Record and play"), "sound_record", lambda: self._switch("record"))
        self.call = _button(self.tr("Test call"), "sound_call", sound.call_echo)
        self._told = label(role="help", name="sound_told", wrap=True)
        self._tick = QTimer(self)
        self._tick.setInterval(PERIOD_MS)
        self._tick.timeout.connect(lambda: self._sound.read_meters(self._meters))
        ring = QHBoxLayout()
        ring.setSpacing(Space.S)
        ring.addWidget(self.volume, 1)
        ring.addWidget(self.headset_too)
        tests = QGridLayout()
        tests.setSpacing(Space.S)
        tests.addWidget(self.hear, 0, 0)
        tests.addWidget(self.record, 0, 1)
        tests.addWidget(self.call, 1, 0)
        tests.addWidget(self.echo, 1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.M)
        layout.addLayout(ring)
        layout.addLayout(tests)
        layout.addWidget(self._told)

    def render_state(self, state: SoundState) -> None:
        """What is chosen, and what a test is at."""
        works = not state.silent and bool(state.backend)
        nearest = min(
            range(self.volume.count()), key=lambda row: abs(self._share(row) - state.ringing.volume)
        )
        self.volume.setCurrentIndex(nearest)
        _show_chosen(self.headset_too, state.ringing.headset_too)
        _show_chosen(self.echo, state.cancel_echo)
        self._test = state.test
        _show_chosen(self.hear, state.test == "hear")
        _show_chosen(self.record, state.test in ("record", "play"))
        self.call.setVisible(bool(self._sound.echo_number))
        for widget in (self.volume, self.headset_too, self.echo, self.hear, self.record):
            widget.setEnabled(works)
        said = {
            "off": "",
            "hear": self.tr("Speak: you hear yourself a moment later. Press again to end."),
            "record": self.tr("Speak for five seconds …"),
            "play": self.tr("This is how you sound."),
        }[state.test]
        set_text(self._told, state.echo_trouble or said)
        if state.test == "off" and not (state.microphone.open or state.speaker.open):
            self._microphone.clear()
            self._speaker.clear()

    def end(self) -> None:
        """The panel closes."""
        if self._test != "off":
            self._sound.test("off")

    def showEvent(self, event: QShowEvent) -> None:
        """The meters move."""
        super().showEvent(event)
        self._tick.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks at them."""
        super().hideEvent(event)
        self._tick.stop()

    def _switch(self, test: SoundTest) -> None:
        self._sound.test("off" if self._test != "off" else test)

    def _ringing_chosen(self) -> None:
        self._sound.set_ringing(self._share(self.volume.currentIndex()), self.headset_too.chosen)

    def _echo_chosen(self) -> None:
        self._sound.cancel_echo(self.echo.chosen)

    def _share(self, row: int) -> int:
        return int(self.volume.itemData(row))

    def _meters(self, meters: Meters) -> None:
        self._microphone.render_level(meters.microphone_db)
        self._speaker.render_level(meters.speaker_db)


def _button(words: str, name: str, pressed: object) -> Button:
    button = Button(words, name=name, height=Size.BUTTON_SMALL)
    button.clicked.connect(pressed)
    return button


def _toggle(words: str, name: str, changed: object) -> Button:
    button = Button(words, name=name, height=Size.BUTTON_SMALL)

    def pressed() -> None:
        _show_chosen(button, not button.chosen)

    button.clicked.connect(pressed)
    button.clicked.connect(changed)
    return button


def _show_chosen(button: Button, chosen: bool) -> None:
    button.chosen = chosen
    button.setAccessibleDescription(button.tr("On") if chosen else button.tr("Off"))
    button.update()
