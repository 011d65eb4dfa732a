"""Hold, microphone and keypad by keys and by mouse, and what they say."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from halodesk.protocol.phone_link import HoldState
from halodesk.ui.desk.keypad import Keypad
from halodesk.ui.parts.buttons import Button
from tests.ui.hands import Hands, Key


def button(hands: Hands, name: str) -> Button:
    """One of the controls."""
    return hands.find(name, Button)


def with_hold(hands: Hands, hold: HoldState) -> None:
    """The phone says how the hold stands."""
    assert hands.desk.call is not None
    hands.desk.call = replace(hands.desk.call, hold=hold)
    hands.desk.tell("call")


def test_there_are_no_controls_without_a_connected_call(hands: Hands) -> None:
    for key in (Key.Key_F6, Key.Key_F7, Key.Key_F8):
        hands.key(key)
    hands.desk.ring()
    assert not hands.sees("hold_call")
    hands.key(Key.Key_F6)
    hands.key(Key.Key_F2)
    assert hands.sees("hold_call")
    hands.key(Key.Key_F4)
    assert not hands.sees("hold_call")


def test_hold_by_key_and_by_mouse(hands: Hands) -> None:
    hands.start_call()
    assert button(hands, "hold_call").accessibleName() == "Hold the call"
    hands.key(Key.Key_F6)
    assert hands.text("call_state") == "On hold"
    assert button(hands, "hold_call").accessibleName() == "Take the call back"
    assert not button(hands, "open_keypad").isEnabled()
    hands.click("hold_call")
    assert hands.text("call_state") == "Connected"


def test_a_hold_that_is_not_answered_yet_takes_no_second_wish(hands: Hands) -> None:
    hands.start_call()
    with_hold(hands, "pending")
    assert hands.text("call_state") == "One moment"
    assert not button(hands, "hold_call").isEnabled()
    hands.key(Key.Key_F6)
    assert hands.desk.call is not None
    assert hands.desk.call.hold == "pending"


def test_the_microphone_is_muted_and_never_called_a_mask(hands: Hands) -> None:
    hands.start_call()
    hands.key(Key.Key_F7)
    assert hands.desk.call is not None
    assert hands.desk.call.microphone_muted
    assert hands.text("call_state") == "Mic muted"
    muted = button(hands, "mute_microphone")
    assert muted.accessibleName() == "Open the microphone"
    for words in (muted.accessibleName(), muted.toolTip(), muted.words, hands.text("call_state")):
        assert "mask" not in words.lower()
    assert hands.text("mask_indicator") == "REC", "the recording goes on"
    hands.click("mute_microphone")
    assert hands.text("call_state") == "Connected"


def test_the_keypad_takes_keys_and_clicks_once_each(hands: Hands) -> None:
    hands.start_call()
    hands.key(Key.Key_F8)
    hands.settle()
    pad = hands.window.findChild(Keypad)
    assert isinstance(pad, Keypad)
    assert pad.isVisible()
    QTest.keyClicks(pad, "1x9")
    QTest.keyClick(pad, Qt.Key.Key_Asterisk)
    for name in ("keypad_hash", "keypad_0"):
        key = pad.findChild(Button, name)
        assert isinstance(key, Button)
        assert key.accessibleName()
        QTest.mouseClick(key, Qt.MouseButton.LeftButton)
    assert hands.desk.keys == ["1", "9", "*", "#", "0"]
    with_hold(hands, "on")
    assert not pad.isVisible(), "no keys while the other side waits"


def test_a_narrow_window_shows_signs_with_names(hands: Hands) -> None:
    hands.window.resize(720, 700)
    hands.start_call()
    hands.settle()
    for name in ("hold_call", "mute_microphone", "open_keypad"):
        assert button(hands, name).accessibleName()
        assert button(hands, name).words == ""
    assert button(hands, "hang_up").accessibleName() == "Hang up"
    assert hands.find("caller", QLabel).width() > 60, "the caller's name has room"
    hands.window.resize(1680, 900)
    hands.settle()
    assert button(hands, "hold_call").words == "Hold"
