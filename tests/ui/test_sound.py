"""The choice of sound devices in the window."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QWidget

from halodesk.protocol.phone_link import SoundState, SoundUse
from halodesk.ui.desk.sound_panel import SoundButton, SoundPanel
from halodesk.ui.theme.tokens import THEMES, ThemeName
from tests.fakes.sound import ALL_WELL, NO_MICROPHONE, FakeSound
from tests.ui.conftest import Opener
from tests.ui.hands import Hands, Key


def entries(combo: QComboBox) -> list[str]:
    return [combo.itemText(row) for row in range(combo.count())]


def panel(hands: Hands) -> SoundPanel:
    found = hands.window.findChild(SoundPanel)
    assert found is not None
    assert found.isVisible()
    return found


def test_devices_are_chosen_by_keyboard_alone(hands: Hands, sound: FakeSound) -> None:
    hands.key(Key.Key_F9)
    shown = panel(hands)
    combo = shown.microphone.combo
    assert combo.hasFocus()
    assert entries(combo) == [
        "System: Jabra Evolve2 65",
        "Jabra Evolve2 65",
        "Built-in microphone",
    ]
    QTest.keyClick(combo, Key.Key_Down)
    QTest.keyClick(combo, Key.Key_Down)
    assert sound.chosen[-1] == ("microphone", "builtin_mic")
    chosen = replace(ALL_WELL.microphone, preferred="builtin_mic", preferred_name="Built-in microphone")
    sound.show(replace(ALL_WELL, microphone=chosen))
    assert combo.currentText() == "Built-in microphone"
    QTest.keyClick(combo, Key.Key_Tab)
    assert shown.speaker.combo.hasFocus()
    QTest.keyClick(shown.speaker.combo, Key.Key_Escape)
    assert not shown.isVisible()


def test_a_choice_that_was_refused_is_taken_back(hands: Hands, sound: FakeSound) -> None:
    hands.key(Key.Key_F9)
    combo = panel(hands).speaker.combo
    combo.setCurrentIndex(2)
    sound.show(sound.state)
    assert combo.currentIndex() == 0


@pytest.mark.parametrize("theme", THEMES)
def test_a_microphone_that_is_gone_is_seen_and_said(
    open_window: Opener, sound: FakeSound, theme: ThemeName
) -> None:
    hands = open_window(theme)
    button = hands.find("open_sound", SoundButton)
    assert button.kind == "ghost"
    sound.show(NO_MICROPHONE)
    assert (button.kind, button.icon_name) == ("danger", "microphone_off")
    assert "was unplugged" in button.toolTip()
    assert "cannot hear you" in button.accessibleDescription()
    button.click()
    shown = panel(hands)
    problem = shown.findChild(QLabel, "sound_microphone:problem")
    assert problem is not None
    assert problem.isVisible()
    assert "Plug it in again" in problem.text()
    assert shown.microphone.combo.currentText() == "Jabra Evolve2 65 (not connected)"
    shown.grab().save(str(hands.pictures / f"{theme}-sound-panel.png"))
    hands.window.grab().save(str(hands.pictures / f"{theme}-sound-bar.png"))
    sound.show(ALL_WELL)
    assert not problem.isVisible()
    assert button.kind == "ghost"
    shown.grab().save(str(hands.pictures / f"{theme}-sound-well.png"))


def test_a_phone_without_sound_says_so(hands: Hands, sound: FakeSound) -> None:
    sound.show(SoundState(silent=True))
    hands.key(Key.Key_F9)
    shown = panel(hands)
    assert not shown.microphone.combo.isEnabled()
    silent = shown.findChild(QWidget, "sound_silent")
    assert silent is not None
    assert silent.isVisible()
    assert hands.find("open_sound", SoundButton).icon_name == "silent"


def test_no_speaker(hands: Hands, sound: FakeSound) -> None:
    sound.show(replace(ALL_WELL, speaker=SoundUse(message="No headset or speaker is connected.")))
    assert hands.find("open_sound", SoundButton).icon_name == "silent"


def test_the_closed_window_hears_nothing(open_window: Opener, sound: FakeSound) -> None:
    hands = open_window()
    hands.key(Key.Key_F9)
    hands.window.close()
    assert sound.listeners == []
