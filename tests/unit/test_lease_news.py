"""Mask leases on a loop whose time is made up: recorders' own words, the alarm, listeners."""

from __future__ import annotations

import asyncio
from typing import Any

from halodesk.runtime.lease import LeaseState
from tests.fakes.leases import CALL, FakeRecorder, Seat, play

# --- words between requests -----------------------------------------------------------------------


def test_a_recorders_bad_news_loses_the_lease_at_once_and_is_asked_about() -> None:
    async def scene(seat: Seat) -> None:
        recorder = FakeRecorder("PBX")
        seat.hold(recorders=[recorder])
        await seat.run(0.2)
        seat.leases.recorder_changed("PBX", CALL, recorder.answer("failed", "A recording started."))
        assert seat.last().state == "lost"
        assert "A recording started." in seat.last().message
        await seat.run(0.001)
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
