"""date_time in the window: a gap is explained, a time that comes twice is asked about."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QComboBox, QLabel

from halodesk.ui.parts.tiles import Tile
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form, value
from tests.ui.hands import Key


@pytest.fixture
def desk() -> FakeDesk:
    zones = {"zone": "America/New_York", "zones": ["America/Chicago"]}
    return form(
        {"name": "visit", "type": "date_time", "label": "Visit", "config": zones},
        {"name": "other", "type": "text"},
    )


def test_three_parts_one_answer(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.fill("11/21/2026", "2:30 pm")
    assert value(hands, "visit") is None
    assert hands.error("visit") == ""
    hands.key(Key.Key_Tab)
    assert hands.focus is hands.find("field:visit.zone", QComboBox)
    hands.key(Key.Key_Down)
    hands.settle()
    hands.key(Key.Key_Tab)
    assert value(hands, "visit") == {
        "utc": "2026-11-21T20:30:00Z",
        "zone": "America/Chicago",
        "local": "2026-11-21T14:30",
    }
    assert hands.find("field_reads:visit", QLabel).text().endswith("2:30 PM CST (8:30 PM UTC)")
    names = [widget.accessibleName() for widget in hands.window.step.fields.widgets["visit"].inputs()]
    assert names == ["Visit: date", "Visit: time", "Visit: time zone"]


def test_a_gap_is_refused_in_words(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.fill("3/8/2026", "2:30 am")
    hands.line("field:other").setFocus()
    assert "the clocks go forward from 2:00 AM to 3:00 AM" in hands.error("visit")
    assert value(hands, "visit") is None


def test_a_time_that_comes_twice_offers_both_readings_by_keys(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.fill("11/1/2026", "1:30 am")
    first, second = (hands.find(f"field:visit={fold}", Tile) for fold in (0, 1))
    assert first.accessibleName() == "Visit: 1:30 AM EDT, the first"
    hands.key(Key.Key_Tab)
    hands.key(Key.Key_Tab)
    assert hands.focus is first
    hands.line("field:other").setFocus()
    assert "is it the first (EDT) or the second (EST)" in hands.error("visit")
    assert value(hands, "visit") is None
    first.setFocus()
    hands.key(Key.Key_Right)
    assert hands.focus is second
    hands.key(Key.Key_Space)
    hands.settle()
    assert value(hands, "visit")["utc"] == "2026-11-01T06:30:00Z"
    assert second.isChecked()
    hands.line("field:visit.time").setFocus()
    hands.line("field:visit.time").selectAll()
    hands.type("3 am")
    assert not hands.sees("field:visit=0")
    hands.line("field:other").setFocus()
    assert value(hands, "visit")["utc"] == "2026-11-01T08:00:00Z"


def test_half_typed_parts_come_back(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.fill("11/1/2026", "1:3")
    hands.until(lambda: hands.desk.drafts.get("visit", {}).get("time") == "1:3")
    hands.window.step.page = None
    hands.window._entered = None
    hands.desk.tell("session")
    assert hands.line("field:visit.date").text() == "11/1/2026"
    assert hands.line("field:visit.time").text() == "1:3"
