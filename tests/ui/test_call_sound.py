"""Levels, quality, ringing and the tests of the sound as an agent sees and presses them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from halodesk.protocol.phone_link import Meters
from halodesk.protocol.phone_sound import CallQuality, Ringing
from halodesk.ui.desk.level_meter import LevelMeter
from halodesk.ui.desk.sound_panel import SoundPanel
from halodesk.ui.theme.tokens import THEMES, ThemeName
from tests.fakes.sound import ALL_WELL, FakeSound
from tests.ui.conftest import Opener
from tests.ui.hands import Hands, Key

BAD = CallQuality(
    call="call-1", loss_out=0.08, mos_in=4.3, mos_out=2.9, reported=True, round_trip_ms=41.0,
    message="The caller hears you badly: 8 % of the sound is lost.", todo="Use a cable instead of Wi-Fi.",
)  # fmt: skip


def last(sound: FakeSound) -> tuple[object, ...]:
    return sound.asked[-1]


def panel(hands: Hands) -> SoundPanel:
    hands.key(Key.Key_F9)
    found = hands.window.findChild(SoundPanel)
    assert found is not None
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_a_bad_line_is_said_in_the_call_panel_and_levels_move(
    open_window: Opener, sound: FakeSound, theme: ThemeName
) -> None:
    hands = open_window(theme)
    assert not hands.sees("call_sound")
    hands.start_call()
    assert hands.sees("call_sound")
    sound.meters = Meters(microphone_db=-18.0, speaker_db=-27.0)
    microphone, speaker = hands.find("meter:microphone", LevelMeter), hands.find("meter:speaker", LevelMeter)
    hands.until(lambda: microphone.share > 0.6)
    assert 0.4 < speaker.share < 0.6
    assert not hands.sees("call_quality")
    sound.qualities["call-1"] = BAD
    sound.show(ALL_WELL)
    assert hands.text("call_quality") == BAD.message
    assert "2.9" in hands.window.call_panel.sound.toolTip()
    hands.window.grab().save(str(hands.pictures / f"{theme}-call-quality.png"))
    sound.meters = Meters()
    hands.until(lambda: microphone.share == 0.0)
    hands.key(Key.Key_F4)
    hands.until(lambda: not hands.sees("call_sound"))
    assert not hands.sees("call_quality")


def test_a_muted_microphone_shows_no_level(hands: Hands, sound: FakeSound) -> None:
    hands.start_call()
    sound.meters = Meters(microphone_db=-10.0, speaker_db=-10.0)
    microphone = hands.find("meter:microphone", LevelMeter)
    hands.until(lambda: microphone.share > 0.5)
    hands.key(Key.Key_F7)
    hands.until(lambda: microphone.share == 0.0)


def test_nobody_is_asked_for_levels_that_nobody_sees(hands: Hands, sound: FakeSound) -> None:
    calls = hands.window.call_panel.sound
    assert not calls._tick.isActive()
    hands.start_call()
    assert calls._tick.isActive()
    hands.key(Key.Key_F4)
    hands.until(lambda: not calls._tick.isActive())


@pytest.mark.parametrize("theme", THEMES)
def test_ringing_echo_and_tests_are_chosen_in_the_panel(
    open_window: Opener, sound: FakeSound, theme: ThemeName
) -> None:
    hands = open_window(theme)
    sound.echo_number = "*43"
    shown = panel(hands)
    tools = shown.more
    sound.show(replace(ALL_WELL, ringing=Ringing(volume=80)))
    assert tools.volume.currentText() == "Normal"
    shown.ringer.combo.setFocus()
    QTest.keyClick(shown.ringer.combo, Key.Key_Down)
    assert sound.chosen[-1] == ("ringer", "headset")
    tools.volume.setFocus()
    QTest.keyClick(tools.volume, Key.Key_Up)
    assert last(sound) == ("ringing", 100, False)
    sound.show(replace(ALL_WELL, ringing=Ringing(volume=100)))
    tools.headset_too.click()
    assert last(sound) == ("ringing", 100, True)
    tools.echo.click()
    assert last(sound) == ("echo", True)
    tools.hear.click()
    assert last(sound) == ("test", "hear")
    sound.meters = Meters(microphone_db=-20.0, speaker_db=-30.0)
    sound.show(replace(ALL_WELL, test="hear", cancel_echo=True))
    assert tools.hear.chosen
    assert tools.echo.chosen
    hands.until(lambda: shown.microphone.meter.share > 0.5)
    told = shown.findChild(QLabel, "sound_told")
    assert told is not None
    assert "moment later" in told.text()
    shown.grab().save(str(hands.pictures / f"{theme}-sound-tools.png"))
    tools.hear.click()
    assert last(sound) == ("test", "off")
    tools.call.click()
    assert last(sound) == ("call",)


def test_a_closed_panel_ends_the_test(hands: Hands, sound: FakeSound) -> None:
    shown = panel(hands)
    shown.more.record.click()
    sound.show(replace(ALL_WELL, test="record"))
    QTest.keyClick(shown, Key.Key_Escape)
    assert sound.asked == [("test", "record"), ("test", "off")]
    hands.key(Key.Key_F9)
    sound.show(ALL_WELL)
    QTest.keyClick(shown, Key.Key_Escape)
    assert len(sound.asked) == 2, "nothing runs, nothing to end"


def test_without_an_echo_number_there_is_no_test_call(hands: Hands) -> None:
    assert not panel(hands).more.call.isVisible()
