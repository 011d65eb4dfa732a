"""The live session: durable before acted on, drafts, and taking up where a log ends."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.runtime.log import SessionLog, verify
from halodesk.runtime.session import LiveSession
from tests.fakes.order import CALL, CARD, Run, sample, small
from tests.fakes.store import FakeStore


class Still:
    """A clock that stands still."""

    def wall(self) -> float:
        return 1_800_000_000.0

    def mono(self) -> float:
        return 1.0


class Heard:
    """A listener that notes what was durable when."""

    def __init__(self) -> None:
        self.told: list[tuple[list[e.AnyEvent], bool]] = []

    def __call__(self, session: LiveSession, events: Sequence[e.AnyEvent], durable: Future[Any]) -> None:
        self.told.append((list(events), durable.done()))


def live(store: FakeStore, heard: Heard | None = None, session: str = "s1") -> LiveSession:
    log = SessionLog(session=session, seat="seat", clock=Still())
    found = LiveSession(sample(), log, store, heard or Heard())
    assert found.do(c.Start(agent="Ann", call=CALL)) is None
    return found


def test_every_fact_is_stamped_linked_and_handed_to_the_store() -> None:
    store, heard = FakeStore(), Heard()
    session = live(store, heard)
    session.do(c.Submit(choice="call_type=order"))
    assert [event for events, _ in heard.told for event in events] == store.events("s1")
    assert verify("s1", store.rows).ok
    assert session.state.step == "gather"
    assert session.id == "s1"


def test_painting_does_not_wait_for_the_disk_and_the_listener_knows() -> None:
    store, heard = FakeStore(), Heard()
    session = live(store, heard)
    store.hold = True
    session.do(c.Submit(choice="call_type=order"))
    assert session.page.step == "gather"
    assert heard.told[-1][1] is False
    assert len(store.events("s1")) < 5
    store.release()
    assert store.events("s1")[-1] == e.StepEntered(
        step="gather", visit=1, reason="route", route="Order", came_from="start"
    )


def test_chatter_may_wait_and_the_rest_may_not() -> None:
    store = FakeStore()
    session = live(store)
    session.do(c.AddNote(text="calls back"))
    session.do(c.Answer(field="call_type", raw="order"))
    assert store.urgent == [True, False, True]


def test_a_refusal_changes_nothing_but_keeps_its_incident() -> None:
    store, heard = FakeStore(), Heard()
    session = live(store, heard)
    session.do(c.Submit(choice="call_type=order"))
    told, before = len(heard.told), session.state
    assert session.do(c.Back()) is None
    session.do(c.Submit(choice="call_type=order"))
    refused = session.do(c.Answer(field="nothing", raw="x"))
    assert refused is not None
    assert len(heard.told) == told + 2
    refused = session.do(c.Answer(field="first_name", raw=CARD))
    assert refused is not None
    assert [type(event) for event in heard.told[-1][0]] == [e.Incident]
    assert session.state.values == before.values
    assert verify("s1", store.rows).ok


def test_the_page_is_made_once_for_each_state() -> None:
    session = live(FakeStore())
    first = session.page
    assert session.page is first
    session.do(c.Answer(field="call_type", raw="order"))
    assert session.page is not first


def test_drafts_are_kept_until_answered_or_left() -> None:
    store = FakeStore()
    session = live(store)
    session.do(c.Submit(choice="call_type=order"))
    session.draft("first_name", "Jor")
    session.draft("last_name", "Mil")
    session.draft("email", "x")
    session.draft("email", None)
    assert session.drafts == {("gather", "first_name"): "Jor", ("gather", "last_name"): "Mil"}
    assert store.drafts == {("s1", *key): raw for key, raw in session.drafts.items()}
    session.do(c.Answer(field="first_name", raw="Jordan"))
    assert session.drafts.keys() == {("gather", "last_name")}
    session.do(c.Back())
    assert session.drafts == {}


def test_a_session_is_taken_up_at_the_very_step_with_its_drafts() -> None:
    store = FakeStore()
    before = live(store)
    before.do(c.Submit(choice="call_type=order"))
    before.do(c.Answer(field="first_name", raw="Jordan"))
    before.draft("last_name", "Mil")
    log = SessionLog(
        session="s1", seat="seat", clock=Still(), seq=store.rows[-1].seq, head=store.rows[-1].head
    )
    after = LiveSession(sample(), log, store, Heard())
    after.restore(store.events("s1"), before.drafts)
    assert after.state == before.state
    assert after.page == before.page
    assert after.drafts == {("gather", "last_name"): "Mil"}
    after.do(c.Restart())
    after.do(c.Answer(field="last_name", raw="Miller"))
    assert verify("s1", store.rows).ok


def test_what_was_never_on_disk_is_forgotten_by_a_crash_and_nothing_of_it_had_begun() -> None:
    store, heard = FakeStore(), Heard()
    session = live(store, heard)
    run = Run().to_payment()
    session.restore(run.events, {})
    session.do(c.ReportMask(lease=session.state.mask.lease, phase="held"))
    for name in ("card_number", "card_expiry", "card_cvv"):
        session.do(c.EnterSecret(field=name, handle=f"payment:{name}"))
    store.hold = True
    session.do(c.Submit())
    asked = [event for event in heard.told[-1][0] if isinstance(event, e.EffectRequested)]
    assert len(asked) == 1
    assert heard.told[-1][1] is False, "the listener must wait for the disk before it starts the effect"
    assert not any(isinstance(event, e.EffectRequested) for event in store.events("s1"))


class Moving(Still):
    """A clock that a test moves."""

    now = 1000.0

    def wall(self) -> float:
        return self.now


def test_a_wait_is_stamped_at_once_and_survives_a_restart_and_sleep() -> None:
    wait = {"key": "w", "type": "wait", "fallback": "end", "config": {"seconds": 60}}
    flow, store, clock = small(wait), FakeStore(), Moving()

    def begin() -> LiveSession:
        seq, head = (store.rows[-1].seq, store.rows[-1].head) if store.rows else (0, None)
        log = SessionLog(session="s1", seat="seat", clock=clock)
        if head is not None:
            log = SessionLog(session="s1", seat="seat", clock=clock, seq=seq, head=head)
        return LiveSession(flow, log, store, Heard())

    session = begin()
    session.do(c.Start(agent="Ann", call=CALL))
    session.do(c.Submit())
    assert session.page.panel["until"] == 1060.0
    again = begin()
    clock.now = 1059.0
    again.restore(store.events("s1"), {})
    again.do(c.Restart())
    assert (again.state.step, again.page.panel["until"]) == ("w", 1060.0)
    clock.now = 1061.0
    again.tick()
    assert again.state.step == "end"
    assert verify("s1", store.rows).ok


def test_a_page_without_an_end_in_time_writes_nothing_about_it() -> None:
    store = FakeStore()
    session = live(store)
    rows = len(store.rows)
    session.tick()
    assert len(store.rows) == rows
