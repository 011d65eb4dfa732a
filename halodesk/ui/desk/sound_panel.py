"""Which microphone, which headset or speaker, where it rings; tests: a small panel below its button (F9)."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from halodesk.protocol.phone_link import SoundSide, SoundState, SoundUse
from halodesk.runtime.ports import SoundPort, Unsubscribe
from halodesk.ui.desk.level_meter import LevelMeter
from halodesk.ui.desk.sound_tools import SoundTools
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Size, Space

_WIDTH = 400


class SoundButton(Button):
    """In the bar; red as long as somebody cannot hear or be heard as wanted. Opens the panel."""

    def __init__(self) -> None:
        super().__init__(kind="ghost", icon="sound", name="open_sound", height=Size.BUTTON_SMALL)
        self._sound: SoundPort | None = None
        self._panel: SoundPanel | None = None
        self._leave: Unsubscribe | None = None
        self.clicked.connect(self.open_panel)

    def attach(self, sound: SoundPort | None) -> None:
        """Shows the sound of this seat; without any there is no button."""
        self._sound = sound
        self.setVisible(sound is not None)
        if sound is not None:
            self._leave = sound.subscribe(self._render)
            self._render()

    def detach(self) -> None:
        """The window closes."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._panel is not None:
            self._panel.detach()

    def open_panel(self) -> None:
        """Shows the choice of devices."""
        if self._sound is not None:
            if self._panel is None:
                self._panel = SoundPanel(self, self._sound)
            self._panel.open_below(self)

    def _render(self) -> None:
        if self._sound is None:
            return
        state = self._sound.state
        troubled = next((use for use in (state.microphone, state.speaker) if use.message), None)
        meaning = self.tr("Sound: microphone and speaker")
        if state.silent:
            told = self.tr("This phone works without sound devices.")
        else:
            told = f"{troubled.message} {troubled.todo}" if troubled is not None else ""
        self.kind = "danger" if troubled is not None else "ghost"
        if troubled is state.microphone and troubled is not None:
            self.icon_name = "microphone_off"
        else:
            self.icon_name = "silent" if troubled is not None or state.silent else "sound"
        self.setAccessibleName(meaning)
        self.setAccessibleDescription(told)
        self.setToolTip(f"{told or meaning} (F9)")
        self.update()


class SoundPanel(QFrame):
    """A popup; Escape or a click beside it closes it. A choice counts at once, in mid-call too."""

    def __init__(self, parent: QWidget, sound: SoundPort) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("sound_panel")
        self.setProperty("pane", "card")
        self.setAccessibleName(self.tr("Sound"))
        self._sound = sound
        self.microphone = _Choice(self.tr("Microphone"), "sound_microphone")
        self.speaker = _Choice(self.tr("Headset or speaker"), "sound_speaker")
        self.ringer = _Choice(self.tr("Calls ring on"), "sound_ringer")
        self.more = SoundTools(sound, self.microphone.meter, self.speaker.meter)
        self._silent = label(role="help", name="sound_silent", wrap=True)
        self._sides: tuple[tuple[SoundSide, _Choice], ...] = (
            ("microphone", self.microphone),
            ("speaker", self.speaker),
            ("ringer", self.ringer),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.L, Space.XL, Space.XL)
        layout.setSpacing(Space.L)
        layout.addWidget(label(self.tr("Sound"), "section"))
        layout.addWidget(self._silent)
        for side, choice in self._sides:
            layout.addWidget(choice)
            choice.combo.activated.connect(partial(self._chosen, side))
        self.ringer.meter.hide()
        layout.addWidget(self.more)
        self.setFixedWidth(_WIDTH)
        self._render()
        self._leave: Unsubscribe = sound.subscribe(self._render)

    def open_below(self, anchor: QWidget) -> None:
        """Shows it, right edge under the right edge of `anchor`; the keyboard goes to it."""
        self.adjustSize()
        self.move(anchor.mapToGlobal(QPoint(anchor.width() - self.width(), anchor.height() + Space.XS)))
        self.show()
        self.microphone.combo.setFocus(Qt.FocusReason.PopupFocusReason)

    def detach(self) -> None:
        """The window closes."""
        self._leave()
        self.close()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody listens to himself behind a closed panel."""
        super().hideEvent(event)
        self.more.end()

    def _render(self) -> None:
        state = self._sound.state
        silent = self.tr("This phone works without sound devices. Ask IT to allow them.")
        set_text(self._silent, silent if state.silent else "")
        uses = (state.microphone, state.speaker, state.ringer)
        for (side, choice), use in zip(self._sides, uses, strict=True):
            choice.render_use(state, side, use)
        self.more.render_state(state)
        if self.isVisible():
            self.adjustSize()

    def _chosen(self, side: SoundSide, _index: int) -> None:
        choice = dict(self._sides)[side]
        self._sound.choose(side, choice.combo.currentData())


class _Choice(QWidget):
    """A caption, the list of devices, and what is wrong."""

    def __init__(self, words: str, name: str) -> None:
        super().__init__()
        self.combo = Combo()
        self.combo.setObjectName(name)
        self.combo.setAccessibleName(words)
        caption = label(words, "label")
        caption.setBuddy(self.combo)
        self._problem = label(role="error", name=f"{name}:problem", wrap=True)
        self.meter = LevelMeter(words, f"{name}:meter")
        self._shown: tuple[tuple[str, str], ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for widget in (caption, self.combo, self.meter, self._problem):
            layout.addWidget(widget)

    def render_use(self, state: SoundState, side: SoundSide, use: SoundUse) -> None:
        """The devices of this side; the list is left alone while it says the same."""
        end = "speaker" if side == "ringer" else side
        default = next((found.name for found in state.devices if found.side == end and found.default), "")
        follow = self.tr("System: {name}").format(name=default) if default else ""
        entries = [("", follow or self.tr("As the system chooses"))]
        entries += [(found.id, found.name) for found in state.devices if found.side == end]
        if use.preferred and use.preferred not in dict(entries):
            away = self.tr("{name} (not connected)").format(name=use.preferred_name or use.preferred)
            entries.append((use.preferred, away))
        if tuple(entries) != self._shown:
            self._shown = tuple(entries)
            self.combo.clear()
            for device, words in entries:
                self.combo.addItem(words, device)
        self.combo.setCurrentIndex(max(0, self.combo.findData(use.preferred)))
        self.combo.setEnabled(not state.silent and bool(state.backend))
        self.combo.setAccessibleDescription(use.message)
        set_text(self._problem, " ".join(filter(None, (use.message, use.todo))))
