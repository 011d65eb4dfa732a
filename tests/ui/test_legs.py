"""Several calls in the window: transfer, swap, conference, a call that waits; by key and by mouse."""

from __future__ import annotations

import time
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.ui.desk.transfer_dialog import TransferDialog
from halodesk.ui.parts.buttons import Button
from tests.ui.hands import Hands, Key


def leg(**more: Any) -> CallInfo:
    """Somebody who is asked to take the caller."""
    given: dict[str, Any] = {
        "key": "leg",
        "sip_call_id": "sip-2",
        "account": "main",
        "direction": "out",
        "state": "active",
        "remote_number": "1003",
        "remote_name": "Sam Stone",
        "begun_at": time.time() - 20,
        "answered_at": time.time() - 12,
        "beside": "call-1",
    }
    return CallInfo(**(given | more))


def waiting() -> CallInfo:
    """A second customer."""
    return leg(
        key="second", direction="in", state="incoming", answered_at=None, beside="", remote_name="Kim Park"
    )


def show(hands: Hands, *beside: CallInfo, **call: Any) -> None:
    """The phone says how the calls stand."""
    assert hands.desk.call is not None
    hands.desk.call = replace(hands.desk.call, **call)
    hands.desk.beside = beside
    hands.desk.tell("call")
    hands.settle()


def dialog(hands: Hands) -> TransferDialog:
    """The dialog, open."""
    found = hands.window.findChild(TransferDialog)
    assert isinstance(found, TransferDialog)
    return found


def part(owner: QWidget, name: str, kind: type[Any]) -> Any:
    """A named part."""
    found = owner.findChild(kind, name)
    assert found is not None, name
    return found


def test_the_caller_is_handed_over_by_keyboard(hands: Hands) -> None:
    hands.start_call()
    hands.key(Key.Key_F3)
    asked = dialog(hands)
    assert asked.isVisible()
    assert "Robin Ortiz" in part(asked, "transfer_who", QWidget).text()
    number = part(asked, "transfer_number", QLineEdit)
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert asked.isVisible(), "to nobody"
    assert not part(asked, "transfer_blind", Button).isEnabled()
    QTest.keyClicks(number, "1003")
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert not asked.isVisible()
    assert hands.desk.wishes == [("transfer", "1003", False)]


def test_somebody_is_asked_first(hands: Hands) -> None:
    hands.start_call()
    hands.click("transfer_call")
    number = part(dialog(hands), "transfer_number", QLineEdit)
    QTest.keyClicks(number, "1004")
    QTest.keyClick(number, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert hands.desk.wishes == [("transfer", "1004", True)]
    hands.key(Key.Key_F3)
    assert part(dialog(hands), "transfer_number", QLineEdit).text() == "", "nothing is left of the last one"
    QTest.keyClick(dialog(hands), Qt.Key.Key_Escape)
    assert not dialog(hands).isVisible()


def test_a_masked_page_says_why_nobody_is_handed_over(hands: Hands) -> None:
    hands.start_call()
    hands.to_step("payment")
    hands.key(Key.Key_F3)
    asked = dialog(hands)
    QTest.keyClicks(part(asked, "transfer_number", QLineEdit), "1003")
    assert not part(asked, "transfer_blind", Button).isEnabled()
    assert "masked" in part(asked, "transfer_problem", QWidget).text()
    QTest.keyClick(part(asked, "transfer_number", QLineEdit), Qt.Key.Key_Return)
    assert hands.desk.wishes == []
    QTest.keyClick(asked, Qt.Key.Key_Escape)


def test_help_is_called_even_from_a_masked_page(hands: Hands) -> None:
    hands.start_call()
    hands.to_step("payment")
    hands.key(Key.Key_F3)
    number = part(dialog(hands), "transfer_number", QLineEdit)
    QTest.keyClicks(number, "112")
    assert part(dialog(hands), "transfer_blind", Button).words == "Call 112 now"
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert hands.desk.wishes == [("transfer", "112", False)]


def test_one_who_was_asked_is_swapped_joined_handed_to_and_dropped(hands: Hands) -> None:
    hands.start_call()
    show(hands, leg(), hold="on")
    assert hands.text("leg_0_caller") == "Sam Stone"
    assert hands.text("leg_0_state") == "Connected"
    assert hands.text("call_state") == "On hold"
    assert hands.text("leg_0_timer").endswith("12")
    for key in (Key.Key_F5, Key.Key_F10, Key.Key_F3):
        hands.key(key)
    for name in ("swap", "merge", "hand_over", "end"):
        hands.click(f"leg_0_{name}")
    assert hands.desk.wishes == [
        *(("swap",), ("merge",), ("complete_transfer",)),
        *(("swap",), ("merge",), ("complete_transfer",), ("hang_up_leg", "leg")),
    ]
    QTest.keyClick(hands.window, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert hands.desk.wishes[-1] == ("cancel_transfer",)


def test_one_who_is_being_called_can_be_given_up(hands: Hands) -> None:
    hands.start_call()
    show(hands, leg(state="early", answered_at=None), hold="on", transfer="asked")
    assert hands.text("call_state") == "Transferring"
    assert hands.text("leg_0_state") == "Ringing there"
    assert not hands.sees("leg_0_swap")
    hands.key(Key.Key_F3)
    QTest.keyClicks(part(dialog(hands), "transfer_number", QLineEdit), "1005")
    assert not part(dialog(hands), "transfer_blind", Button).isEnabled(), "one transfer at a time"
    QTest.keyClick(dialog(hands), Qt.Key.Key_Escape)
    hands.click("leg_0_end")
    assert hands.desk.wishes == [("cancel_transfer",)]


def test_a_conference_is_taken_apart_and_cannot_be_held(hands: Hands) -> None:
    hands.start_call()
    show(hands, leg(conference=True), conference=True)
    assert hands.text("call_state") == "In conference"
    assert hands.text("leg_0_state") == "In conference"
    assert not hands.sees("leg_0_hand_over")
    assert not hands.find("hold_call", Button).isEnabled()
    hands.key(Key.Key_F6)
    hands.key(Key.Key_F10)
    hands.click("leg_0_merge")
    assert hands.desk.wishes == [("split",), ("split",)]


def test_a_second_call_waits_until_it_is_taken_or_declined(hands: Hands) -> None:
    hands.start_call()
    show(hands, waiting())
    assert hands.text("leg_0_state") == "Waiting"
    assert hands.find("leg_0_answer", Button).accessibleName() == "Answer Kim Park, hold the other call"
    hands.key(Key.Key_F2)
    hands.click("leg_0_answer")
    hands.click("leg_0_end")
    assert hands.desk.wishes == [("answer_waiting",), ("answer_waiting",), ("hang_up_leg", "second")]
    show(hands)
    assert not hands.sees("leg_0_answer")


def test_every_leg_has_names_and_is_reached_by_tab(hands: Hands) -> None:
    hands.start_call()
    show(hands, leg(), leg(key="b", hold="on"), waiting(), hold="on")
    for row in range(3):
        for name in ("answer", "hand_over", "swap", "merge", "end"):
            button = part(hands.window, f"leg_{row}_{name}", Button)
            assert button.accessibleName()
            if button.isVisible():
                assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    hands.window.resize(720, 700)
    hands.settle()
    assert hands.find("leg_0_caller", QWidget).width() > 60, "a name has room in a narrow window"


def test_a_call_that_waits_is_seen_on_the_other_pages(hands: Hands) -> None:
    hands.start_call()
    show(hands, waiting())
    hands.window.calls.render_calls(away=True)
    hands.settle()
    band = hands.window.ring_band
    assert band.isVisible()
    assert band.accessibleName() == "Kim Park is waiting"
    answer, decline = (part(band, name, Button) for name in ("ring_answer", "ring_decline"))
    assert answer.words == "Answer and hold"
    assert decline.accessibleName() == "Tell Kim Park that the line is busy"
    for button in (answer, decline):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert hands.desk.wishes == [("answer_waiting",), ("refuse_waiting",)]
