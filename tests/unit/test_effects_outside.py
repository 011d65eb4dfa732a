"""The effects of the outside ports: what is told to the session, what is never done twice, plain refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import (
    CHANGES,
    CHARGE,
    KINDS,
    BrowserVisit,
    DataQuery,
    Effect,
    Evaluate,
    HttpCall,
    HttpQuery,
    SendEmail,
    Timer,
    TransferCall,
    ZipSearch,
)
from halodesk.engine.events import EffectRequested
from halodesk.engine.steps.base import Ask
from halodesk.runtime.effect_ports import BrowserAnswer, DataAnswer, HttpAnswer, MailAnswer, TransferAnswer
from halodesk.runtime.effects import Effects, base, http
from halodesk.runtime.effects.registry import runners
from halodesk.runtime.vault import Vault
from tests.fakes.outside import (
    NO_ANSWER,
    NOT_SENT,
    FakeBrowser,
    FakeData,
    FakeHttp,
    FakeMail,
    FakeTransfers,
    FakeZips,
    Place,
    answered,
)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "QUERY_FIRST_S", 0.0)
    monkeypatch.setattr(http, "RETRY_FIRST_S", 0.0)


class Functions:
    async def evaluate(self, expression: str, variables: Any, *, timeout_ms: int = 200) -> Any:
        """`FunctionRunner`."""
        return [expression, timeout_ms]


class Clock:
    """Goes on by one second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall(self) -> float:
        self.now += 1
        return self.now

    def mono(self) -> float:
        return 0.0


class Bench:
    """Effects with the ports of a test."""

    def __init__(self, **ports: Any) -> None:
        self.settled: list[Resolve] = []
        self.effects = Effects(
            functions=Functions(),
            gateways={},
            vault=Vault(lambda: 0.0),
            settle=lambda session, answer: self.settled.append(answer),
            **ports,
        )

    def run(self, wanted: Effect, **more: Any) -> list[Resolve]:
        asyncio.run(self.effects.run("s1", requested(wanted), {}, **more))
        return self.settled

    def outcomes(self, wanted: Effect, **more: Any) -> list[str]:
        return [answer.outcome for answer in self.run(wanted, **more)]


def requested(wanted: Effect) -> EffectRequested:
    ask = Ask.of(wanted)
    return EffectRequested(id="it.1.x.0", kind=ask.kind, step="it", visit=1, args={**ask.args, "once": 1})


MAIL = SendEmail(provider="default", to=("a@example.com",), subject="s", text="t")
VISIT = BrowserVisit(url="https://a.example/", origins=("https://a.example",), extract={"plan": "#p"})
TRANSFER = TransferCall(to="1002")
ZIP = ZipSearch(code="95060")
DATA = DataQuery(source="orders", limit=2)


def call(method: Any = "POST", **more: Any) -> HttpCall:
    return HttpCall(connection="crm", method=method, url="/x", **more)


def test_every_kind_has_a_runner() -> None:
    own = {"function", "tokenise", "seal", CHARGE, *CHANGES}
    assert {kind.kind for kind in KINDS} | own == set(runners())


@pytest.mark.parametrize("wanted", [call(), ZIP, MAIL, VISIT, TRANSFER, DATA], ids=lambda one: one.kind)
def test_a_seat_without_the_port_says_so_in_words(wanted: Effect) -> None:
    (answer,) = Bench().run(wanted)
    assert answer.outcome == "failed"
    assert answer.result["reason"].endswith(".")
    assert "This seat" in answer.result["reason"] or "phone of this seat" in answer.result["reason"]


def test_an_expression() -> None:
    (answer,) = Bench().run(Evaluate(expression="1", timeout_ms=50))
    assert answer.result == {"value": ["1", 50]}


# http


def test_the_values_asked_for_and_nothing_else() -> None:
    bench = Bench(http=FakeHttp(answered(201, {"order": {"id": 7}, "private": "x"})))
    (answer,) = bench.run(call(pick={"order": "$.order.id", "gone": "$.nothing"}))
    assert answer.outcome == "ok"
    assert answer.result == {"status": 201, "values": {"order": 7, "gone": None}}


def test_the_key_is_of_session_and_effect() -> None:
    port = FakeHttp(answered())
    Bench(http=port).run(call())
    assert port.sent == [("POST", "s1:it.1.x.0")]


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {"ok": True}, "ok"),
        (200, {"ok": False}, "failed"),
        (500, None, "unknown"),
        (404, None, "failed"),
    ],
)
def test_the_condition_of_a_success(status: int, body: Any, outcome: str) -> None:
    wanted = call(success=({"variable": "body.ok", "op": "equals", "value": True},))
    assert Bench(http=FakeHttp(answered(status, body))).outcomes(wanted)[0] == outcome


def test_what_is_no_json_gives_no_values() -> None:
    page = HttpAnswer(verdict="answered", status=200, body=b"<html>\xff")
    (answer,) = Bench(http=FakeHttp(page)).run(call(pick={"a": "$.a"}))
    assert (answer.outcome, answer.result["values"]) == ("ok", {"a": None})


def test_a_post_without_an_answer_is_unknown_and_never_sent_again() -> None:
    port = FakeHttp(NO_ANSWER)
    assert Bench(http=port).outcomes(call(retries=3)) == ["unknown"]
    assert len(port.sent) == 1


def test_a_post_that_was_not_sent_is_tried_again() -> None:
    port = FakeHttp(NOT_SENT, NOT_SENT, answered())
    assert Bench(http=port).outcomes(call(retries=2)) == ["ok"]
    port = FakeHttp(NOT_SENT)
    (answer,) = Bench(http=port).run(call(retries=2))
    assert (answer.outcome, len(port.sent)) == ("failed", 3)
    assert answer.result["reason"] == "The host is not reachable."


def test_too_many_requests_may_be_tried_again() -> None:
    port = FakeHttp(answered(429), answered(200))
    assert Bench(http=port).outcomes(call(retries=1)) == ["ok"]


@pytest.mark.parametrize("answer", [NO_ANSWER, answered(503)])
def test_reading_is_never_unknown(answer: HttpAnswer) -> None:
    port = FakeHttp(answer)
    assert Bench(http=port).outcomes(call("GET", retries=2)) == ["failed"]
    assert len(port.sent) == 3


def test_under_a_key_it_is_sent_until_it_is_known() -> None:
    port = FakeHttp(NO_ANSWER, NO_ANSWER, answered(502), answered(200))
    assert Bench(http=port).outcomes(call(idempotency_header="Idempotency-Key")) == ["unknown", "ok"]
    assert {key for _, key in port.sent} == {"s1:it.1.x.0"}


def test_it_is_found_out() -> None:
    wanted = call(find_out=HttpQuery(url="/x/1"), pick={"id": "$.id"})
    port = FakeHttp(NO_ANSWER, found=[NO_ANSWER, answered(404), answered(200, {"id": 9})])
    (first, second) = Bench(http=port).run(wanted)
    assert (first.outcome, second.outcome, second.result["values"]) == ("unknown", "ok", {"id": 9})
    assert len(port.sent) == 1


def test_not_found_counts_when_it_is_said_twice_in_a_row() -> None:
    wanted = call(find_out=HttpQuery(url="/x/1"))
    port = FakeHttp(NO_ANSWER, found=[answered(404), answered(500), answered(404), answered(404)])
    assert Bench(http=port).outcomes(wanted) == ["unknown", "failed"]
    assert len(port.asked) == 4


def test_after_a_restart_a_post_is_asked_for_and_not_sent() -> None:
    port = FakeHttp(answered(), found=[answered()])
    assert Bench(http=port).outcomes(call(find_out=HttpQuery(url="/x")), again=True) == ["unknown", "ok"]
    assert port.sent == []
    assert Bench(http=port).outcomes(call(), again=True) == ["unknown"]
    assert Bench(http=port).outcomes(call("GET"), again=True) == ["ok"]


def test_a_fault_of_the_driver_may_have_sent_it() -> None:
    class Broken:
        async def send(self, call: HttpCall, *, key: str) -> HttpAnswer:
            raise RuntimeError("driver")

        async def find_out(self, call: HttpCall, *, key: str) -> HttpAnswer:
            raise RuntimeError("driver")

    assert Bench(http=Broken()).outcomes(call()) == ["unknown"]


# the others


def test_places_of_a_code() -> None:
    (answer,) = Bench(zips=FakeZips(Place(), Place(code="1"))).run(ZIP)
    (place,) = answer.result["places"]
    assert (place["city"], place["tax_rate"], place["dma_source"], place["latitude"]) == (
        "Santa Cruz",
        "7.25",
        "estimated",
        None,
    )


def test_a_mail_and_its_name() -> None:
    port = FakeMail()
    bench = Bench(mail=port)
    (answer,) = bench.run(MAIL)
    assert answer.result == {"status": "sent"}
    bench.run(SendEmail(provider="default", to=("a@b.c",), subject="", text="", dedupe="m"))
    assert list(port.sent) == ["s1:it.1.x.0", "s1:m"]


@pytest.mark.parametrize(("verdict", "outcome"), [("queued", "ok"), ("failed", "failed")])
def test_a_mail_offline_and_refused(verdict: Any, outcome: str) -> None:
    assert Bench(mail=FakeMail(MailAnswer(verdict=verdict))).outcomes(MAIL) == [outcome]


def test_a_visit() -> None:
    port = FakeBrowser(BrowserAnswer(verdict="done", values={"plan": "Gold"}))
    (answer,) = Bench(browser=port).run(VISIT)
    assert (answer.outcome, answer.result) == ("ok", {"plan": "Gold"})
    assert port.visits[0][0] == "it.1.x.0"


def test_a_form_that_may_have_been_sent_is_not_sent_again_after_a_restart() -> None:
    port = FakeBrowser(BrowserAnswer(verdict="done"))
    automatic = BrowserVisit(url="https://a.example/", origins=(), submit="automatic")
    assert Bench(browser=port).outcomes(automatic, again=True) == ["failed"]
    assert port.visits == []
    assert Bench(browser=port).outcomes(VISIT, again=True) == ["ok"]


def test_a_visit_ends_with_its_page() -> None:
    async def scene() -> None:
        port = FakeBrowser()
        bench = Bench(browser=port)
        task = asyncio.create_task(bench.effects.run("s1", requested(VISIT), {}))
        await port.begun.wait()
        await bench.effects.cancel("s1", "another")
        await bench.effects.cancel("s1", "it.1.x.0")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert port.cancelled.is_set()
        assert bench.settled == []

    asyncio.run(scene())


def test_a_visit_whose_page_is_left_before_it_begins_does_not_begin() -> None:
    async def scene() -> None:
        port = FakeBrowser()
        bench = Bench(browser=port)
        task = asyncio.create_task(bench.effects.run("s1", requested(VISIT), {}))
        await asyncio.create_task(bench.effects.cancel("s1", "it.1.x.0"))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.settled == []

    asyncio.run(scene())


def test_work_that_must_end_by_itself_is_not_cancelled() -> None:
    async def scene() -> None:
        gate = asyncio.Event()

        class Slow(FakeMail):
            async def send(self, mail: SendEmail, *, session: str, key: str) -> MailAnswer:
                await gate.wait()
                return MailAnswer(verdict="sent")

        bench = Bench(mail=Slow())
        task = asyncio.create_task(bench.effects.run("s1", requested(MAIL), {}))
        await asyncio.sleep(0)
        await bench.effects.cancel("s1", "it.1.x.0")
        gate.set()
        await task
        assert [answer.outcome for answer in bench.settled] == ["ok"]

    asyncio.run(scene())


def test_a_transfer() -> None:
    port = FakeTransfers()
    assert Bench(transfers=port).outcomes(TRANSFER) == ["ok"]
    assert port.calls[0][0] == "s1"
    (answer,) = Bench(transfers=FakeTransfers(TransferAnswer(done=False, reason="Busy."))).run(TRANSFER)
    assert (answer.outcome, answer.result) == ("failed", {"reason": "Busy."})


def test_nobody_is_transferred_late() -> None:
    port = FakeTransfers()
    assert Bench(transfers=port).outcomes(TRANSFER, again=True) == ["failed"]
    assert port.calls == []


def test_rows_and_no_more_than_asked_for() -> None:
    rows = tuple({"id": n} for n in range(5))
    (answer,) = Bench(data=FakeData(DataAnswer(rows=rows))).run(DATA)
    assert answer.result["rows"] == [{"id": 0}, {"id": 1}]
    assert Bench(data=FakeData(DataAnswer(reason="No."))).outcomes(DATA) == ["failed"]


def test_a_timer_looks_at_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    from halodesk.runtime.effects import timer

    monkeypatch.setattr(timer, "LOOK_S", 0.0)
    (answer,) = Bench(clock=Clock()).run(Timer(until=110.0, seconds=60))
    assert answer.outcome == "ok"
    assert answer.result["now"] >= 110.0
