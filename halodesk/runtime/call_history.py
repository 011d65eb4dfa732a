"""The calls of this seat: what the phone tells of them becomes a list to search.

A call is on disk from its first sign on, so that a crash leaves a line, too. Legs for the sake of another
call are in that call's line.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.agent_records import MOST_CALLS, AgentStore, CallRecord
from halodesk.runtime.directory import fold, plain_number

DECLINED = frozenset({486, 603})
"""What a caller hears when the agent, or his settings, say no: nothing was missed."""


class CallHistory:
    """The newest `MOST_CALLS` calls. Main thread only."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store
        self._calls = {one.key: one for one in reversed(store.calls())}

    @property
    def calls(self) -> Sequence[CallRecord]:
        """Newest first."""
        return sorted(self._calls.values(), key=lambda one: one.begun_at, reverse=True)

    @property
    def missed(self) -> int:
        """Missed calls nobody has looked at."""
        return sum(not one.seen for one in self._calls.values())

    @property
    def last_number(self) -> str:
        """The number that was dialled last."""
        return next((one.number for one in self.calls if one.direction == "out"), "")

    def find(self, words: str) -> Sequence[CallRecord]:
        """Those whose name or number fits."""
        wanted = fold(words).split()
        digits = plain_number(words) if not any(sign.isalpha() for sign in words) else ""
        if not wanted:
            return self.calls
        return [
            one
            for one in self.calls
            if (digits and digits in plain_number(one.number))
            or all(word in fold(f"{one.name} {one.number} {one.outcome}") for word in wanted)
        ]

    def told(self, call: CallInfo, session: str) -> bool:
        """What the phone says of a call; True: the list has changed."""
        had = self._calls.get(call.key)
        missed = is_missed(call)
        record = CallRecord(
            key=call.key,
            direction=call.direction,
            number=call.remote_number,
            name=call.remote_name,
            begun_at=call.begun_at,
            answered_at=call.answered_at,
            ended_at=call.ended_at,
            reason=call.reason,
            session=session or (had.session if had is not None else ""),
            outcome=had.outcome if had is not None else "",
            missed=missed,
            seen=not missed or (had is not None and had.missed and had.seen),
        )
        return self._keep(record) if record != had else False

    def open(self) -> Sequence[CallRecord]:
        """Calls of which no end is known."""
        return [one for one in self._calls.values() if one.ended_at is None]

    def lost(self, call: str, reason: str, now: float) -> None:
        """Nobody knows how it ended."""
        had = self._calls.get(call)
        if had is not None and had.ended_at is None:
            self._keep(replace(had, ended_at=now, reason=reason))

    def outcome(self, call: str, outcome: str) -> None:
        """How a call ended for which no flow said so; the first word counts."""
        had = self._calls.get(call)
        if had is not None and not had.outcome:
            self._keep(replace(had, outcome=outcome))

    def see(self) -> bool:
        """Somebody has looked at the list; True: there was news."""
        news = [one for one in self._calls.values() if not one.seen]
        for one in news:
            self._calls[one.key] = replace(one, seen=True)
        if news:
            self._store.see_calls()
        return bool(news)

    def _keep(self, record: CallRecord) -> bool:
        self._calls[record.key] = record
        self._store.keep_call(record)
        while len(self._calls) > MOST_CALLS:
            self._calls.pop(min(self._calls.values(), key=lambda one: one.begun_at).key)
        return True


def is_missed(call: CallInfo) -> bool:
    """It rang here, and nobody took or refused it, here or elsewhere."""
    in_vain = call.direction == "in" and call.state == "ended" and call.answered_at is None
    return in_vain and not call.taken_elsewhere and call.code not in DECLINED
