"""date in the window: typed, by arrow keys, from the calendar; read back with its weekday."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCalendarWidget, QLabel

from halodesk.ui.parts.date_line import DateLine
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form, value
from tests.ui.hands import ALT, Hands, Key


@pytest.fixture
def desk() -> FakeDesk:
    return form(
        {"name": "born", "type": "date", "label": "Date of birth", "config": {"max": "2026-12-31"}},
        {"name": "other", "type": "text"},
    )


def calendar(hands: Hands) -> QCalendarWidget:
    found = hands.window.findChild(QCalendarWidget, "calendar")
    assert found is not None
    return found


def test_it_is_read_back_with_its_weekday(open_window: Opener) -> None:
    hands = at_form(open_window)
    assert hands.line("field:born").placeholderText() == "MM/DD/YYYY"
    hands.type("3/4/1981")
    hands.key(Key.Key_Tab)
    assert value(hands, "born") == "1981-03-04"
    assert hands.line("field:born").text() == "03/04/1981"
    assert hands.find("field_reads:born", QLabel).text() == "Wednesday, March 4, 1981"
    hands.line("field:born").setFocus()
    hands.key(Key.Key_Up)
    assert hands.line("field:born").text() == "03/05/1981"
    assert not hands.sees("field_reads:born")  # of what has changed since, nothing is said
    hands.key(Key.Key_Tab)
    assert value(hands, "born") == "1981-03-05"


def test_the_calendar_by_keys(open_window: Opener) -> None:
    hands = at_form(open_window)
    line = hands.find("field:born", DateLine)
    hands.type("12/30/2026")
    QTest.keyClick(line, Key.Key_Down, ALT)
    hands.settle()
    found = calendar(hands)
    assert found.isVisible()
    assert found.maximumDate().toString("yyyy-MM-dd") == "2026-12-31"
    inner = QApplication.focusWidget() or found
    QTest.keyClick(inner, Key.Key_Right)
    QTest.keyClick(inner, Key.Key_Return)
    hands.settle()
    assert not found.isVisible()
    assert line.text() == "12/31/2026"
    assert value(hands, "born") == "2026-12-31"


def test_escape_leaves_the_calendar_and_changes_nothing(open_window: Opener) -> None:
    hands = at_form(open_window)
    line = hands.find("field:born", DateLine)
    QTest.keyClick(line, Key.Key_Down, ALT)
    hands.settle()
    QTest.keyClick(calendar(hands), Key.Key_Escape)
    hands.settle()
    assert not calendar(hands).isVisible()
    assert value(hands, "born") is None
    assert line.text() == ""
