"""Mask leases with several legs: each is masked at each recorder that records it, and proved."""

from __future__ import annotations

import threading

from halodesk.runtime.lease import MaskLeases
from halodesk.runtime.masking import Masking
from halodesk.runtime.ports import is_beside
from halodesk.runtime.threads import IoThread
from halodesk.runtime.vault import Vault
from tests.fakes.leases import CALL, FakeRecorder, Seat, play

LEG, OTHER = "leg@seat", "other@seat"


def acts(recorder: FakeRecorder, call: str) -> list[str]:
    """What was asked of it for a leg, repetitions left out."""
    found = [what for what, asked, _ in recorder.asked if asked == call]
    return [what for n, what in enumerate(found) if n == 0 or found[n - 1] != what]


def test_every_leg_is_masked_and_proved_before_it_is_held_and_a_release_lifts_all() -> None:
    async def scene(seat: Seat) -> None:
        phone, pbx = FakeRecorder("phone"), FakeRecorder("PBX", takes_s=0.2)
        seat.hold(recorders=[phone, pbx], beside=[(pbx, LEG), (pbx, OTHER)])
        await seat.run(0.1)
        assert seat.phases() == ["wanted"]
        await seat.run(0.5)
        assert seat.phases() == ["wanted", "held"]
        assert seat.last().confirmed_by == ("phone", "PBX", "PBX, call 2", "PBX, call 3")
        assert {call for _, call, _ in phone.asked} == {CALL}, "the phone masks all its calls at once"
        seat.leases.release("pay.1")
        await seat.run(1)
        assert seat.phases()[-1] == "open"
        assert [acts(pbx, call) for call in (CALL, LEG, OTHER)] == [["mask", "unmask"]] * 3

    play(scene)


def test_policy_expects_a_recording_of_the_customers_call_only() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.1)
        assert {(call, is_beside(lease)) for _, call, lease in pbx.asked} == {(CALL, False), (LEG, True)}

    play(scene)


def test_a_leg_that_begins_later_takes_the_mask_away_until_it_is_proved() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX", takes_s=0.2)
        seat.hold(recorders=[pbx])
        await seat.run(0.5)
        seat.leases.legs_are(CALL, [(pbx, LEG)])
        assert seat.phases() == ["wanted", "held", "lost"], "in the same turn"
        await seat.run(0.5)
        assert seat.phases()[-1] == "held"

    play(scene)


def test_a_leg_that_cannot_be_masked_keeps_all_locked() -> None:
    async def scene(seat: Seat) -> None:
        pbx, other = FakeRecorder("PBX"), FakeRecorder("ESL", "failed")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG), (other, LEG)])
        await seat.run(5)
        assert seat.phases() == ["wanted", "lost"]
        assert "ESL, call 2: says failed" in seat.last().message

    play(scene)


def test_a_leg_that_ended_is_forgotten_and_asked_no_more() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.5)
        seat.leases.call_ended(LEG)
        seat.leases.legs_are(CALL, [])
        pbx.asked.clear()
        await seat.run(3)
        assert acts(pbx, LEG) == []
        assert seat.phases() == ["wanted", "held", "held"]
        assert seat.last().confirmed_by == ("PBX",)

    play(scene)


def test_a_leg_that_goes_on_alone_is_let_go_until_it_confirms() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.5)
        pbx.verdict = "failed"
        seat.leases.legs_are(CALL, [])
        await seat.run(2.5)
        assert [what for what, call, _ in pbx.asked if call == LEG][-2:] == ["unmask", "unmask"]
        pbx.verdict = "confirmed"
        await seat.run(2)
        pbx.asked.clear()
        await seat.run(3)
        assert acts(pbx, LEG) == []
        assert acts(pbx, CALL) == ["mask"], "the customer's call stays masked"

    play(scene)


def test_a_leg_that_comes_back_while_it_is_let_go_is_masked_again() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX", takes_s=0.2)
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.5)
        seat.leases.legs_are(CALL, [])
        await seat.run(0.1)
        seat.leases.legs_are(CALL, [(pbx, LEG)])
        assert seat.phases()[-1] == "lost"
        await seat.run(3)
        assert seat.phases()[-1] == "held"
        assert acts(pbx, LEG)[-1] == "mask"

    play(scene)


def test_the_end_of_the_customers_call_lets_the_others_go() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.5)
        seat.leases.call_ended(CALL)
        await seat.run(1)
        assert seat.phases()[-1] == "lost"
        assert acts(pbx, LEG) == ["mask", "unmask"]
        assert acts(pbx, CALL) == ["mask"]

    play(scene)


def test_a_leg_with_a_lease_of_its_own_is_unmasked_by_the_last_of_both() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        seat.hold("pay.2", LEG, [pbx])
        await seat.run(0.5)
        seat.leases.release("pay.1")
        await seat.run(1)
        assert seat.phases("pay.1")[-1] == "open"
        assert acts(pbx, LEG) == ["mask"]
        assert seat.phases("pay.2")[-1] == "held"
        seat.leases.release("pay.2")
        await seat.run(1)
        assert acts(pbx, LEG) == ["mask", "unmask"]

    play(scene)


def test_a_recorders_word_about_a_leg_blanks_the_page() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.5)
        seat.leases.recorder_changed("PBX", LEG, pbx.answer("failed", "A recording started."))
        assert seat.phases()[-1] == "lost"
        assert "PBX, call 2: A recording started." in seat.last().message
        await seat.run(0.5)
        assert seat.phases()[-1] == "held"

    play(scene)


def test_legs_of_a_rescued_call_stay_masked() -> None:
    async def scene(seat: Seat) -> None:
        pbx = FakeRecorder("PBX")
        seat.hold(recorders=[pbx], beside=[(pbx, LEG)])
        await seat.run(0.5)
        seat.leases.call_moved(CALL, "new@seat")
        await seat.run(1)
        assert seat.phases()[-1] == "held"
        assert ("moved", LEG, "new@seat") not in pbx.asked
        assert acts(pbx, LEG) == ["mask"]

    play(scene)


class RealClock:
    def wall(self) -> float:
        return 0.0

    def mono(self) -> float:
        return 0.0


def test_the_face_of_the_leases_asks_the_platform_for_legs_and_our_own_recorder_once() -> None:
    io = IoThread()
    phone, pbx = FakeRecorder("phone"), FakeRecorder("PBX")
    heard: list[tuple[str, tuple[str, ...]]] = []
    there = threading.Event()

    def report(phase: str, by: tuple[str, ...], *rest: object) -> None:
        heard.append((phase, by))
        there.set()

    leases = MaskLeases(RealClock())
    masking = Masking(leases=leases, recorders=lambda: [phone, pbx], vault=Vault(RealClock().mono), io=io)
    masking.legs_are(CALL, (LEG,))
    masking.want("pay.1", CALL, report)
    assert there.wait(10)
    assert heard == [("held", ("phone", "PBX", "PBX, call 2"))]
    there.clear()
    masking.release("pay.1", CALL)
    assert there.wait(10)
    assert heard[-1][0] == "none"
    assert {call for _, call, _ in phone.asked} == {CALL}
    assert acts(pbx, LEG) == ["mask", "unmask"]
    io.submit(leases.close()).result(10)
    io.close()
