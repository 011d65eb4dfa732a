"""What keys reach when a page takes over the widgets of the page before."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from halodesk.ui.parts.secret_box import SecretBox
from tests.fakes.order import small
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import ALT, Hands, Key

FOUR = [{"value": name} for name in "abcd"]
SEVERAL = {"name": "several", "type": "checkbox", "options": FOUR}
ONE = {"name": "one", "type": "checkbox", "label": "Read"}


def page(key: str, to: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": key, "type": "script", "fallback": to, "fields": list(fields), **more}


def on_first_page(open_window: Opener) -> Hands:
    hands = open_window()
    hands.start_call()
    hands.key(Key.Key_1, ALT)
    hands.settle()
    return hands


def round_by_tab(hands: Hands) -> list[str]:
    """Names of what Tab leads through, once round."""
    seen: list[str] = []
    while (name := hands.focus.objectName()) not in seen:
        seen.append(name)
        hands.key(Key.Key_Tab)
    return seen


class TestTiles:
    @pytest.fixture
    def desk(self) -> FakeDesk:
        return FakeDesk(small(page("first", "second", SEVERAL), page("second", "end", ONE)))

    def test_a_single_tick_is_reached_after_another_tile_was_used(self, open_window: Opener) -> None:
        hands = on_first_page(open_window)
        while not hands.focus.objectName().startswith("field:several="):
            hands.key(Key.Key_Tab)
        hands.key(Key.Key_3)
        hands.key(Key.Key_1, ALT)
        hands.settle()
        assert hands.step == "second"
        assert "field:one=tick" in round_by_tab(hands)


class TestChoices:
    @pytest.fixture
    def desk(self) -> FakeDesk:
        ask = {"name": "ask", "type": "radio_group", "options": FOUR, "config": {"buttons": True}}
        text = {"name": "words", "type": "text"}
        return FakeDesk(
            small(page("first", "second", text), page("second", "end", {**text, "name": "w"}, ask))
        )

    def test_tab_goes_through_all_choices_before_anything_else(self, open_window: Opener) -> None:
        hands = on_first_page(open_window)
        hands.key(Key.Key_1, ALT)
        hands.settle()
        names = round_by_tab(hands)
        first = names.index("choice:ask=a")
        assert names[first : first + 4] == [f"choice:ask={name}" for name in "abcd"]


class TestLetters:
    @pytest.fixture
    def desk(self) -> FakeDesk:
        secrets = [
            {"name": kind, "type": "encrypted", "kind": kind, "retention": "sealed", "config": config}
            for kind, config in (("medicare_id", {}), ("ssn", {}), ("bank_account", {"min_digits": 4}))
        ]
        return FakeDesk(small({**page("first", "end", *secrets), "type": "mask_call"}))

    def test_a_medicare_id_takes_letters_and_a_number_does_not(
        self, open_window: Opener, desk: FakeDesk
    ) -> None:
        hands = on_first_page(open_window)
        hands.find("field:medicare_id", SecretBox).setFocus()
        hands.type("1eg4-te5-mk73")
        assert desk._digits["medicare_id"] == "1EG4TE5MK73"
        hands.find("field:ssn", SecretBox).setFocus()
        hands.type("12a3")
        assert desk._digits["ssn"] == "123"

    def test_a_number_of_no_fixed_length_keeps_the_keys(self, open_window: Opener, desk: FakeDesk) -> None:
        hands = on_first_page(open_window)
        box = hands.find("field:bank_account", SecretBox)
        box.setFocus()
        hands.type("12345678")
        assert desk.secret("bank_account").complete
        assert isinstance(hands.focus, QWidget)
        assert hands.focus is box
