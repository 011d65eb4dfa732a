"""The secure boxes: dots only, locked unless the mask is held, no way out for a digit."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QImage
from PySide6.QtWidgets import QLineEdit, QWidget

from halodesk.ui.parts.secret_box import SecretBox
from tests.ui.fake_desk import CVV, EXPIRY, GOOD_CARD
from tests.ui.hands import ALT, CTRL, NONE, Hands, Key

# Digits that occur nowhere else on the page, in any text.
ODD = "4539148803436467"


@pytest.fixture
def pay(hands: Hands) -> Hands:
    hands.to_step("payment")
    return hands


def box(hands: Hands, name: str) -> SecretBox:
    return hands.find(f"field:{name}", SecretBox)


def look(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def texts(hands: Hands) -> str:
    """All that a screen reader, a tool tip or a property could tell."""
    found: list[str] = []
    for widget in hands.window.findChildren(QWidget):
        found += [widget.accessibleName(), widget.accessibleDescription(), widget.toolTip()]
        found += [widget.statusTip(), widget.whatsThis(), widget.windowTitle(), widget.objectName()]
        found += [
            str(widget.property(name)) for name in ("text", "plainText", "html", "value", "role", "wrong")
        ]
        if isinstance(widget, SecretBox):
            interface = QAccessible.queryAccessibleInterface(widget)
            found += [interface.text(part) for part in QAccessible.Text]
            assert interface.textInterface() is None
    return "\n".join(found)


def test_the_boxes_are_no_text_inputs(pay: Hands) -> None:
    for name in ("card_number", "card_expiry", "card_cvv"):
        found = box(pay, name)
        assert not isinstance(found, QLineEdit)
        assert not found.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
        assert found.contextMenuPolicy() is Qt.ContextMenuPolicy.PreventContextMenu
        assert not found.acceptDrops()
        assert found.accessibleName()


def test_the_focus_goes_on_by_itself(pay: Hands) -> None:
    assert pay.focus is box(pay, "card_number")
    pay.type(GOOD_CARD)
    assert pay.focus is box(pay, "card_expiry")
    pay.type(EXPIRY)
    assert pay.focus is box(pay, "card_cvv")
    pay.type(CVV)
    assert pay.focus is box(pay, "card_cvv")
    assert pay.desk.state is not None
    assert set(pay.desk.state.secrets) == {"card_number", "card_expiry", "card_cvv"}


def test_no_digit_gets_out(pay: Hands) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    pay.type(ODD)
    pay.type("0987")
    first = box(pay, "card_number")
    first.setFocus()
    for key in (Key.Key_A, Key.Key_C, Key.Key_X, Key.Key_Z, Key.Key_V):
        pay.key(key, CTRL)
    assert clipboard.text() == "before"
    told = texts(pay)
    for start in range(len(ODD) - 3):
        assert ODD[start : start + 4] not in told
    assert "0987" not in told
    assert ODD not in repr(vars(first))
    assert ODD not in repr(pay.desk.commands)
    assert pay.desk.draft_calls == []


def test_pasting_and_dropping_do_nothing(pay: Hands) -> None:
    mime = QMimeData()
    mime.setText(GOOD_CARD)
    QGuiApplication.clipboard().setMimeData(mime)
    pay.key(Key.Key_V, CTRL)
    pay.key(Key.Key_Insert, Qt.KeyboardModifier.ShiftModifier)
    assert pay.desk.secret("card_number").length == 0
    QGuiApplication.clipboard().clear()


def test_backspace_and_clearing(pay: Hands) -> None:
    pay.type("4242")
    pay.key(Key.Key_Backspace)
    pay.key(Key.Key_Delete)
    assert pay.desk.secret("card_number").length == 2
    pay.key(Key.Key_Backspace, CTRL)
    assert pay.desk.secret("card_number").length == 0


def test_digits_press_no_choice_while_cards_are_typed(pay: Hands) -> None:
    pay.type_card()
    pay.type("1")
    assert pay.step == "payment"
    pay.key(Key.Key_1, ALT)
    assert pay.step == "confirmation"


def test_a_digit_is_painted_as_a_dot(pay: Hands) -> None:
    found = box(pay, "card_number")
    pay.type("1")
    one = look(found)
    pay.key(Key.Key_Backspace)
    pay.type("8")
    assert look(found) == one
    pay.type("8")
    assert look(found) != one


def test_what_is_wrong_with_the_digits_stands_below(pay: Hands) -> None:
    pay.desk.card_problem = "This is not a card number: one digit is wrong."
    pay.type("4242424242424241")
    assert pay.error("card_number") == pay.desk.card_problem
    assert pay.focus is box(pay, "card_number")
    pay.desk.card_problem = ""
    pay.key(Key.Key_Backspace)
    assert pay.error("card_number") == ""


def test_a_complete_shorter_number_does_not_move_the_focus(pay: Hands) -> None:
    """The check digit holds for one prefix in ten; the rest of the digits must not land elsewhere."""
    pay.desk.lengths["number"] = 13
    pay.type("4242424242424")
    assert pay.desk.secret("card_number").complete
    assert pay.focus is box(pay, "card_number")


def test_waiting_for_the_mask(hands: Hands) -> None:
    hands.desk.hold_mask = True
    hands.to_step("payment")
    assert hands.text("mask_indicator") == "MASKING…"
    found = box(hands, "card_number")
    assert found.locked
    before = look(found)
    hands.type("42421")
    assert hands.desk.secret("card_number").length == 0
    assert hands.step == "payment"
    assert look(found) == before
    hands.desk.confirm_mask()
    assert hands.text("mask_indicator") == "MASKED – recording paused"
    assert "HaloDesk recorder, PBX" in hands.find("mask_indicator", QWidget).toolTip()
    assert hands.focus is found
    hands.type("4")
    assert hands.desk.secret("card_number").length == 1


def test_a_lost_mask_blanks_and_locks_at_once(pay: Hands) -> None:
    empty = box(pay, "card_number")
    pay.type_card()
    typed = look(empty)
    pay.desk.hold_mask = True
    pay.desk.lose_mask()
    assert pay.text("mask_indicator") == "MASK LOST – inputs locked"
    for name in ("card_number", "card_expiry", "card_cvv"):
        assert box(pay, name).locked
    blank = look(empty)
    assert blank != typed
    pay.type("1")
    assert pay.desk.secret("card_number").length == 0
    assert look(empty) == blank
    pay.key(Key.Key_Return, NONE)
    assert pay.step == "payment"
    assert pay.sees("problem")
    pay.desk.confirm_mask()
    assert pay.focus is box(pay, "card_number")


def test_the_boxes_are_empty_on_the_next_visit(pay: Hands) -> None:
    pay.desk.declines = ["Not enough funds."]
    pay.type_card()
    pay.key(Key.Key_Return)
    assert pay.step == "declined"
    pay.key(Key.Key_1)
    assert pay.step == "payment"
    for name in ("card_number", "card_expiry", "card_cvv"):
        assert box(pay, name)._view.length == 0
