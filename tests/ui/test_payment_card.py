"""The last charge on the Desk: what the issuer said, and a void that asks before it does."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget

from halodesk.engine import commands as c
from halodesk.ui.theme.active import ThemeChoice
from tests.ui.conftest import Opener
from tests.ui.hands import Hands, Key


def paid(hands: Hands) -> Hands:
    hands.to_step("confirmation")
    hands.settle()
    return hands


def take_backs(hands: Hands) -> list[c.TakeBack]:
    return [command for command in hands.desk.commands if isinstance(command, c.TakeBack)]


def test_it_shows_once_there_is_something_to_say(hands: Hands) -> None:
    hands.to_step("payment")
    assert not hands.sees("payment_title")
    paid(hands)
    assert hands.text("payment_state") == "Paid, approval A1."
    assert "···· 4242" in hands.text("payment_title")


def test_a_void_asks_first_and_the_safe_answer_has_the_focus(hands: Hands) -> None:
    paid(hands)
    hands.click("take_back")
    assert hands.focus is hands.find("take_back_no", QWidget)
    assert hands.text("take_back_question") == "Undo this payment?"
    hands.key(Key.Key_Return)
    assert take_backs(hands) == []
    assert not hands.sees("take_back_yes")
    assert hands.focus is hands.find("take_back", QWidget)


def test_a_void_by_keys(hands: Hands) -> None:
    paid(hands)
    hands.desk.hold_effects = True
    hands.find("take_back", QWidget).setFocus()
    hands.key(Key.Key_Return)
    hands.find("take_back_yes", QWidget).setFocus()
    hands.key(Key.Key_Return)
    (command,) = take_backs(hands)
    assert command.kind == "void"
    assert hands.text("payment_state") == "Being voided …"
    assert not hands.sees("take_back")
    hands.desk.settle()
    assert hands.text("payment_state") == "Voided: nothing is taken."
    assert not hands.sees("take_back")


def test_a_refund_without_the_role_says_whom_to_ask(hands: Hands) -> None:
    paid(hands)
    hands.desk.hold_effects = True
    hands.click("take_back")
    hands.click("take_back_yes")
    assert hands.desk.state is not None
    (effect,) = hands.desk.state.effects
    hands.desk.report(effect, "declined", code="already_settled", reason="It is settled.")
    assert "It is settled." in hands.text("payment_state")
    hands.click("take_back")
    assert "back?" in hands.text("take_back_question")
    hands.click("take_back_yes")
    assert take_backs(hands)[-1].kind == "refund"
    assert "supervisor" in hands.text("payment_error")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_how_it_looks(open_window: Opener, theme: ThemeChoice) -> None:
    hands = paid(open_window(theme))
    hands.picture(f"payment-card-{theme}")
    hands.click("take_back")
    image = hands.picture(f"payment-card-asking-{theme}")
    assert image.width() == 1280
