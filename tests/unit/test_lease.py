"""Mask leases on a loop whose time is made up: holding, nesting, moving, giving back."""

from __future__ import annotations

import pytest

from halodesk.runtime.lease import NO_CALL
from halodesk.runtime.ports import RecorderVerdict
from tests.fakes.leases import CALL, FakeRecorder, Seat, play

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
