"""The sandbox gateway's ledger and script."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from halodesk.demo.gateway.ledger import Charge, ChargeOrder, Ledger
from halodesk.demo.gateway.rules import CardFacts
from halodesk.demo.gateway.script import Act, read_script
from halodesk.engine.errors import DemoError

FACTS = CardFacts(brand="visa", last4="4242")


def order(token: str, amount_minor: int = 1999) -> ChargeOrder:
    return ChargeOrder(token=token, amount_minor=amount_minor, currency="USD", reference="s1")


def charge(ledger: Ledger, key: str, *, decline: str = "") -> Charge:
    made = order(ledger.issue_token(FACTS))
    admitted = ledger.admit(key, made)
    assert isinstance(admitted, CardFacts)
    return ledger.record(key, made, admitted, decline=decline)


def test_same_key_and_body_is_the_same_charge() -> None:
    ledger = Ledger()
    made = order(ledger.issue_token(FACTS))
    first = ledger.record("k1", made, FACTS, decline="")
    assert ledger.admit("k1", made) is first


def test_same_key_with_another_body_conflicts() -> None:
    ledger = Ledger()
    made = order(ledger.issue_token(FACTS))
    ledger.record("k1", made, FACTS, decline="")
    assert ledger.admit("k1", order(made.token, 2000)) == "key_conflict"


def test_token_is_good_for_one_charge_even_a_declined_one() -> None:
    ledger = Ledger()
    made = order(ledger.issue_token(FACTS))
    ledger.record("k1", made, FACTS, decline="do_not_honor")
    assert ledger.admit("k2", made) == "token_used"


def test_unknown_token() -> None:
    assert Ledger().admit("k1", order("tok_made_up")) == "token_unknown"


def test_approved_and_declined() -> None:
    ledger = Ledger()
    approved, declined = charge(ledger, "k1"), charge(ledger, "k2", decline="do_not_honor")
    assert (approved.status, approved.code, len(approved.auth_code)) == ("approved", "approved", 6)
    assert (declined.status, declined.code, declined.auth_code) == ("declined", "do_not_honor", "")
    assert approved.charge_id != declined.charge_id


def test_restart_remembers_charges(tmp_path: Path) -> None:
    state = tmp_path / "gateway.jsonl"
    made = charge(Ledger(state), "k1")
    assert Ledger(state).find("k1") == made
    assert Ledger(state).find("k2") is None


def test_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    state = tmp_path / "gateway.jsonl"
    made = charge(Ledger(state), "k1")
    with state.open("ab") as file:
        file.write(b'{"key":"k2","finger')
    reopened = Ledger(state)
    assert reopened.find("k1") == made
    charge(reopened, "k3")
    assert {key for key in ("k1", "k2", "k3") if Ledger(state).find(key)} == {"k1", "k3"}


def test_damaged_state_file_is_said(tmp_path: Path) -> None:
    state = tmp_path / "gateway.jsonl"
    state.write_bytes(b"not json\n")
    with pytest.raises(DemoError, match="cannot read its state file"):
        Ledger(state)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
def test_state_file_is_for_its_owner(tmp_path: Path) -> None:
    state = tmp_path / "gateway.jsonl"
    charge(Ledger(state), "k1")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def test_script_words() -> None:
    words = ["decline:insufficient_funds", " approve ", "hang", "die_after_charge", "nonsense"]
    assert list(read_script(words)) == [
        Act("answer", "insufficient_funds"),
        Act("answer", ""),
        Act("never_charge"),
        Act("die", ""),
        Act("nonsense", ""),
    ]


@pytest.mark.parametrize("word", ["", "decline", "decline:", "decline:DROP TABLE", "explode"])
def test_unknown_script_word_is_said_at_once(word: str) -> None:
    with pytest.raises(DemoError, match="script knows no word"):
        read_script(["approve", word])
