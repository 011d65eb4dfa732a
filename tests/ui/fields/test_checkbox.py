"""checkbox in the window: one tick or several, by Space and by number."""

from __future__ import annotations

import pytest

from halodesk.ui.parts.tiles import TickTile
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form, value
from tests.ui.hands import Key


@pytest.fixture
def desk() -> FakeDesk:
    return form(
        {
            "name": "agrees",
            "type": "checkbox",
            "label": "Consent",
            "required": True,
            "config": {"tick_label": "The caller agrees"},
        },
        {
            "name": "extras",
            "type": "checkbox",
            "label": "Extras",
            "options": [{"value": "gift", "label": "Gift wrap"}, {"value": "card"}, {"value": "fast"}],
        },
    )


def test_one_tick(open_window: Opener) -> None:
    hands = at_form(open_window)
    tick = hands.find("field:agrees=tick", TickTile)
    assert hands.focus is tick
    assert tick.accessibleName() == "Consent: The caller agrees"
    hands.key(Key.Key_Return)
    assert hands.error("agrees") == "Consent is still missing."
    hands.key(Key.Key_Space)
    assert value(hands, "agrees") is True
    assert hands.error("agrees") == ""
    hands.key(Key.Key_Space)
    assert value(hands, "agrees") is False
    hands.key(Key.Key_Space)
    hands.key(Key.Key_Return)
    assert hands.step == "end"


def test_several_ticks(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.find("field:extras=card", TickTile).setFocus()
    hands.key(Key.Key_Space)
    hands.key(Key.Key_1)
    assert value(hands, "extras") == ["gift", "card"]
    assert [hands.find(f"field:extras={key}", TickTile).isChecked() for key in ("gift", "card", "fast")] == [
        True,
        True,
        False,
    ]
    hands.key(Key.Key_1)
    hands.key(Key.Key_2)
    assert value(hands, "extras") is None
