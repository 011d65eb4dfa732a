"""How many calls may begin in a moment."""

from __future__ import annotations

from halodesk.sip.phone.pace import MOST_SOCKETS, OF_A_CALL, OF_A_CALL_WITH_ICE, WINDOW_S, Pace


def test_a_burst_is_cut_and_a_quick_agent_is_not() -> None:
    pace = Pace()
    burst = [pace.take(ice=False, now=1.0) for _ in range(100)]
    assert burst.count(True) == MOST_SOCKETS // OF_A_CALL
    assert not pace.take(ice=False, now=0.99 + WINDOW_S)
    assert pace.take(ice=False, now=1.01 + WINDOW_S)
    steady = Pace()
    assert all(steady.take(ice=False, now=turn * 0.04) for turn in range(500))


def test_calls_with_ice_cost_more() -> None:
    pace = Pace()
    assert [pace.take(ice=True, now=0.0) for _ in range(20)].count(True) == MOST_SOCKETS // OF_A_CALL_WITH_ICE
