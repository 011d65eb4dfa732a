"""A charge that is open in a session that was put away: asked for until it is known, never sent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.protocol import phone_link as link
from halodesk.runtime.effects import base as effects_module
from halodesk.runtime.late_money import MONEY
from halodesk.runtime.log import SessionLog, verify
from halodesk.runtime.threads import SystemClock
from halodesk.store.seat_store import SeatStore
from tests.fakes.order import Run
from tests.fakes.phone import ended
from tests.fakes.seat import Found, Seat, one_seat


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Seat]]:
    """Lives of one seat; a charge that is not known is queried at once."""
    monkeypatch.setattr(effects_module, "QUERY_FIRST_S", 0.01)
    monkeypatch.setattr(effects_module, "QUERY_LONGEST_S", 0.05)
    with one_seat() as begin:
        yield begin


def ended_with_an_open_charge(seat: Seat) -> str:
    """Charged, no answer; the agent goes on, hangs up and closes the session. Its id."""
    seat.gateway.away = True
    seat.to_payment()
    seat.type_card()
    seat.do(c.Submit())
    seat.until(lambda: seat.desk.session is not None and seat.desk.session.state.waits_unknown)
    seat.do(c.Submit(choice="on_unknown"))
    seat.desk.phone_notice(link.CallChanged(call=ended()))
    assert seat.at == "end"
    seat.do(c.Answer(field="disposition", raw="call_lost"))
    seat.do(c.Submit())
    session = seat.desk.session_id
    seat.desk.close_session()
    return session


def last_answer(seat: Seat, session: str) -> str:
    answers = [event for event in seat.store.events(session) if isinstance(event, e.EffectResolved)]
    return answers[-1].outcome


def test_it_is_settled_after_the_session_was_put_away(lives: Callable[..., Seat]) -> None:
    seat = lives("unknown")
    session = ended_with_an_open_charge(seat)
    assert last_answer(seat, session) == "unknown"
    seat.gateway.away = False
    seat.until(lambda: last_answer(seat, session) == "ok")
    assert len(seat.gateway.sent) == 1
    assert "went through" in seat.desk.notices[-1].message
    assert "$" in seat.desk.notices[-1].message
    assert verify(session, seat.store.rows).ok


def test_it_is_settled_after_a_restart_and_not_sent_again(lives: Callable[..., Seat]) -> None:
    before = lives("unknown")
    session = ended_with_an_open_charge(before)
    before.crash()
    after = lives()
    after.gateway.away = False
    after.gateway.queried.clear()
    after.desk.settle_late([Found(after.store)])
    after.until(lambda: last_answer(after, session) == "ok")
    assert len(after.gateway.sent) == 1
    assert after.gateway.queried
    assert after.gateway.questions[-1].asked_at == pytest.approx(time.time(), abs=60), (
        "where to begin to look"
    )
    assert after.desk.session is None, "no page opens for it"
    assert "went through" in after.desk.notices[-1].message
    assert verify(session, after.store.rows).ok


def test_one_that_never_arrived_is_said_so(lives: Callable[..., Seat]) -> None:
    before = lives("unknown")
    session = ended_with_an_open_charge(before)
    before.crash()
    after = lives()
    after.gateway.away = False
    after.gateway.charged.clear()
    after.desk.settle_late([Found(after.store)])
    after.until(lambda: last_answer(after, session) == "failed")
    assert len(after.gateway.sent) == 1
    assert "was not made" in after.desk.notices[-1].message


def test_a_session_with_nothing_open_is_left_alone(lives: Callable[..., Seat]) -> None:
    before = lives()
    before.to_payment()
    before.type_card()
    before.do(c.Submit())
    before.until(lambda: before.at == "confirmation")
    before.crash()
    after = lives()
    after.desk.settle_late([Found(after.store)])
    after.still()
    assert after.gateway.queried == []


def test_a_void_is_a_seat_s_to_finish_too(lives: Callable[..., Seat]) -> None:
    seat = lives()
    seat.to_payment()
    seat.type_card()
    seat.do(c.Submit())
    seat.until(lambda: seat.at == "confirmation")
    assert seat.desk.session is not None
    charge = seat.desk.session.state.charges[0].id
    seat.do(c.TakeBack(charge=charge, reason="Wrong address"))
    seat.until(lambda: seat.desk.session is not None and seat.desk.session.state.paid is None)
    order = seat.gateway.orders[-1]
    assert (order.kind, order.charge_id, order.amount_minor) == ("void", "ch_1", 4780)
    assert order.key.endswith(".void.0")
    assert seat.at == "confirmation"


@pytest.mark.parametrize(("outcome", "found"), [("unknown", True), ("ok", False), ("declined", False)])
def test_the_store_finds_such_sessions(tmp_path: Path, outcome: str, found: bool) -> None:
    store = SeatStore(tmp_path)
    seat = store.seat()
    run = Run().to_payment().to_charge()
    run.resolve(outcome, charge_id="ch_1", reason="No answer.")  # type: ignore[arg-type]  # one of its words
    if outcome == "unknown":
        run.submit("on_unknown")
    run.do(c.Abandon(disposition="lost"))
    store.keep_flow(run.flow).result(10)
    log = SessionLog(session="s1", seat=seat, clock=SystemClock())
    store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
    try:
        assert store.sessions.unsettled(MONEY, time.time() - 60) == (["s1"] if found else [])
        assert store.sessions.unsettled(MONEY, time.time() + 60) == []
    finally:
        store.close()
