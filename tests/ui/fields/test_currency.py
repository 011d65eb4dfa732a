"""currency in the window: the sign before the amount, a list where there is a choice."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QComboBox

from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form, value
from tests.ui.hands import Key


@pytest.fixture
def desk() -> FakeDesk:
    return form(
        {"name": "budget", "type": "currency", "label": "Budget", "config": {"currencies": ["USD", "EUR"]}},
        {"name": "deposit", "type": "currency", "label": "Deposit"},
    )


def test_amount_and_currency_are_one_answer(open_window: Opener) -> None:
    hands = at_form(open_window)
    line, codes = hands.line("field:budget"), hands.find("field:budget.currency", QComboBox)
    assert line.accessibleName() == "Budget, US Dollar"
    assert codes.accessibleName() == "Budget: currency"
    hands.type("1234.5")
    hands.key(Key.Key_Tab)
    assert hands.focus is codes
    assert value(hands, "budget") is None  # the focus is still within
    hands.key(Key.Key_Down)
    hands.settle()
    assert value(hands, "budget") == {"amount": "1234.50", "currency": "EUR"}
    assert line.text() == "1,234.50"
    assert line.accessibleName() == "Budget, Euro"
    hands.key(Key.Key_Tab)
    assert hands.focus.objectName() == "field:deposit"


def test_without_a_choice_there_is_no_list(open_window: Opener) -> None:
    hands = at_form(open_window)
    assert not hands.sees("field:deposit.currency")
    hands.line("field:deposit").setFocus()
    hands.type("$9.999")
    hands.key(Key.Key_Tab)
    assert hands.error("deposit") == "USD has 2 digits after the decimal point."
    hands.line("field:deposit").selectAll()
    hands.line("field:deposit").setFocus()
    hands.type("$9.99")
    hands.key(Key.Key_Tab)
    assert value(hands, "deposit") == {"amount": "9.99", "currency": "USD"}
    assert hands.line("field:deposit").text() == "9.99"


def test_an_emptied_amount_is_no_answer(open_window: Opener) -> None:
    hands = at_form(open_window)
    hands.type("5")
    hands.line("field:deposit").setFocus()
    assert value(hands, "budget") is not None
    hands.line("field:budget").setFocus()
    hands.line("field:budget").selectAll()
    hands.key(Key.Key_Delete)
    hands.line("field:deposit").setFocus()
    assert value(hands, "budget") is None
