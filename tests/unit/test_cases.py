"""Test cases: a failing path fails until the flow is mended, expectations are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import cases
from halodesk.engine.cases import Case, CaseFile, Expect, replay, with_failures
from halodesk.engine.errors import DocumentError
from halodesk.engine.explore import explore
from halodesk.engine.flow import Flow
from halodesk.engine.simulate import Fill, FunctionValue
from tests.fakes.order import small
from tests.fakes.steps import page_step


def none(*_: Any) -> FunctionValue:
    return FunctionValue()


def looping(fallback: str) -> Flow:
    """With the fallback `a` it goes round for ever."""
    return small(
        page_step("page", "a"),
        {"key": "a", "type": "decision", "fallback": "b"},
        {
            "key": "b",
            "type": "decision",
            "routes": [
                {"to": "end", "when": [{"variable": "call.direction", "op": "equals", "value": "none"}]}
            ],
            "fallback": fallback,
        },
    )


def test_a_failing_path_is_kept_once_and_fails_until_it_is_mended() -> None:
    report = explore(looping("a"), none)
    known = with_failures(CaseFile(flow="small"), report.failures)
    assert with_failures(known, report.failures) == known
    (case,) = known.cases
    assert case.expect.forbid == ("endless_loop",)
    bad = replay(looping("a"), case, none)
    assert not bad.ok
    assert "circles" in bad.message
    assert replay(looping("end"), case, none).ok
    assert cases.load(cases.dump(known)) == known


def test_a_stuck_page_is_a_case_too() -> None:
    pay = {
        "key": "pay",
        "type": "payment_form",
        "config": {"number": "n", "expiry": "e", "cvv": "c"},
        "fields": [
            {"name": name, "type": "encrypted", "kind": "other", "retention": "capture"} for name in "nec"
        ],
        "fallback": "end",
    }
    buy = [{"action": "add_item", "args": {"item": "p"}}]
    goods = {"products": [{"key": "p", "name": "Pill", "price": "10"}]}
    empty = small(page_step("page", "pay"), pay, catalogue=goods)
    full = small(page_step("page", "pay", cart_actions=buy), pay, catalogue=goods)
    (case,) = with_failures(CaseFile(flow="small"), explore(empty, none).failures).cases
    assert not replay(empty, case, none).ok
    assert replay(full, case, none).ok


FLOW = small(
    page_step(
        "page",
        fields=[{"name": "a", "type": "text"}],
        routes=[{"to": "other", "when": [{"variable": "a", "op": "equals", "value": "x"}]}],
    ),
    page_step("other"),
)
TURNS = (Fill(), Fill(answers={"a": "x"}))


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (Expect(steps=("start", "page", "other")), ""),
        (Expect(steps=("start", "page", "end")), 'goes to "other" instead of "end"'),
        (Expect(steps=("start", "page", "other", "end")), 'goes to "nowhere" instead of "end"'),
        (Expect(values={"a": "x", "cart.quantity": 0}), ""),
        (Expect(values={"a": "y"}), "is 'x' instead of 'y'"),
        (Expect(ended=False), ""),
        (Expect(ended=True), "goes on"),
        (Expect(disposition="sale"), 'instead of "sale"'),
    ],
)
def test_expectations(expect: Expect, said: str) -> None:
    found = replay(FLOW, Case(name="a", turns=TURNS, expect=expect), none)
    assert found.ok == (not said)
    assert said in found.message


def test_turns_that_cannot_be_taken_any_more() -> None:
    turns = (*TURNS, Fill(choice="gone=1"))
    forbids = replay(FLOW, Case(name="a", turns=turns, expect=Expect(forbid=("dead_end",))), none)
    assert (forbids.ok, forbids.gone) == (True, True)
    expects = replay(FLOW, Case(name="a", turns=turns, expect=Expect(ended=True)), none)
    assert (expects.ok, expects.gone) == (False, True)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"flow": "a", "cases": 7}', b'{"flow": "a", "schema": 9}'])
def test_a_broken_file_is_said_in_words(data: bytes) -> None:
    with pytest.raises(DocumentError):
        cases.load(data)
