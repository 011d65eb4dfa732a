"""The agent's states: what is chosen, what calls do, what wrap-up owes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.commands import Refused
from halodesk.runtime import agent_state as a
from halodesk.runtime.agent_settings import AgentRules

PLAIN = AgentRules(reasons=("Break", "Lunch"))
TIMED = AgentRules(reasons=("Break",), wrap_up_s=30, wrap_up_more_s=60)
FORCED = AgentRules(reasons=(), wrap_up_s=30, dispositions=("sold", "not sold"), force_disposition=True)
READY = a.AgentState(since=1.0)


def over(state: a.AgentState, rules: AgentRules, now: float = 100.0, **more: object) -> a.AgentState:
    values = {"call": "k", "number": "555", "session": "", "session_open": False, "outcome": ""}
    return a.call_over(state, rules, now=now, **values | more)  # type: ignore[arg-type]  # kept short


def state_of(found: a.AgentState | Refused) -> a.AgentState:
    assert isinstance(found, a.AgentState), found
    return found


def session_ended(state: a.AgentState, outcome: str = "") -> a.AgentState:
    return a.session_ended(state, FORCED, session="s", call="k", number="555", outcome=outcome)


def refusal(found: a.AgentState | Refused) -> str:
    assert isinstance(found, Refused)
    return found.code


def test_not_ready_wants_one_of_the_reasons() -> None:
    assert refusal(a.choose(READY, PLAIN, "not_ready", "", 5)) == "reason"
    assert refusal(a.choose(READY, PLAIN, "not_ready", "Golf", 5)) == "reason"
    found = state_of(a.choose(READY, PLAIN, "not_ready", "Lunch", 5))
    assert (found.shown, found.shown_reason, found.since, found.takes_calls) == (
        "not_ready",
        "Lunch",
        5,
        False,
    )


def test_where_there_are_no_reasons_none_is_asked_for() -> None:
    assert state_of(a.choose(READY, FORCED, "not_ready", "", 5)).shown == "not_ready"


def test_offline_and_back() -> None:
    gone = state_of(a.choose(READY, PLAIN, "offline", "", 5))
    assert (gone.shown, gone.takes_calls) == ("offline", False)
    assert state_of(a.choose(gone, PLAIN, "ready", "", 6)).shown == "ready"


def test_calls_stand_before_the_choice() -> None:
    ringing = a.calls(READY, ringing=True, talking=False, now=7)
    assert (ringing.shown, ringing.takes_calls) == ("ringing", True)
    talking = a.calls(ringing, ringing=False, talking=True, now=9)
    assert (talking.shown, talking.since, talking.takes_calls) == ("talking", 9, False)
    later = state_of(a.choose(talking, PLAIN, "not_ready", "Break", 10))
    assert (later.shown, later.since) == ("talking", 9), "a choice in mid-call counts afterwards"
    assert a.calls(later, ringing=False, talking=False, now=20).shown == "not_ready"


def test_without_time_debt_or_session_there_is_no_wrap_up() -> None:
    assert over(READY, PLAIN) == READY


def test_wrap_up_runs_out_into_ready() -> None:
    found = over(READY, TIMED)
    assert (found.shown, found.takes_calls) == ("wrap_up", False)
    assert a.tick(found, 129.9).shown == "wrap_up"
    ended = a.tick(found, 130.0)
    assert (ended.shown, ended.since) == ("ready", 130.0)


def test_wrap_up_ends_in_what_was_chosen_meanwhile() -> None:
    found = state_of(a.choose(over(READY, TIMED), TIMED, "not_ready", "Break", 110))
    assert found.shown == "wrap_up"
    assert a.tick(found, 130).shown_reason == "Break"


def test_ready_ends_it_sooner() -> None:
    assert state_of(a.choose(over(READY, TIMED), TIMED, "ready", "", 105)).shown == "ready"


def test_more_time() -> None:
    found = state_of(a.extend(over(READY, TIMED), TIMED, 110))
    assert found.wrap_up is not None
    assert found.wrap_up.until == 190
    late = over(READY, TIMED, session="s", session_open=True)
    extended = state_of(a.extend(late, TIMED, 200))
    assert extended.wrap_up is not None
    assert extended.wrap_up.until == 260, "counted from now when its time had passed"
    assert refusal(a.extend(READY, TIMED, 1)) == "no_wrap_up"


def test_an_outcome_is_owed_until_it_is_chosen() -> None:
    found = over(READY, FORCED)
    assert refusal(a.choose(found, FORCED, "ready", "", 110)) == "outcome"
    assert a.tick(found, 500).shown == "wrap_up", "no time frees from it"
    assert refusal(a.outcome_chosen(found, FORCED, "maybe", 110)) == "outcome"
    chosen = state_of(a.outcome_chosen(found, FORCED, "sold", 110))
    assert chosen.shown == "wrap_up"
    assert state_of(a.choose(chosen, FORCED, "ready", "", 111)).shown == "ready"
    assert state_of(a.outcome_chosen(found, FORCED, "sold", 500)).shown == "ready", "its time had passed"
    assert refusal(a.outcome_chosen(chosen, FORCED, "sold", 112)) == "no_outcome"


def test_the_outcome_of_the_flow_is_the_outcome() -> None:
    found = over(READY, FORCED, session="s", session_open=True)
    assert refusal(a.choose(found, FORCED, "ready", "", 110)) == "session"
    assert a.tick(found, 500).shown == "wrap_up"
    ended = session_ended(found, "completed_order")
    assert ended == found
    assert a.session_put_away(ended, 115).shown == "ready"


def test_a_flow_without_outcome_leaves_it_owed() -> None:
    found = session_ended(over(READY, FORCED, session="s", session_open=True))
    assert session_ended(found) == found, "told twice, owed once"
    away = a.session_put_away(found, 115)
    assert away.shown == "wrap_up"
    assert refusal(a.choose(away, FORCED, "ready", "", 116)) == "outcome"
    assert state_of(a.outcome_chosen(found, FORCED, "sold", 116)).wrap_up is not None


def test_a_second_call_does_not_pay_for_the_first() -> None:
    both = over(over(READY, FORCED), FORCED, 200.0, call="k2", number="556")
    assert both.wrap_up is not None
    assert [debt.call for debt in both.wrap_up.debts] == ["k", "k2"]
    assert both.wrap_up.until == 230
    one = state_of(a.outcome_chosen(both, FORCED, "sold", 500))
    assert refusal(a.choose(one, FORCED, "ready", "", 501)) == "outcome"
    assert state_of(a.outcome_chosen(one, FORCED, "not sold", 502)).shown == "ready"


def test_a_call_beside_an_open_session_leaves_it_open() -> None:
    found = over(over(READY, FORCED, session="s", session_open=True), FORCED, 200.0, call="k2")
    assert found.wrap_up is not None
    assert (found.wrap_up.session, found.wrap_up.session_open) == ("s", True)


def test_news_of_another_session_changes_nothing() -> None:
    found = over(READY, FORCED, session="s", session_open=True)
    assert a.session_ended(found, FORCED, session="other", call="x", number="", outcome="") == found
    assert a.session_put_away(READY, 1) == READY


@pytest.mark.parametrize(
    ("rang", "state", "shown"),
    [
        (9.9, READY, "ready"),
        (10.0, READY, "not_ready"),
        (60.0, a.AgentState(choice="not_ready", reason="Break"), "not_ready"),
        (60.0, a.AgentState(choice="offline"), "offline"),
    ],
)
def test_a_call_that_rang_in_vain(rang: float, state: a.AgentState, shown: str) -> None:
    found = a.missed(state, PLAIN, rang, 50)
    assert found.shown == shown
    assert (found.reason == a.MISSED) is (state is READY and rang >= 10)


def test_a_second_call_that_waited_in_vain_is_no_sign_of_absence() -> None:
    talking = a.calls(READY, ringing=False, talking=True, now=2)
    assert a.missed(talking, PLAIN, 60, 50) == talking
    wrapping = over(READY, TIMED)
    assert a.missed(wrapping, PLAIN, 60, 150) == wrapping


def test_missed_calls_may_be_left_alone_by_setting() -> None:
    assert a.missed(READY, AgentRules(missed_not_ready=False), 60, 50) == READY


@pytest.mark.parametrize(
    ("at_start", "left", "choice"),
    [
        ("as_left", None, "ready"),
        ("not_ready", None, "not_ready"),
        ("as_left", a.AgentState(choice="not_ready", reason="Break"), "not_ready"),
        ("ready", a.AgentState(choice="not_ready", reason="Break"), "ready"),
        ("not_ready", READY, "not_ready"),
        ("not_ready", a.AgentState(choice="offline"), "offline"),
    ],
)
def test_at_start(at_start: str, left: a.AgentState | None, choice: str) -> None:
    rules = AgentRules(at_start=at_start)  # type: ignore[arg-type]  # a parameter of the test
    assert a.begin(left, rules, 77).choice == choice


def test_a_restart_forgets_calls_and_keeps_what_is_owed() -> None:
    left = a.calls(over(READY, FORCED), ringing=False, talking=True, now=120)
    found = a.begin(left, FORCED, 500)
    assert (found.shown, found.wrap_up) == ("wrap_up", left.wrap_up)


@given(
    st.lists(
        st.sampled_from(
            [
                "ready",
                "offline",
                "not_ready",
                "ring",
                "talk",
                "idle",
                "over",
                "tick",
                "missed",
                "more",
                "sold",
            ]
        )
    )
)
def test_whatever_happens_no_call_is_offered_while_something_is_owed(steps: list[str]) -> None:
    state, now = READY, 0.0
    for step in steps:
        now += 7
        before = state
        found: a.AgentState | Refused = state
        match step:
            case "ready" | "offline" | "not_ready":
                found = a.choose(state, FORCED, step, "", now)
            case "ring" | "talk" | "idle":
                found = a.calls(state, ringing=step == "ring", talking=step == "talk", now=now)
            case "over":
                found = over(state, FORCED, now)
            case "tick":
                found = a.tick(state, now)
            case "missed":
                found = a.missed(state, FORCED, 60, now)
            case "more":
                found = a.extend(state, FORCED, now)
            case "sold":
                found = a.outcome_chosen(state, FORCED, "sold", now)
        state = found if isinstance(found, a.AgentState) else state
        wrap_up = state.wrap_up
        assert not (state.takes_calls and wrap_up is not None)
        if before.wrap_up is not None and step != "sold":
            kept = wrap_up.debts if wrap_up is not None else ()
            assert kept[: len(before.wrap_up.debts)] == before.wrap_up.debts
        if (before.shown, before.shown_reason) != (state.shown, state.shown_reason):
            assert state.since == now
