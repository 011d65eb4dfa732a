"""Mask leases on a loop whose time is made up: every rule of the module, then random histories."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halodesk.runtime.lease import NO_CALL, LeaseState, MaskLeases
from halodesk.runtime.ports import RecorderAnswer, RecorderControl, RecorderVerdict

CALL = "call-1@seat"


class MadeUpTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting. Is the leases' `Clock` too."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jumps(self))

    def time(self) -> float:
        return self.now

    mono = time

    def wall(self) -> float:
        return 1_700_000_000 + self.now


class _Jumps(selectors.SelectSelector):
    def __init__(self, loop: MadeUpTime) -> None:
        super().__init__()
        self._of = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the loop would wait for ever"
            self._of.now += max(0.0, timeout)
        return ready


class FakeRecorder:
    """A recorder that answers as told: a verdict, silence, or by hand through `waiting`.

    `is_masked` is what it would really do. It never gives up a request by itself.
    """

    def __init__(
        self, name: str, verdict: RecorderVerdict | None = "confirmed", takes_s: float = 0.0
    ) -> None:
        self.name = name
        self.verdict: RecorderVerdict | None = verdict
        self.takes_s = takes_s
        self.masked = False
        self.asked: list[tuple[str, str, str]] = []
        self.times: list[float] = []
        self.raises = False
        self.deaf = False
        """Does not even end when it is cancelled."""
        self.by_hand = False
        self.waiting: asyncio.Future[RecorderVerdict] | None = None
        self.under_way: Counter[str] = Counter()
        self.wrongs: list[str] = []
        """What must not happen; an assertion raised here would pass for a failed answer."""

    def answer(self, verdict: RecorderVerdict, detail: str = "") -> RecorderAnswer:
        detail = detail or f"says {verdict}"
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=f"fix {self.name}")

    def is_masked(self) -> bool:
        return self.masked

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        return await self._ask("mask", sip_call_id, lease)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        return await self._ask("unmask", sip_call_id, lease)

    async def _ask(self, what: str, sip_call_id: str, lease: str) -> RecorderAnswer:
        self.asked.append((what, sip_call_id, lease))
        self.times.append(asyncio.get_running_loop().time())
        self.under_way[sip_call_id] += 1
        if self.under_way[sip_call_id] > 1:
            self.wrongs.append("asked twice at the same time")
        try:
            if self.raises:
                raise OSError("broken")
            verdict = await self._verdict()
        finally:
            self.under_way[sip_call_id] -= 1
        if verdict == "confirmed":
            self.masked = what == "mask"
        return self.answer(verdict)

    async def _verdict(self) -> RecorderVerdict:
        if self.by_hand:
            self.waiting = asyncio.get_running_loop().create_future()
            return await self.waiting
        await asyncio.sleep(self.takes_s)
        while self.verdict is None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
        return self.verdict


class Seat:
    """The leases of a seat, what they said, and a check of the one promise after every word."""

    def __init__(self, loop: MadeUpTime, **policy: Any) -> None:
        self.loop = loop
        self.leases = MaskLeases(loop, **policy)
        self.said: list[LeaseState] = []

    def hold(
        self,
        lease: str = "pay.1",
        call: str = CALL,
        recorders: Sequence[RecorderControl] = (),
        **options: Any,
    ) -> LeaseState:
        return self.leases.hold(lease, call, recorders, self.said.append, **options)

    def phases(self, lease: str = "pay.1") -> list[str]:
        return [state.state for state in self.said if state.lease == lease]

    def last(self, lease: str = "pay.1") -> LeaseState:
        return [state for state in self.said if state.lease == lease][-1]

    async def run(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def play(scene: Callable[[Seat], Coroutine[Any, Any, None]], **policy: Any) -> Seat:
    """Run a scene; nothing may be left running, and nothing may have gone wrong unseen."""
    troubles: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=MadeUpTime) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, MadeUpTime)
        loop.set_exception_handler(lambda _, trouble: troubles.append(trouble))

        async def whole() -> Seat:
            seat = Seat(loop, **policy)
            await scene(seat)
            await seat.leases.close()
            return seat

        seat = runner.run(whole())
    assert troubles == []
    return seat


# --- holding --------------------------------------------------------------------------------------


def test_held_only_when_every_recorder_confirmed() -> None:
    async def scene(seat: Seat) -> None:
        quick, slow = FakeRecorder("PBX"), FakeRecorder("phone", takes_s=0.5)
        assert seat.hold(recorders=[quick, slow]).state == "wanted"
        await seat.run(0.4)
        assert seat.phases() == ["wanted"]
        assert quick.is_masked()
        await seat.run(0.2)
        assert seat.phases() == ["wanted", "held"]
        state = seat.last()
        assert state.confirmed_by == ("PBX", "phone")
        assert [answer.detail for answer in state.answers] == ["says confirmed"] * 2
        assert state.since_wall == 1_700_000_000 + 1000.5
        assert seat.leases.state("pay.1") == state
        assert slow.times[0] == quick.times[0], "asked side by side"

    play(scene)


def test_a_held_lease_is_renewed_each_second_and_says_nothing() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(recorders=[recorder])
        await seat.run(5.5)
        assert recorder.asked == [("mask", CALL, "pay.1")] * 6
        assert [b - a for a, b in zip(recorder.times, recorder.times[1:], strict=False)] == [1.0] * 5
        assert seat.phases() == ["wanted", "held"]

    play(scene)


@pytest.mark.parametrize("how", ["failed", "unconfirmed", "silent", "raises", "deaf"])
def test_a_recorder_that_stops_confirming_blanks_within_two_seconds(how: str) -> None:
    async def scene(seat: Seat) -> None:
        good, bad = FakeRecorder("PBX"), FakeRecorder("phone")
        seat.hold(recorders=[good, bad])
        await seat.run(3.0001)  # just after a renewal: the worst moment
        assert seat.last().state == "held"
        bad.raises, bad.deaf = how == "raises", how == "deaf"
        bad.verdict = {"failed": "failed", "unconfirmed": "unconfirmed"}.get(how)  # type: ignore[assignment]
        await seat.run(1.95)
        state = seat.last()
        assert state.state == "lost"
        assert state.confirmed_by == ("PBX",)
        assert "phone" in state.message
        assert state.todo
        assert good.is_masked()
        asked = len(good.asked)
        await seat.run(3)
        assert len(good.asked) >= asked + 3, "the other is still asked"
        assert ("unmask", CALL, "pay.1") not in good.asked
        bad.raises, bad.deaf, bad.verdict = False, False, "confirmed"
        if how == "deaf":
            assert len(bad.asked) == 5, "not asked again while the last request is still there"
        else:
            await seat.run(2)
            assert seat.phases() == ["wanted", "held", "lost", "held"]

    play(scene)


def test_a_recorder_that_never_confirms_is_lost_with_its_words() -> None:
    async def scene(seat: Seat) -> None:
        seat.hold(recorders=[FakeRecorder("PBX", "failed")])
        await seat.run(0.1)
        assert seat.phases() == ["wanted", "lost"]
        assert seat.last().message == "Recording may be going on. PBX: says failed"
        assert seat.last().todo == "fix PBX"

    play(scene)


@pytest.mark.parametrize("allowed", [True, False])
def test_unconfirmed_counts_only_by_policy(allowed: bool) -> None:
    async def scene(seat: Seat) -> None:
        seat.hold(recorders=[FakeRecorder("hosted", "unconfirmed")])
        await seat.run(0.1)
        assert seat.last().state == ("held" if allowed else "lost")

    play(scene, allow_unconfirmed=allowed)


def test_refused_without_recorders_or_with_two_of_one_name() -> None:
    async def scene(seat: Seat) -> None:
        assert seat.hold("a").state == "lost"
        assert "No recorder is configured" in seat.last("a").message
        twins = [FakeRecorder("PBX"), FakeRecorder("PBX")]
        assert seat.hold("b", recorders=twins).state == "lost"
        assert "same name" in seat.last("b").message
        await seat.run(3)
        assert twins[0].asked == twins[1].asked == []
        assert seat.leases.release("a").state == "open"
        # A lease that was good and is asked for again with a bad policy is refused, and its call let go.
        recorder = FakeRecorder("PBX")
        seat.hold("c", recorders=[recorder])
        await seat.run(0.1)
        seat.hold("c")
        await seat.run(0.1)
        assert seat.phases("c") == ["wanted", "held", "lost"]
        assert not recorder.is_masked()

    play(scene, allow_without_call=True)


@pytest.mark.parametrize("allowed", [True, False])
def test_without_a_call(allowed: bool) -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(call="", recorders=[recorder])
        await seat.run(3)
        assert recorder.asked == []
        if allowed:
            assert (seat.last().state, seat.last().confirmed_by) == ("held", (NO_CALL,))
        else:
            assert seat.last().state == "lost"
            assert "There is no call." in seat.last().message
            assert seat.last().todo
        # A call comes up: the same lease is asked for again, for that call.
        seat.hold(recorders=[recorder])
        assert seat.last().state == "wanted"
        await seat.run(0.1)
        assert seat.last().confirmed_by == ("PBX",)
        seat.leases.release("pay.1")
        await seat.run(0.1)
        assert seat.last().state == "open"

    play(scene, allow_without_call=allowed)


# --- nested leases, more recorders, moving --------------------------------------------------------


def test_only_the_last_lease_of_a_call_unmasks() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold("outer", recorders=[recorder])
        await seat.run(0.1)
        seat.hold("inner", recorders=[recorder])
        assert seat.phases("inner") == ["wanted"], "proof from before does not count"
        await seat.run(0.1)
        assert seat.phases("inner") == ["wanted", "held"]
        assert seat.phases("outer") == ["wanted", "held"]
        seat.leases.release("outer")
        assert seat.phases("outer") == ["wanted", "held", "releasing", "open"]
        assert "another page" in seat.last("outer").message
        await seat.run(2)
        assert recorder.is_masked()
        assert seat.last("inner").state == "held"
        seat.leases.release("inner")
        await seat.run(0.1)
        assert not recorder.is_masked()
        assert seat.last("inner").state == "open"
        assert {lease for _, _, lease in recorder.asked} == {"outer"}, "one name as long as it is masked"

    play(scene)


def test_a_recorder_that_a_later_lease_brings_is_waited_for_by_all() -> None:
    async def scene(seat: Seat) -> None:
        pbx, late = FakeRecorder("PBX"), FakeRecorder("platform", takes_s=0.3)
        seat.hold("a", recorders=[pbx])
        await seat.run(0.1)
        seat.hold("b", recorders=[pbx, late])
        assert seat.last("a").state == "lost"
        await seat.run(0.4)
        assert seat.last("a").state == seat.last("b").state == "held"
        assert seat.last("a").confirmed_by == ("PBX", "platform")

    play(scene)


def test_holding_again_asks_at_once_and_stays_held() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(recorders=[recorder])
        await seat.run(0.3)
        assert seat.hold(recorders=[recorder]).state == "held"
        await seat.run(0.01)
        assert len(recorder.asked) == 2
        assert seat.phases() == ["wanted", "held", "held"]
        recorder.verdict = "failed"
        seat.hold(recorders=[recorder])
        await seat.run(0.01)
        assert seat.last().state == "lost"

    play(scene)


def test_a_lease_moves_to_another_call_and_the_old_one_is_unmasked_in_silence() -> None:
    async def scene(seat: Seat) -> None:
        old, new = FakeRecorder("PBX"), FakeRecorder("PBX")
        seat.hold(recorders=[old])
        await seat.run(0.1)
        new.takes_s = 0.5
        seat.hold(call="call-2@seat", recorders=[new])
        await seat.run(0.1)
        assert not old.is_masked()
        assert seat.phases() == ["wanted", "held", "wanted"]
        await seat.run(0.5)
        assert seat.phases() == ["wanted", "held", "wanted", "held"]

    play(scene)


# --- giving back ----------------------------------------------------------------------------------


def test_release_unmasks_and_reports_each_recorders_answer() -> None:
    async def scene(seat: Seat) -> None:
        recorders = [FakeRecorder("PBX"), FakeRecorder("phone", takes_s=0.2)]
        seat.hold(recorders=recorders)
        await seat.run(1.5)
        assert seat.leases.release("pay.1").state == "releasing"
        assert seat.leases.state("pay.1") is None
        await seat.run(0.1)
        assert seat.last().state == "releasing"
        await seat.run(0.2)
        state = seat.last()
        assert state.state == "open"
        assert {(a.recorder, a.verdict) for a in state.answers} == {
            ("PBX", "confirmed"),
            ("phone", "confirmed"),
        }
        asked = [len(recorder.asked) for recorder in recorders]
        await seat.run(5)
        assert [len(recorder.asked) for recorder in recorders] == asked
        assert seat.leases.release("pay.1").state == "open"

    play(scene)


def test_an_unmask_that_is_not_confirmed_is_asked_until_it_is() -> None:
    async def scene(seat: Seat) -> None:
        good, bad = FakeRecorder("phone"), FakeRecorder("PBX")
        seat.hold(recorders=[good, bad])
        await seat.run(0.1)
        bad.verdict = "failed"
        seat.leases.release("pay.1")
        await seat.run(5)
        assert seat.last().state == "releasing"
        assert seat.last().message == "PBX: says failed"
        assert good.asked.count(("unmask", CALL, "pay.1")) == 1
        assert bad.asked.count(("unmask", CALL, "pay.1")) == 5
        bad.verdict = "confirmed"
        await seat.run(1)
        assert seat.last().state == "open"

    play(scene)


def test_the_end_of_the_call_ends_everything() -> None:
    async def scene(seat: Seat) -> None:
        stuck, fine = FakeRecorder("PBX"), FakeRecorder("PBX")
        seat.hold("going", recorders=[stuck])
        seat.hold("here", "call-2@seat", [fine])
        await seat.run(0.1)
        stuck.verdict = "failed"
        seat.leases.release("going")
        await seat.run(0.1)
        for call in (CALL, "call-2@seat", "never heard of"):
            seat.leases.call_ended(call)
        assert seat.last("going").state == "open"
        assert seat.last("here").state == "lost"
        assert "The call has ended." in seat.last("here").message
        asked = len(stuck.asked) + len(fine.asked)
        await seat.run(5)
        assert len(stuck.asked) + len(fine.asked) == asked
        seat.leases.release("here")
        assert seat.last("here").state == "open"

    play(scene)


def test_a_new_lease_takes_over_a_call_that_is_being_unmasked() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold("a", recorders=[recorder])
        await seat.run(0.1)
        recorder.by_hand = True
        seat.leases.release("a")
        await seat.run(0.1)
        assert recorder.asked[-1][0] == "unmask"
        assert seat.hold("b", recorders=[recorder]).state == "wanted"
        assert seat.last("a").state == "open"
        await seat.run(0.1)
        assert len(recorder.asked) == 2, "not beside the unmask"
        recorder.by_hand = False
        assert recorder.waiting is not None
        recorder.waiting.set_result("confirmed")
        await seat.run(0.1)
        assert recorder.asked[-1] == ("mask", CALL, "a")
        assert recorder.is_masked()
        assert seat.phases("b") == ["wanted", "held"]

    play(scene)


@pytest.mark.parametrize("verdict", ["confirmed", "failed"])
def test_a_released_lease_hears_nothing_of_an_old_mask_answer(verdict: RecorderVerdict) -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        recorder.by_hand = True
        seat.hold(recorders=[recorder])
        await seat.run(0.1)
        seat.leases.release("pay.1")
        assert recorder.waiting is not None
        recorder.waiting.set_result(verdict)
        recorder.by_hand = False
        await seat.run(0.1)
        assert seat.phases() == ["wanted", "releasing", "open"]
        assert not recorder.is_masked()

    play(scene)


def test_closing_unmasks_nothing() -> None:
    async def scene(seat: Seat) -> None:
        recorder, deaf = FakeRecorder("PBX"), FakeRecorder("deaf", None)
        deaf.deaf = True
        seat.hold(recorders=[recorder])
        seat.hold("b", "call-2", [deaf])
        await seat.run(0.1)
        await seat.leases.close()
        deaf.deaf = False
        assert recorder.is_masked()
        assert [what for what, _, _ in recorder.asked] == ["mask"]

    play(scene)


# --- words between requests -----------------------------------------------------------------------


def test_a_recorders_bad_news_loses_the_lease_at_once_and_is_asked_about() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(recorders=[recorder])
        await seat.run(0.2)
        seat.leases.recorder_changed("PBX", CALL, recorder.answer("failed", "A recording started."))
        assert seat.last().state == "lost"
        assert "A recording started." in seat.last().message
        await seat.run(0.2)
        assert seat.last().state == "held"

    play(scene)


def test_good_news_alone_unlocks_nothing() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX", "failed")
        seat.hold(recorders=[recorder])
        await seat.run(0.2)
        seat.leases.recorder_changed("PBX", CALL, recorder.answer("confirmed"))
        await seat.run(0.2)
        assert seat.phases() == ["wanted", "lost"]
        assert len(recorder.asked) == 2, "but it is asked at once"

    play(scene)


def test_an_answer_to_a_request_from_before_the_bad_news_does_not_count() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(recorders=[recorder])
        await seat.run(0.5)
        recorder.by_hand = True
        await seat.run(0.6)
        seat.leases.recorder_changed("PBX", CALL, recorder.answer("failed"))
        assert recorder.waiting is not None
        recorder.waiting.set_result("confirmed")
        await seat.run(0.05)
        assert seat.last().state == "lost"
        await seat.run(0.1)
        recorder.waiting.set_result("confirmed")
        await seat.run(0.1)
        assert seat.last().state == "held"

    play(scene)


def test_a_recorder_that_reports_without_end_is_not_asked_without_end() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX", "failed")
        seat.hold(recorders=[recorder])
        for _ in range(1000):
            await seat.run(0.001)
            seat.leases.recorder_changed("PBX", CALL, recorder.answer("failed"))
        assert len(recorder.asked) < 15

    play(scene)


def test_news_of_strangers_and_of_released_calls_is_ignored() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        bad = recorder.answer("failed")
        seat.leases.recorder_changed("PBX", CALL, bad)
        seat.hold(recorders=[recorder])
        await seat.run(0.1)
        seat.leases.recorder_changed("someone", CALL, bad)
        seat.leases.recorder_changed("PBX", "another", bad)
        recorder.takes_s = 0.5
        seat.leases.release("pay.1")
        await seat.run(0.1)
        seat.leases.recorder_changed("PBX", CALL, bad)
        await seat.run(1)
        assert seat.phases() == ["wanted", "held", "releasing", "open"]

    play(scene)


# --- time and listeners ---------------------------------------------------------------------------


def test_the_alarm_sounds_once_and_unmasks_nothing() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(recorders=[recorder], max_seconds=60)
        seat.hold("no call", "", [recorder])
        await seat.run(59)
        assert not seat.last().alarm
        await seat.run(3)
        assert seat.last().alarm
        assert seat.phases() == ["wanted", "held", "held"]
        await seat.run(60)
        assert len(seat.phases()) == 3
        assert recorder.is_masked()
        assert not seat.last("no call").alarm
        await seat.run(900)
        assert seat.last("no call").alarm
        assert seat.last("no call").state == "held"
        seat.leases.release("pay.1")
        seat.leases.release("no call")
        await seat.run(2)
        assert len(asyncio.all_tasks()) == 1, "nothing is left running"

    play(scene, allow_without_call=True)


def test_a_listener_that_fails_does_not_stop_the_asking() -> None:
    troubles: list[dict[str, Any]] = []

    async def scene(seat: Seat) -> None:
        seat.loop.set_exception_handler(lambda _, trouble: troubles.append(trouble))
        recorder = FakeRecorder("PBX")

        def broken(state: LeaseState) -> None:
            raise ValueError(state.state)

        seat.leases.hold("pay.1", CALL, [recorder], broken)
        await seat.run(3.5)
        assert len(recorder.asked) == 4

    play(scene)
    assert [str(trouble["exception"]) for trouble in troubles] == ["wanted", "held"]


def test_a_listener_may_release_and_hold_from_inside_its_call() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")

        def leave(state: LeaseState) -> None:
            seat.said.append(state)
            if state.state == "held":
                seat.leases.release(state.lease)
            if state.state == "open" and len(seat.phases("a")) < 8:
                seat.leases.hold("a", CALL, [recorder], leave)

        seat.leases.hold("a", CALL, [recorder], leave)
        seat.hold("b", recorders=[recorder])
        await seat.run(3)
        seat.leases.release("b")
        await seat.run(3)
        assert not recorder.is_masked()
        assert seat.last("a").state == "open"

        def end(state: LeaseState) -> None:
            seat.said.append(state)
            if state.state == "held":
                seat.leases.call_ended("call-3")
            if state.state == "lost":
                seat.leases.release("d")

        seat.leases.hold("c", "call-3", [recorder], end)
        seat.hold("d", "call-3", [recorder])
        await seat.run(3)
        assert seat.last("c").state == "lost"
        assert seat.last("d").state == "open"

    play(scene)


# --- any history ----------------------------------------------------------------------------------

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


@settings(max_examples=300, deadline=None)
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
