"""Effects at the ports: one charge a key, digits from the vault to the tokeniser and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from halodesk.engine.commands import Resolve
from halodesk.engine.errors import FunctionError
from halodesk.engine.events import EffectRequested
from halodesk.runtime.effects import Effects
from halodesk.runtime.effects import base as module
from halodesk.runtime.payment_ports import Order, TokenAnswer
from halodesk.runtime.vault import SecretHandle, Vault
from tests.fakes.gateway import FakeGateway
from tests.fakes.order import CARD

KEY = "s1:post_payment.1.charge.0"


class Functions:
    """Adds one to `n`, or fails."""

    def __init__(self) -> None:
        self.fails = False

    async def evaluate(self, expression: str, variables: Mapping[str, Any], *, timeout_ms: int = 200) -> Any:
        """`FunctionRunner`."""
        if self.fails:
            raise FunctionError("It ran too long.", "Make it shorter.")
        return variables["n"] + 1


class Bench:
    """Effects with fakes at every port."""

    def __init__(self, *script: Any) -> None:
        self.gateway = FakeGateway(*script)
        self.functions = Functions()
        self.vault = Vault(lambda: 0.0)
        self.settled: list[Resolve] = []
        self.effects = Effects(
            functions=self.functions,
            gateways={"default": self.gateway},
            vault=self.vault,
            settle=lambda session, answer: self.settled.append(answer),
        )

    def type(self, *fields: str) -> None:
        self.vault.unlock()
        for field, digits in zip(fields, (CARD, "1230", "123"), strict=False):
            handle = SecretHandle("s1", "payment", field)
            self.vault.open(handle, kind="other", max_digits=19)
            for digit in digits:
                self.vault.push(handle, digit)

    def run(self, ask: EffectRequested, **more: Any) -> list[Resolve]:
        asyncio.run(self.effects.run("s1", ask, {"n": 1}, **more))
        return self.settled


def ask(kind: str, **args: Any) -> EffectRequested:
    step = "post_payment" if kind == "charge" else "payment"
    return EffectRequested(id=f"{step}.1.{kind}.0", kind=kind, step=step, visit=1, args=args)


CHARGE = ask("charge", gateway="default", token="tok", amount=4780, currency="USD")
TOKENISE = ask(
    "tokenise",
    gateway="default",
    number="payment:number",
    expiry="payment:expiry",
    cvv="payment:cvv",
    amount=4780,
    currency="USD",
)
FUNCTION = ask("function", target="n", expression="n + 1", timeout_ms=200)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERY_FIRST_S", 0.0)


def test_a_function() -> None:
    assert Bench().run(FUNCTION) == [Resolve(id=FUNCTION.id, outcome="ok", result={"value": 2})]


def test_a_function_that_fails() -> None:
    bench = Bench()
    bench.functions.fails = True
    (answer,) = bench.run(FUNCTION)
    assert (answer.outcome, answer.result) == ("failed", {"reason": "It ran too long. Make it shorter."})


def test_work_this_seat_cannot_do() -> None:
    (answer,) = Bench().run(ask("teleport"))
    assert answer.outcome == "failed"
    assert "teleport" in answer.result["reason"]


def test_a_card_becomes_a_token_and_the_digits_are_gone() -> None:
    bench = Bench()
    bench.type("number", "expiry", "cvv")
    (answer,) = bench.run(TOKENISE)
    assert answer.outcome == "ok"
    assert answer.result == {"token": "tok", "last4": "4242", "brand": "visa"}
    assert bench.gateway.tokenised == [(16, 4, 3)]
    assert bench.vault.length(SecretHandle("s1", "payment", "number")) == 0


@pytest.mark.parametrize(
    ("verdict", "outcome"), [("declined", "declined"), ("failed", "failed"), ("unknown", "failed")]
)
def test_a_card_the_tokeniser_does_not_take_is_wiped_too(verdict: Any, outcome: str) -> None:
    bench = Bench()
    bench.gateway.token = TokenAnswer(verdict=verdict, reason="No.")
    bench.type("number", "expiry", "cvv")
    (answer,) = bench.run(TOKENISE)
    assert (answer.outcome, answer.result) == (outcome, {"reason": "No."})
    assert bench.vault.length(SecretHandle("s1", "payment", "cvv")) == 0


@pytest.mark.parametrize("fields", [(), ("number",), ("number", "expiry")])
def test_without_all_digits_nothing_is_sent(fields: tuple[str, ...]) -> None:
    bench = Bench()
    bench.type(*fields)
    (answer,) = bench.run(TOKENISE)
    assert answer.outcome == "failed"
    assert "no longer in memory" in answer.result["reason"]
    assert bench.gateway.tokenised == []


def test_without_a_gateway_nothing_is_charged() -> None:
    bench = Bench()
    for kind in ("tokenise", "charge"):
        bench.run(ask(kind, gateway="other", number="a:b", expiry="a:c", cvv="a:d"))
    assert [answer.outcome for answer in bench.settled] == ["failed", "failed"]
    assert all("Nothing was charged" in answer.result["reason"] for answer in bench.settled)


@pytest.mark.parametrize(("verdict", "outcome"), [("approved", "ok"), ("declined", "declined")])
def test_a_charge_is_sent_once_under_its_key(verdict: Any, outcome: str) -> None:
    bench = Bench(verdict)
    (answer,) = bench.run(CHARGE)
    assert (answer.id, answer.outcome) == (CHARGE.id, outcome)
    assert bench.gateway.sent == [KEY]
    assert bench.gateway.queried == []


def test_a_charge_without_an_answer_is_unknown_at_once_then_queried_and_never_sent_again() -> None:
    bench = Bench("unknown")
    answers = bench.run(CHARGE)
    assert [answer.outcome for answer in answers] == ["unknown", "ok"]
    assert bench.gateway.sent == [KEY]
    assert bench.gateway.queried == [KEY]


def test_never_seen_counts_when_it_is_said_twice() -> None:
    bench = Bench("unknown")
    gateway = bench.gateway

    async def query(order: Order) -> Any:
        gateway.charged.clear()
        return await FakeGateway.query(gateway, order)

    gateway.query = query  # type: ignore[method-assign]
    answers = bench.run(CHARGE)
    assert [answer.outcome for answer in answers] == ["unknown", "failed"]
    assert gateway.sent == [KEY]


def test_after_a_restart_a_known_charge_is_never_sent_again() -> None:
    bench = Bench()
    bench.run(CHARGE)
    bench.settled.clear()
    (answer,) = bench.run(CHARGE, again=True)
    assert answer.outcome == "ok"
    assert bench.gateway.sent == [KEY]
    assert bench.gateway.queried == [KEY]


def test_after_a_restart_a_charge_that_was_never_seen_is_settled_and_never_sent() -> None:
    bench = Bench()
    answers = bench.run(CHARGE, again=True)
    assert [answer.outcome for answer in answers] == ["unknown", "failed"]
    assert (bench.gateway.queried, bench.gateway.sent) == ([KEY] * 3, [])


def test_a_driver_that_raises_settles_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.type("number", "expiry", "cvv")

    async def fault(*args: Any, **more: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.gateway, "tokenise", fault)
    monkeypatch.setattr(bench.gateway, "sale", fault)
    (card,) = bench.run(TOKENISE)
    assert card.outcome == "failed"
    answers = bench.run(CHARGE)
    assert [answer.outcome for answer in answers][-2:] == ["unknown", "failed"], (
        "queried, as it may have been sent"
    )


def test_the_same_request_is_not_run_twice_at_a_time() -> None:
    async def both() -> None:
        bench.gateway.gate = asyncio.Event()
        first = asyncio.ensure_future(bench.effects.run("s1", TOKENISE, {}))
        await asyncio.sleep(0)
        await bench.effects.run("s1", TOKENISE, {})
        assert bench.settled == []
        bench.gateway.gate.set()
        await first

    bench = Bench()
    bench.type("number", "expiry", "cvv")
    run_to_end: Coroutine[Any, Any, None] = both()
    asyncio.run(run_to_end)
    assert len(bench.settled) == 1
    assert len(bench.gateway.tokenised) == 1
