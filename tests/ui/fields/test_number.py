"""number in the window: by keys alone, with its unit, the engine's words below it."""

from __future__ import annotations

import pytest

from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form, value
from tests.ui.hands import Key


@pytest.fixture
def desk() -> FakeDesk:
    return form(
        {
            "name": "weight",
            "type": "number",
            "label": "Weight",
            "config": {"unit": "kg", "min": 1, "max": 99},
        },
        {"name": "other", "type": "text"},
    )


def test_typed_accepted_and_shown_as_it_is_kept(open_window: Opener) -> None:
    hands = at_form(open_window)
    line = hands.line("field:weight")
    assert hands.focus is line
    assert line.accessibleName() == "Weight, kg"
    hands.type("07.50")
    hands.key(Key.Key_Tab)
    assert value(hands, "weight") == 7.5
    assert line.text() == "7.5"


def test_refused_in_the_engine_s_words(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.type("100")
    hands.key(Key.Key_Tab)
    assert hands.error("weight") == "At most 99."
    assert hands.line("field:weight").text() == "100"
    assert value(hands, "weight") is None


def test_the_arrow_keys_step(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.key(Key.Key_Up)
    hands.key(Key.Key_Up)
    assert hands.line("field:weight").text() == "2"
    hands.key(Key.Key_PageUp)
    hands.key(Key.Key_Down)
    hands.key(Key.Key_Tab)
    assert value(hands, "weight") == 11
