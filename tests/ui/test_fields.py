"""Inputs: the engine's words at the field, drafts, and what a new page must not destroy."""

from __future__ import annotations

from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QTextBrowser, QWidget

from halodesk.engine import commands as c
from halodesk.engine.registry import field_types, step_types
from halodesk.ui.fields.registry import field_widget, field_widgets
from halodesk.ui.fields.text import TextField
from halodesk.ui.parts.tiles import Tile
from halodesk.ui.steps.base import StepLayout
from halodesk.ui.steps.registry import step_layout, step_layouts
from tests.ui.hands import Hands, Key


def answers(hands: Hands, field: str) -> list[Any]:
    found = [command for command in hands.desk.commands if isinstance(command, c.Answer)]
    return [command.raw for command in found if command.field == field]


def test_every_field_type_of_the_engine_has_a_widget() -> None:
    assert set(field_widgets()) == set(field_types())
    assert field_widget("of_tomorrow") is TextField


def test_step_types_with_a_page_of_their_own() -> None:
    assert set(step_layouts()) <= set(step_types())
    assert {"start", "billing_shipping", "payment_form", "api_call", "end"} <= set(step_layouts())
    assert type(step_layout("of_tomorrow")) is StepLayout


def test_refused_words_stand_at_the_field(hands: Hands) -> None:
    hands.to_step("gather")
    line = hands.line("field:phone")
    line.setFocus()
    hands.type("12")
    hands.key(Key.Key_Tab)
    assert hands.error("phone") == "This phone number has too few or too many digits."
    assert line.text() == "12"
    assert line.accessibleDescription() == hands.error("phone")
    line.setFocus()
    hands.type("0")
    assert hands.error("phone") == ""


def test_a_refused_field_stops_the_submit_and_takes_the_focus(hands: Hands) -> None:
    hands.to_step("gather")
    hands.fill("Robin", "Ortiz", "2025550143", "no mail address")
    hands.key(Key.Key_Return)
    assert hands.step == "gather"
    assert hands.error("email")
    assert hands.focus is hands.line("field:email")


def test_an_accepted_value_is_shown_as_the_engine_keeps_it(hands: Hands) -> None:
    hands.to_step("gather")
    hands.line("field:phone").setFocus()
    hands.type("202-555-0143")
    hands.key(Key.Key_Tab)
    assert hands.line("field:phone").text() == "(202) 555-0143"
    assert answers(hands, "phone") == ["202-555-0143"]


def test_a_card_number_in_a_plain_field_is_refused_in_words(hands: Hands) -> None:
    hands.to_step("gather")
    hands.type("4242 4242 4242 4242")
    hands.key(Key.Key_Tab)
    assert "card number" in hands.error("first_name")


def test_drafts_go_out_while_typing_and_at_once_when_left(hands: Hands) -> None:
    hands.to_step("gather")
    hands.type("Ro")
    assert hands.desk.draft_calls == []
    hands.until(lambda: hands.desk.draft_calls == [("first_name", "Ro")])
    hands.type("b")
    hands.key(Key.Key_Tab)
    assert hands.desk.draft_calls[-1] == ("first_name", "Rob")
    assert answers(hands, "first_name") == ["Rob"]


def test_losing_the_window_keeps_a_draft_and_commits_nothing(hands: Hands) -> None:
    hands.to_step("gather")
    hands.type("Ro")
    other = QWidget()
    other.show()
    other.activateWindow()
    hands.until(lambda: hands.desk.draft_calls == [("first_name", "Ro")])
    assert answers(hands, "first_name") == []
    other.close()
    shiboken6.delete(other)


def test_half_typed_text_comes_back(hands: Hands) -> None:
    hands.to_step("main_offer")
    hands.desk.do(c.Back())
    hands.desk.draft("last_name", "Ort")
    hands.desk.draft("phone", "12")
    hands.window.step.page = None
    hands.window._entered = None
    hands.desk.tell("session")
    assert hands.line("field:first_name").text() == "Robin"
    assert hands.line("field:last_name").text() == "Ort"
    assert hands.line("field:phone").text() == "12"
    hands.key(Key.Key_Return)
    assert hands.error("phone")
    assert hands.step == "gather"


def test_a_new_page_of_the_same_visit_leaves_the_inputs_alone(hands: Hands) -> None:
    hands.to_step("gather")
    line = hands.line("field:last_name")
    line.setFocus()
    hands.type("Ortz")
    hands.key(Key.Key_Left)
    hands.desk.do(c.AddNote(text="Speaks softly"))
    hands.desk.do(c.Answer(field="first_name", raw="Robin"))
    assert hands.focus is line
    assert line.cursorPosition() == 3
    hands.type("i")
    assert line.text() == "Ortiz"
    assert hands.line("field:first_name").text() == "Robin"


def test_nothing_of_a_step_remains_in_the_next_one(hands: Hands) -> None:
    hands.to_step("gather")
    hands.fill("Robin", "Ortiz", "2025550143", "half@")
    hands.desk.do(c.Submit())
    assert hands.step == "main_offer"
    assert hands.window.findChildren(QWidget, "field:email") == []
    hands.desk.do(c.Back())
    assert hands.line("field:email").text() == ""


def test_an_address_is_one_answer_and_speaks_when_it_is_left(hands: Hands) -> None:
    hands.to_step("billing")
    assert hands.focus is hands.line("field:billing_address.line1")
    hands.fill("1 Market Street", "", "San Francisco")
    assert answers(hands, "billing_address")[1:] == []
    assert hands.error("billing_address") == ""
    hands.find("field:delivery_note", QPlainTextEdit).setFocus()
    assert hands.error("billing_address") == "The state or province is missing."
    hands.line("field:billing_address.region").setFocus()
    hands.fill("ca", "94105")
    hands.find("field:billing_address.country", QComboBox).setFocus()
    hands.find("field:delivery_note", QPlainTextEdit).setFocus()
    assert hands.error("billing_address") == ""
    assert hands.line("field:billing_address.region").text() == "CA"


def test_a_field_appears_where_another_asks_for_it(hands: Hands) -> None:
    hands.to_step("billing")
    assert not hands.sees("field:shipping_address.line1")
    hands.line("field:billing_address.line1").setFocus()
    hands.type("1 Mar")
    hands.click("field:ship_to_billing=false")
    assert hands.sees("field:shipping_address.line1")
    assert hands.line("field:billing_address.line1").text() == "1 Mar"
    assert hands.find("field:ship_to_billing=false", Tile).isChecked()
    hands.key(Key.Key_Left)
    assert hands.find("field:ship_to_billing=true", Tile).isChecked()
    assert not hands.sees("field:shipping_address.line1")


def test_enter_in_a_text_area_is_a_line_break(hands: Hands) -> None:
    hands.to_step("billing")
    box = hands.find("field:delivery_note", QPlainTextEdit)
    box.setFocus()
    hands.type("Ring")
    hands.key(Key.Key_Return)
    hands.type("1 x")
    assert box.toPlainText() == "Ring\n1 x"
    assert hands.step == "billing"


def test_digits_in_a_text_are_text(hands: Hands) -> None:
    hands.to_step("gather")
    hands.type("1")
    assert hands.step == "gather"
    assert hands.line("field:first_name").text() == "1"


def test_a_held_enter_submits_once(hands: Hands) -> None:
    hands.to_step("main_offer")
    event_count = len(hands.desk.commands)
    event = QKeyEvent(QEvent.Type.KeyPress, Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", True)
    QCoreApplication.sendEvent(hands.focus, event)
    assert len(hands.desk.commands) == event_count


def test_a_double_click_presses_no_button_of_the_next_page(hands: Hands) -> None:
    hands.to_step("main_offer")
    button = hands.find("choice:offer_response=yes", QWidget)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.objectName() == "choice:journal=true"
    QTest.mouseDClick(button, Qt.MouseButton.LeftButton)
    assert hands.step == "upsell"


def test_the_wheel_changes_no_list(hands: Hands) -> None:
    hands.to_step("end")
    combo = hands.find("field:disposition", QComboBox)
    before = combo.currentIndex()
    where = QPointF(combo.rect().center())
    event = QWheelEvent(
        where, combo.mapToGlobal(where), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QCoreApplication.sendEvent(combo, event)
    assert combo.currentIndex() == before


def test_the_script_loads_nothing(hands: Hands) -> None:
    script = hands.window.findChild(QTextBrowser, "script")
    assert script is not None
    assert script.loadResource(2, "file:///etc/hostname") is None
    assert not script.openLinks()


@pytest.mark.parametrize("name", ["<img src=x>Robin", "R & B", "Zoë Ångström-Łukasiewicz " * 4])
def test_a_caller_may_be_called_anything(hands: Hands, name: str) -> None:
    hands.desk.ring(name)
    assert hands.text("caller") == name
    hands.key(Key.Key_F2)
    hands.settle()
