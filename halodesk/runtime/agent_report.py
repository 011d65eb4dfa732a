"""How long an agent was in which state: facts become sums."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Fact = tuple[float, str, str, str, str, str]
"""Time, agent, state, reason, call, session: as `AgentDayStore.facts` gives them."""


class StateTime(msgspec.Struct, frozen=True, kw_only=True):
    """One state of one agent: how often it began, and seconds in all."""

    agent: str
    state: str
    reason: str
    times: int
    seconds: float


def state_times(facts: Sequence[Fact], *, since: float, until: float) -> list[StateTime]:
    """Between two points in time; the longest first. Facts in order, from before `since` on.

    The same state told twice in a row (its wrap-up got longer, say) began once.
    """
    sums: dict[tuple[str, str, str], tuple[int, float]] = {}
    before: tuple[str, str, str] | None = None
    for place, (at, agent, state, reason, _, _) in enumerate(facts):
        ends = facts[place + 1][0] if place + 1 < len(facts) else until
        seconds = min(ends, until) - max(at, since)
        key = (agent, state, reason)
        begun = key != before and since <= at < until
        before = key
        if seconds > 0 or begun:
            times, had = sums.get(key, (0, 0.0))
            sums[key] = (times + begun, had + max(0.0, seconds))
    found = [
        StateTime(agent=agent, state=state, reason=reason, times=times, seconds=round(seconds, 3))
        for (agent, state, reason), (times, seconds) in sums.items()
    ]
    return sorted(found, key=lambda one: (one.agent, -one.seconds))
