"""The agent's day on a real store: states that are kept, calls, wrap-up, outcomes, callbacks, restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.crypto.keystore import Status
from halodesk.engine.commands import Refused
from halodesk.protocol import phone_link as link
from halodesk.runtime.agent_desk import AgentDesk
from halodesk.runtime.agent_ports import Mailbox, QueueMember, QueueView, QueueWish
from halodesk.runtime.agent_settings import AgentRules
from halodesk.runtime.directory import contact
from halodesk.store import seat_store
from halodesk.store.seat_store import SeatStore
from tests.fakes.agent import NotedDesk, NotedPhone, NotedQueues, SetClock
from tests.fakes.phone import active, ended, ringing

RULES = AgentRules(
    reasons=("Break", "Lunch"), wrap_up_s=30, dispositions=("sold", "lost"), force_disposition=True
)


def in_vain(**more: Any) -> link.CallInfo:
    """A call that ended before anybody took it."""
    return replace(ended(), answered_at=None, **more)


class Day:
    """One run of HaloDesk on the store; `again` is the next one."""

    def __init__(self, folder: Path, clock: SetClock, rules: AgentRules) -> None:
        self.folder, self.clock, self.rules = folder, clock, rules
        self.store = SeatStore(folder)
        self.desk, self.queues, self.phone = NotedDesk(), NotedQueues(), NotedPhone()
        self.topics: list[str] = []
        self.watched: list[Any] = []
        self.agent = AgentDesk(
            rules,
            self.store.agent_day,
            self.desk,
            clock=clock,
            hang_up=lambda key, code: self.phone.send(link.HangUp(call=key, code=code)),
            queues=self.queues,
            watch=self.watched.append,
        )
        self.agent.subscribe(self.topics.append)
        self.agent.start()

    @property
    def shown(self) -> str:
        """The state that is shown."""
        return self.agent.view.shown

    def again(self, rules: AgentRules | None = None) -> Day:
        """Ends in order and starts anew."""
        self.agent.leave()
        self.store.close()
        return Day(self.folder, self.clock, rules or self.rules)

    def calls(self, *calls: link.CallInfo) -> list[bool]:
        return [self.agent.phone_notice(link.CallChanged(call=call)) for call in calls]

    def talk(self, **more: Any) -> None:
        """A call that is answered and over, without a flow."""
        self.calls(ringing(**more), active(**more), ended(**more))

    def facts(self) -> list[tuple[str, str]]:
        self.store.seat()  # the writer's jobs run in order: all before it are on disk
        return [(state, reason) for _, _, state, reason, _, _ in self.store.agent_day.facts()]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Day]]:
    status = Status(place="test", strong=True, message="A key of the test.")
    monkeypatch.setattr(seat_store, "load_key", lambda folder: (bytes(32), status))
    days: list[Day] = []

    def open_(rules: AgentRules = RULES) -> Day:
        days.append(Day(tmp_path / "seat", SetClock(), rules))
        return days[-1]

    yield open_
    for day in days:
        day.store.close()


def test_every_state_is_a_dated_fact(make: Callable[..., Day]) -> None:
    day = make()
    assert day.agent.choose("not_ready", "Lunch") is None
    day.clock.now += 60
    assert day.agent.choose("ready") is None
    day.calls(ringing())
    day.clock.now += 5
    day.calls(active(), ended())
    assert day.facts() == [
        ("ready", ""),
        ("not_ready", "Lunch"),
        ("ready", ""),
        ("ringing", ""),
        ("talking", ""),
        ("wrap_up", ""),
    ]
    times = [fact[0] for fact in day.store.agent_day.facts()]
    assert (times[1], times[2] - times[1]) == (1_800_000_000.0, 60.0)
    assert {fact[1] for fact in day.store.agent_day.facts()} == {"Ann"}


def test_a_restart_goes_on_from_the_last_state(make: Callable[..., Day]) -> None:
    day = make()
    day.talk()
    day.agent.choose("not_ready", "Lunch")
    later = day.again()
    assert later.shown == "wrap_up"
    assert [debt.call for debt in later.agent.view.debts] == ["k1"]
    assert later.agent.give_outcome("sold") is None
    later.clock.now += 31
    later.agent.tick()
    assert (later.shown, later.agent.view.reason) == ("not_ready", "Lunch")
    assert ("offline", "HaloDesk ended") in later.facts()
    later.store.close()


def test_the_queue_is_told_before_the_next_call_can_come(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    day.calls(ended())
    day.agent.give_outcome("lost")
    day.clock.now += 31
    day.agent.tick()
    day.agent.choose("not_ready", "Break")
    day.agent.choose("offline")
    assert [(wish.member, wish.paused, wish.reason) for wish in day.queues.wishes] == [
        (True, False, ""),
        (True, True, "On a call"),
        (True, True, "Wrap-up"),
        (True, False, ""),
        (True, True, "Break"),
        (True, True, "Break"),
        (False, False, ""),
        (False, False, ""),
    ]


def test_choosing_again_tells_the_queue_again(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.choose("ready")
    assert day.queues.wishes[-2:] == [QueueWish(member=True, paused=False)] * 2


def test_what_the_pbx_says_is_what_is_shown(make: Callable[..., Day]) -> None:
    day = make()
    view = QueueView(members=(QueueMember(queue="support", member=True, paused=True, reason="By Sam"),))
    day.agent.queues_told(view)
    assert day.agent.view.queues == view
    assert "queues" in day.topics


def test_a_session_that_is_open_keeps_the_agent(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    day.desk.begin("s1", "sip-1")
    day.calls(ended())
    refused = day.agent.choose("ready")
    assert isinstance(refused, Refused)
    assert refused.code == "session"
    day.desk.end("")
    assert day.agent.view.debts[0].call == "k1"
    day.desk.close_session()
    assert day.desk.session is not None, "it may not be put away without an outcome"
    assert day.agent.give_outcome("sold") is None
    day.desk.close_session()
    assert day.desk.session is None
    assert day.shown == "ready"
    [line] = day.agent.calls
    assert (line.session, line.outcome) == ("s1", "sold")


def test_the_outcome_of_a_flow_is_not_asked_for_again(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    day.desk.begin("s1", "sip-1")
    day.desk.end("completed_order")
    day.calls(ended())
    assert not day.agent.view.debts
    day.desk.close_session()
    assert day.shown == "ready"
    assert day.agent.calls[0].outcome == ""


def test_a_session_put_away_in_mid_call_has_given_its_outcome(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    day.desk.begin("s1", "sip-1")
    day.desk.end("completed_order")
    day.desk.close_session()
    day.calls(ended())
    assert day.shown == "wrap_up"
    assert not day.agent.view.debts
    assert day.agent.calls[0].session == "s1"


def test_time_that_is_over_puts_a_finished_session_away(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    day.desk.begin("s1", "sip-1")
    day.calls(ended())
    day.clock.now += 31
    day.agent.tick()
    assert day.shown == "wrap_up", "the flow is not finished yet"
    day.desk.end("completed_order")
    day.agent.tick()
    assert (day.desk.session, day.shown) == (None, "ready")


def test_more_time(make: Callable[..., Day]) -> None:
    day = make(AgentRules(wrap_up_s=30, wrap_up_more_s=60))
    day.talk()
    assert day.agent.more_time() is None
    day.clock.now += 60
    day.agent.tick()
    assert day.shown == "wrap_up"
    day.clock.now += 31
    day.agent.tick()
    assert day.shown == "ready"


def test_a_call_for_help_leaves_nothing_behind(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.choose("not_ready", "Break")
    assert all(day.calls(active(direction="out", emergency=True), ended(direction="out", emergency=True)))
    assert (day.shown, day.agent.view.debts) == ("not_ready", ())
    assert not day.phone.requests


@pytest.mark.parametrize(
    ("rang", "code", "shown", "news"),
    [(12.0, 487, "not_ready", 1), (3.0, 487, "ready", 1), (12.0, 486, "ready", 0)],
)
def test_calls_that_rang_in_vain(
    make: Callable[..., Day], rang: float, code: int, shown: str, news: int
) -> None:
    day = make()
    day.calls(ringing(begun_at=100.0))
    day.calls(in_vain(begun_at=100.0, code=code, ended_at=100.0 + rang))
    assert day.shown == shown
    assert day.agent.missed == news
    if shown == "not_ready":
        assert day.agent.view.reason == "Missed call"
        assert day.queues.wishes[-1] == QueueWish(member=True, paused=True, reason="Missed call")
    day.agent.see_calls()
    assert day.agent.missed == 0
    assert day.again().agent.missed == 0


def test_a_call_another_phone_took_was_not_missed(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(begun_at=100.0))
    words = "Somebody else took the call."
    day.calls(in_vain(begun_at=100.0, code=487, ended_at=112.0, taken_elsewhere=True, reason=words))
    assert (day.shown, day.agent.missed) == ("ready", 0)
    assert [(one.missed, one.reason) for one in day.agent.calls] == [(False, words)]


def test_direct_calls_may_be_turned_away_while_not_ready(make: Callable[..., Day]) -> None:
    day = make(AgentRules(direct_calls="busy", reasons=("Break",)))
    assert day.calls(ringing()) == [True]
    day.calls(ended())
    day.agent.choose("not_ready", "Break")
    assert day.calls(ringing(key="k2"), in_vain(key="k2", code=486)) == [False, False]
    assert day.phone.requests == [link.HangUp(call="k2", code=486)]
    assert (day.agent.calls[0].missed, day.agent.missed) == (False, 0)


def test_by_default_they_ring(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.choose("not_ready", "Break")
    assert day.calls(ringing()) == [True]
    assert (day.shown, day.phone.requests) == ("ringing", [])


def test_calls_are_found_again_and_survive(make: Callable[..., Day]) -> None:
    day = make()
    day.talk(remote_name="Zoë Ortiz", begun_at=1.0)
    day.calls(
        *(call(key="out", direction="out", remote_number="5550100", begun_at=5.0) for call in (active, ended))
    )
    later = day.again()
    assert [one.key for one in later.agent.calls] == ["out", "k1"]
    assert later.agent.last_number == "5550100"
    assert [one.key for one in later.agent.find_calls("zoe")] == ["k1"]
    assert [one.key for one in later.agent.find_calls("0100")] == ["out"]
    assert later.agent.find_calls("nobody") == []
    later.store.close()


def test_what_ended_while_nobody_looked_is_told_at_once(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    later = day.again()
    later.agent.attached(link.Snapshot(calls=(ended(),)))
    assert later.shown == "wrap_up"
    assert [debt.call for debt in later.agent.view.debts] == ["k1"]
    later.agent.attached(link.Snapshot(calls=(ended(),)))
    assert len(later.agent.view.debts) == 1, "told again, owed once"
    later.store.close()


def test_a_call_that_goes_on_goes_on(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    later = day.again()
    later.agent.attached(link.Snapshot(calls=(active(),)))
    assert later.shown == "talking"
    later.agent.attached(link.Snapshot(calls=()))
    assert later.shown == "wrap_up"
    later.store.close()


def test_a_call_that_died_with_window_and_phone_has_an_end(make: Callable[..., Day]) -> None:
    day = make()
    day.calls(ringing(), active())
    later = day.again()
    later.agent.attached(link.Snapshot())
    [line] = later.agent.calls
    assert line.reason == "It ended while HaloDesk was away."
    assert later.agent.view.debts[0].call == "k1"
    later.store.close()


def test_an_ended_session_that_was_not_put_away_holds_nobody_after_a_restart(
    make: Callable[..., Day],
) -> None:
    day = make()
    day.calls(ringing(), active())
    day.desk.begin("s1", "sip-1")
    day.calls(ended())
    day.desk.end("completed_order")
    assert day.shown == "wrap_up"
    later = day.again()
    assert later.shown == "ready"
    later.store.close()


def test_a_callback_is_told_when_it_is_due_also_after_a_restart(make: Callable[..., Day]) -> None:
    day = make()
    now = day.clock.now
    refused = day.agent.plan_callback(number="", due=now + 60)
    assert isinstance(refused, Refused)
    assert isinstance(day.agent.plan_callback(number="555", due=now - 1), Refused)
    assert day.agent.plan_callback(number="555", due=now + 600, name="Robin", note="About the order") is None
    day.agent.tick()
    assert day.desk.notices == []
    later = day.again()
    later.clock.now += 700
    later.agent.tick()
    later.agent.tick()
    [notice] = later.desk.notices
    assert "Call Robin back" in notice.message
    assert "About the order" in notice.todo
    [open_] = later.agent.callbacks
    later.agent.move_callback(open_.id, later.clock.now + 60)
    later.clock.now += 61
    later.agent.tick()
    assert len(later.desk.notices) == 2, "put off, it is due anew"
    later.agent.close_callback(open_.id, done=True)
    assert later.again().agent.callbacks == []


def test_what_was_due_long_ago_says_so(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.plan_callback(number="555", due=day.clock.now + 60)
    day.clock.now += 3600
    day.agent.tick()
    assert "was to be called back" in day.desk.notices[0].message


def test_favourites_are_the_agents_own(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.contacts_read([contact("Bo", "1002"), contact("Al", "1003")], "")
    day.agent.set_favourite("1002", "Bo", wanted=True)
    day.agent.set_favourite("1009", "Cy", wanted=True)
    day.agent.set_favourite("1009", "Cy", wanted=False)
    assert [(one.name, one.favourite) for one in day.agent.find_contacts("")] == [("Bo", True), ("Al", False)]
    later = day.again()
    assert [one.name for one in later.agent.find_contacts("")] == ["Bo"]
    assert later.agent.name_of("1002") == "Bo"
    later.store.close()


def test_lamps_and_mailbox(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.watch(["1002"])
    day.agent.lamps_told({"1002": "ringing"})
    day.agent.lamps_told({"1002": "ringing"})
    day.agent.mailbox_told(Mailbox(waiting=True, new=2))
    assert (day.watched, day.agent.lamps, day.agent.mailbox) == (
        [["1002"]],
        {"1002": "ringing"},
        Mailbox(waiting=True, new=2),
    )
    assert (day.topics.count("lamps"), day.topics.count("mailbox")) == (1, 1)


def test_toggle(make: Callable[..., Day]) -> None:
    day = make()
    assert day.agent.toggle() is None
    assert (day.shown, day.agent.view.reason) == ("not_ready", "Break")
    assert day.agent.toggle() is None
    assert day.shown == "ready"


def test_nobody_is_ready_behind_a_locked_window(make: Callable[..., Day]) -> None:
    day = make()
    day.agent.attend(absent=True)
    assert (day.shown, day.agent.view.reason, day.agent.view.choice) == ("not_ready", "Locked", "ready")
    assert day.queues.wishes[-1] == QueueWish(member=True, paused=True, reason="Locked")
    day.calls(ringing(begun_at=1.0), in_vain(begun_at=1.0, ended_at=60.0, code=487))
    day.agent.attend(absent=False)
    assert day.shown == "ready", "a locked window misses no call"
    assert day.queues.wishes[-1] == QueueWish(member=True, paused=False)
    day.agent.choose("offline")
    day.agent.attend(absent=True)
    assert (day.shown, day.queues.wishes[-1].member) == ("offline", False)
    assert day.again().shown == "offline"
