"""Typing into the vault: one digit at a time, judged on the buffer, told as a handle."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.flow import from_builtins
from halodesk.runtime.log import SessionLog
from halodesk.runtime.ports import SecretView
from halodesk.runtime.secret_entry import SecretEntry, handle_name, vault_handle
from halodesk.runtime.session import LiveSession
from halodesk.runtime.vault import LONGEST_SECRET, SecretHandle, Vault
from tests.fakes.order import CARD, Run, sample_document, small
from tests.fakes.store import FakeStore
from tests.unit.test_session_live import Heard, Still

AMEX = "378282246310005"


class Seat:
    """A session on the payment page, its vault, and fingers."""

    def __init__(self, run: Run | None = None, *, held: bool = True) -> None:
        run = run or Run().to_payment()
        self.store = FakeStore()
        log = SessionLog(session="s1", seat="seat", clock=Still())
        self.session = LiveSession(run.flow, log, self.store, Heard())
        self.session.restore(run.events, {})
        self.vault = Vault(lambda: 0.0)
        self.entry = SecretEntry(self.vault, lambda: date(2026, 6, 15))
        if held:
            self.session.do(c.ReportMask(lease=self.session.state.mask.lease, phase="held"))
            self.vault.unlock()

    def type(self, field: str, digits: str) -> SecretView:
        view = SecretView()
        for digit in digits:
            view = self.entry.type(self.session, field, digit)
        return view


def test_a_card_number_is_judged_as_it_is_typed() -> None:
    seat = Seat()
    assert seat.type("card_number", "4242") == SecretView(length=4, brand="visa")
    assert seat.session.state.secrets == {}
    view = seat.type("card_number", CARD[4:])
    assert view == SecretView(length=16, complete=True, last4="4242", brand="visa")
    assert seat.session.state.secrets == {"card_number": "payment:card_number"}


def test_a_wrong_number_is_told_and_never_handed_on() -> None:
    seat = Seat()
    view = seat.type("card_number", "4242424242424241")
    assert "one digit is wrong" in view.problem
    assert not view.complete
    assert view.last4 == ""
    assert seat.session.state.secrets == {}
    seat.entry.erase(seat.session, "card_number")
    view = seat.type("card_number", "2")
    assert view.complete
    assert view.problem == ""


def test_taking_a_digit_back_takes_the_handle_back() -> None:
    seat = Seat()
    seat.type("card_number", CARD)
    view = seat.entry.erase(seat.session, "card_number")
    assert view.length == 15
    assert seat.session.state.secrets == {}
    assert isinstance(seat.store.events("s1")[-1], e.SecretsWiped)
    assert seat.entry.erase(seat.session, "card_number", all_digits=True) == SecretView()


def test_a_full_field_takes_no_more() -> None:
    seat = Seat()
    seat.type("card_expiry", "1230")
    assert seat.type("card_expiry", "9").length == 4
    assert seat.type("card_number", "4" * 25).length == 19


@pytest.mark.parametrize(
    ("typed", "complete", "problem"),
    [("123", False, False), ("1230", True, False), ("0526", False, True), ("1330", False, True)],
)
def test_the_expiry_is_a_month_to_come(typed: str, complete: bool, problem: bool) -> None:
    view = Seat().type("card_expiry", typed)
    assert (view.complete, bool(view.problem)) == (complete, problem)
    assert view.last4 == ""


@pytest.mark.parametrize(
    ("number", "typed", "complete", "problem"),
    [
        (CARD, "12", False, False),
        (CARD, "123", True, False),
        (CARD, "1234", True, True),
        (AMEX, "123", False, False),
        (AMEX, "1234", True, False),
        ("", "123", True, False),
    ],
)
def test_the_code_has_the_length_of_its_brand(number: str, typed: str, complete: bool, problem: bool) -> None:
    seat = Seat()
    seat.type("card_number", number)
    view = seat.type("card_cvv", typed)
    assert (view.complete, bool(view.problem)) == (complete, problem)
    assert ("card_cvv" in seat.session.state.secrets) is (complete and not problem)


def test_a_brand_that_changes_judges_the_code_anew() -> None:
    """The code was typed first, for a card that turns out to be an American Express."""
    seat = Seat()
    seat.type("card_cvv", "123")
    assert "card_cvv" in seat.session.state.secrets
    seat.type("card_number", AMEX)
    assert seat.entry.view(seat.session, "card_cvv").complete is False
    assert "card_cvv" not in seat.session.state.secrets


def test_nothing_is_typed_unless_the_mask_is_held() -> None:
    seat = Seat(held=False)
    assert seat.type("card_number", CARD) == SecretView()
    assert seat.session.state.secrets == {}


def test_a_lost_mask_forgets_everything_and_takes_nothing() -> None:
    seat = Seat()
    seat.type("card_number", CARD)
    seat.entry.lock("mask_lost")
    assert seat.entry.view(seat.session, "card_number") == SecretView()
    assert seat.type("card_number", CARD).length == 0
    seat.vault.unlock()
    assert seat.type("card_number", "4").length == 1


def test_after_a_wipe_the_field_may_be_typed_again() -> None:
    seat = Seat()
    seat.type("card_number", CARD)
    seat.entry.wipe("used")
    assert seat.entry.view(seat.session, "card_number") == SecretView()
    assert seat.type("card_number", CARD).complete


def test_nothing_is_typed_while_the_tokeniser_works() -> None:
    seat = Seat()
    seat.type("card_number", CARD)
    seat.type("card_expiry", "1230")
    seat.type("card_cvv", "123")
    assert seat.session.do(c.Submit()) is None
    assert seat.session.state.stage == "work"
    assert seat.entry.type(seat.session, "card_number", "9").length == 16
    assert seat.entry.erase(seat.session, "card_number").length == 16, "nor taken back: it is being sent"


def test_digits_that_lay_too_long_are_told_to_the_session() -> None:
    seat = Seat()
    seat.type("card_number", CARD)
    seat.entry.expired(seat.session, SecretHandle("other", "payment", "card_number"))
    seat.entry.expired(None, SecretHandle("s1", "payment", "card_number"))
    assert seat.session.state.secrets
    seat.entry.expired(seat.session, SecretHandle("s1", "payment", "card_number"))
    assert seat.session.state.secrets == {}


def test_fields_that_are_no_secret_and_sessions_that_are_none() -> None:
    seat = Seat()
    for session, field in ((seat.session, "first_name"), (seat.session, "nothing"), (None, "card_number")):
        assert seat.entry.view(session, field) == SecretView()
        assert seat.entry.type(session, field, "1") == SecretView()
        assert seat.entry.erase(session, field) == SecretView()


@pytest.mark.parametrize(
    ("kind", "config", "typed", "length", "complete"),
    [
        ("ssn", {}, "123456789", 9, True),
        ("ssn", {}, "12345678", 8, False),
        ("medicare_id", {}, "1EG4TE5MK73", 11, True),
        ("bank_account", {"min_digits": 6}, "123456", 6, True),
        ("other", {"max_digits": 4}, "12345", 4, True),
        ("other", {"max_digits": 10_000}, "1" * 30, 20, True),
        ("other", {"max_digits": "x", "min_digits": "y"}, "1", 1, False),
        ("unheard_of", {}, "12", 2, False),
    ],
)
def test_other_secrets(kind: str, config: dict[str, Any], typed: str, length: int, complete: bool) -> None:
    step = {
        "key": "ask",
        "type": "script",
        "fallback": "end",
        "fields": [{"name": "x", "type": "encrypted", "kind": kind, "retention": "sealed", "config": config}],
    }
    seat = Seat(Run(small(step)).submit())
    view = seat.type("x", typed)
    assert (view.length, view.complete) == (length, complete)
    assert length <= LONGEST_SECRET


def test_no_digit_reaches_the_log_of_the_session() -> None:
    seat = Seat()
    seat.type("card_number", CARD)
    seat.type("card_cvv", "951")
    written = b"".join(row.payload or b"" for row in seat.store.rows)
    assert b"4242" not in written
    assert b"951" not in written


def test_handles_have_names() -> None:
    assert vault_handle("s", handle_name("pay", "number")) == SecretHandle("s", "pay", "number")


@pytest.mark.parametrize(("number", "taken"), [(CARD, True), (AMEX, False)])
def test_a_brand_that_is_not_taken_is_said_before_anything_is_sent(number: str, taken: bool) -> None:
    document = sample_document()
    step = next(step for step in document["steps"] if step["key"] == "payment")
    step["config"]["brands"] = ["visa", "mastercard"]
    seat = Seat(Run(from_builtins(document)).to_payment())
    view = seat.type("card_number", number)
    assert view.complete is taken
    assert ("not taken" in view.problem) is not taken
    assert ("card_number" in seat.session.state.secrets) is taken
