"""Mask leases under any order of holds, releases, answers, news and time.

Never "held" while some recorder's last word is not confirmed; never an unmask while a lease is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from halodesk.runtime.lease import LeaseState
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict
from tests.examples import many
from tests.fakes.leases import CALL, FakeRecorder, Seat, play

RECORDERS, LEASES = ("PBX", "phone"), ("a", "b", "c")
VERDICTS: list[RecorderVerdict] = ["confirmed", "unconfirmed", "failed"]
KINDS: list[tuple[str, str, Any]] = [
    *(("hold", lease, count) for lease in LEASES for count in (1, 2)),
    *(("release", lease, 0) for lease in LEASES),
    *(("answer", name, verdict) for name in RECORDERS for verdict in (*VERDICTS, "confirmed", "confirmed")),
    *(("news", name, verdict) for name in RECORDERS for verdict in VERDICTS),
    *(("wait", "", seconds) for seconds in (0.01, 0.2, 0.95, 1.0, 1.0, 1.1)),
    ("ended", "", 0),
]
STEPS = st.tuples(st.sampled_from(KINDS), st.sampled_from([0, 1, 6]))
"""What happens, and how many turns the loop makes after it."""


class Witness:
    """Keeps each recorder's last word and who holds the call, apart from the code under test."""

    def __init__(self) -> None:
        self.now = 0
        self.call = CALL
        self.asked_for: dict[str, int] = {}
        """Leases not given back, and when they were asked for."""
        self.live: set[str] = set()
        """Held or asked for since the call last ended."""
        self.phase: dict[str, str] = {}
        self.word: dict[str, str] = {}
        self.proof_begun: dict[str, int] = {}
        """When the request went out that the recorder's last good word answers."""
        self.bad_news: dict[str, int] = {}

    def tick(self) -> int:
        self.now += 1
        return self.now

    def heard(self, state: LeaseState) -> None:
        self.phase[state.lease] = state.state
        if state.state == "open" and not self.live & self.asked_for.keys():
            # The call is done with; whoever holds it next may name other recorders.
            self.word.clear()
            self.proof_begun.clear()
        self.check([state.lease])

    def check(self, leases: Sequence[str] = LEASES) -> None:
        for lease in [lease for lease in leases if self.phase.get(lease) == "held"]:
            assert lease in self.asked_for, "held after it was given back"
            assert set(self.word.values()) == {"confirmed"}, self.word
            assert all(begun > self.asked_for[lease] for begun in self.proof_begun.values())


class HandRecorder(FakeRecorder):
    """Answers when the history says so, and tells the witness at that very moment."""

    def __init__(self, name: str, witness: Witness) -> None:
        super().__init__(name)
        self.witness = witness
        self.by_hand = True

    async def _ask(self, what: str, sip_call_id: str, lease: str) -> RecorderAnswer:
        begun = self.witness.tick()
        if sip_call_id != self.witness.call:  # created just before the call ended
            return await super()._ask(what, sip_call_id, lease)
        if what == "unmask":
            if "held" in self.witness.phase.values():
                self.wrongs.append("unmasked under a lease that is held")
            self.witness.word[self.name] = "unmasking"
        else:
            self.witness.word.setdefault(self.name, "nothing yet")
        answer = await super()._ask(what, sip_call_id, lease)
        if sip_call_id != self.witness.call:
            return answer
        # A mask asked for before the bad news came proves nothing about the time after it.
        if what == "mask" and self.witness.bad_news.get(self.name, 0) < begun:
            self.witness.word[self.name] = answer.verdict
            self.witness.proof_begun[self.name] = begun
        return answer


@settings(max_examples=many(300), deadline=None)
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_never_held_against_a_recorders_last_word_and_never_unmasked_under_a_held_lease(
    history: list[tuple[tuple[str, str, Any], int]],
) -> None:
    async def scene(seat: Seat) -> None:
        witness = Witness()
        recorders = {name: HandRecorder(name, witness) for name in RECORDERS}
        for (what, who, value), turns in history:
            if what == "hold":
                if witness.phase.get(who) != "held":
                    witness.asked_for[who] = witness.tick()
                witness.live.add(who)
                seat.leases.hold(who, witness.call, list(recorders.values())[:value], witness.heard)
            elif what == "release":
                witness.asked_for.pop(who, None)
                witness.phase.pop(who, None)
                seat.leases.release(who)
            elif what == "answer":
                waiting = recorders[who].waiting
                if waiting is not None and not waiting.done():
                    waiting.set_result(value)
            elif what == "news":
                if value != "confirmed" and who in witness.word:
                    witness.word[who] = value
                    witness.bad_news[who] = witness.tick()
                seat.leases.recorder_changed(who, witness.call, recorders[who].answer(value))
            elif what == "wait":
                await seat.run(value)
            else:
                seat.leases.call_ended(witness.call)
                witness.call += "'"  # a SIP Call-ID never comes back
                witness.word.clear()
                witness.proof_begun.clear()
                witness.live.clear()
            # An answer is a word once it has arrived, not when it is spoken.
            for _ in range(6 if what == "answer" else turns):
                await asyncio.sleep(0)
            witness.check()

        # However it went: with answers again, everything ends well.
        for recorder in recorders.values():
            recorder.by_hand = False
            if recorder.waiting is not None and not recorder.waiting.done():
                recorder.waiting.cancel()
        await seat.run(5)
        witness.check()
        for lease in sorted(witness.asked_for):
            state = seat.leases.state(lease)
            assert state is not None
            assert state.state == ("held" if lease in witness.live else "lost")
            del witness.asked_for[lease]
            witness.phase.pop(lease, None)
            seat.leases.release(lease)
        await seat.run(5)
        assert len(asyncio.all_tasks()) == 1, "nothing is left running"
        assert [recorder.wrongs for recorder in recorders.values()] == [[], []]

    play(scene)
