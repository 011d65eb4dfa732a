"""multi_select in the window: arrow keys move, Space ticks, the page keeps its own keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from halodesk.ui.parts.tick_list import ROW, TickList
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form, value
from tests.ui.hands import Key

OPTIONS = [{"value": f"v{index}", "label": f"Option {index}"} for index in range(9)]


@pytest.fixture
def desk() -> FakeDesk:
    return form(
        {"name": "many", "type": "multi_select", "label": "Many", "options": OPTIONS, "config": {"max": 2}},
        {"name": "other", "type": "text"},
    )


def test_by_keys(open_window: Opener) -> None:
    hands = at_form(open_window)
    ticks = hands.find("field:many", TickList)
    assert hands.focus is ticks
    assert ticks.accessibleName() == "Many"
    for key in (Key.Key_Down, Key.Key_Space, Key.Key_Up, Key.Key_Space):
        hands.key(key)
    assert value(hands, "many") == ["v0", "v1"]
    hands.key(Key.Key_Space)
    assert value(hands, "many") == ["v1"]
    hands.key(Key.Key_Tab)
    assert hands.focus.objectName() == "field:other"


def test_too_many_are_refused_and_stay_ticked(open_window: Opener) -> None:
    hands = at_form(open_window)
    for key in (Key.Key_Space, Key.Key_Down, Key.Key_Space, Key.Key_Down, Key.Key_Space):
        hands.key(key)
    assert hands.error("many") == "Choose at most 2; these are 3."
    assert value(hands, "many") == ["v0", "v1"]
    assert hands.find("field:many", TickList).chosen() == ["v0", "v1", "v2"]


def test_a_click_anywhere_in_the_row(open_window: Opener) -> None:
    hands = at_form(open_window)
    ticks = hands.find("field:many", TickList)
    where = QPoint(ticks.viewport().width() - 30, ROW + ROW // 2)
    QTest.mouseClick(ticks.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert value(hands, "many") == ["v1"]


def test_enter_and_digits_belong_to_the_page(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.type("7")
    assert hands.find("field:many", TickList).currentRow() == 0
    assert hands.step == "form"  # there is no seventh choice
    hands.key(Key.Key_Return)
    assert hands.step == "end"
