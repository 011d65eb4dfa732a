"""The Asterisk recorder control against a fake manager interface: finding the call, proof, verdicts."""

from __future__ import annotations

import asyncio

import pytest

from halodesk.recording.mixmonitor import masks_all_monitors
from tests.fakes.ami import FakeAmi, until
from tests.fakes.ami_control import AGENT, CALL, CALLER, Pbx, queue_call, scene


@pytest.mark.parametrize("seen_from_birth", [True, False])
def test_the_recording_on_the_callers_channel_is_masked_with_proof(seen_from_birth: bool) -> None:
    async def play(one: Pbx) -> None:
        if seen_from_birth:
            queue_call(one.server)
        one.server.call("PJSIP/9-00000009", sip_call_id="call-9", records=1)
        answer = await one.mask()
        assert (answer.verdict, answer.recorder) == ("confirmed", "PBX (AMI 127.0.0.1)")
        assert answer.detail.startswith("Recording is paused of this call on 1 PBX channel, proven in ")
        assert one.server.is_masked(CALLER)
        assert not one.server.is_masked("PJSIP/9-00000009")
        again = await one.mask()
        assert again.verdict == "confirmed"
        masks = one.server.sent("MixMonitorMute")
        assert [(m["Channel"], m["Direction"], m["State"]) for m in masks].count((CALLER, "both", "1")) == 2
        answer = await one.unmask()
        assert answer.verdict == "confirmed"
        assert not one.server.is_masked(CALLER)
        assert one.reports == []

    scene(play, before=None if seen_from_birth else queue_call)


def test_call_ids_are_asked_once() -> None:
    async def play(one: Pbx) -> None:
        for _ in range(3):
            await one.mask()
        assert len(one.server.sent("Getvar")) == 2
        one.server.rename(AGENT, "PJSIP/1002-00000003", "call-2@seat")
        await one.settle()
        assert (await one.mask("call-2@seat")).verdict == "confirmed"
        assert len(one.server.sent("Getvar")) == 3

    scene(play, before=queue_call)


def test_success_without_the_event_is_unconfirmed_and_says_why() -> None:
    async def play(one: Pbx) -> None:
        one.server.events_for_mute = False
        answer = await one.mask()
        assert answer.verdict == "unconfirmed"
        assert "no event" in answer.detail
        assert "read = call" in answer.todo
        answer = await one.unmask()
        assert answer.verdict == "unconfirmed"
        one.server.events_for_mute = True
        assert (await one.unmask()).verdict == "confirmed"

    scene(play, before=queue_call, timeout_s=0.1)


def test_an_event_for_one_direction_is_no_proof() -> None:
    async def play(one: Pbx) -> None:
        one.server.events_for_mute = False
        asking = asyncio.ensure_future(one.mask())
        await until(lambda: bool(one.server.is_masked(CALLER)))
        caller = one.server.channels[CALLER]
        one.server.event("MixMonitorMute", caller, Direction="read", State="1")
        one.server.event("MixMonitorMute", one.server.channels[AGENT], Direction="both", State="1")
        assert (await asking).verdict == "unconfirmed"

    scene(play, before=queue_call, timeout_s=0.2)


@pytest.mark.parametrize("expects", [True, False])
def test_a_call_that_nothing_records(expects: bool) -> None:
    async def play(one: Pbx) -> None:
        one.server.call(AGENT, sip_call_id=CALL)
        answer = await one.mask()
        if expects:
            assert (answer.verdict, answer.detail) == ("failed", "No PBX recording found to mask.")
        else:
            expected = ("confirmed", "The PBX records nothing of this call.")
            assert (answer.verdict, answer.detail) == expected
        # Either way it is watched from now on.
        one.server.record(AGENT)
        await one.reported("failed", "confirmed")
        assert one.server.is_masked(AGENT)

    scene(play, expects_recording=expects)


def test_a_call_the_pbx_does_not_know_is_a_failure_also_where_nothing_records() -> None:
    async def play(one: Pbx) -> None:
        for answer in [await one.mask("stranger"), await one.unmask("stranger"), await one.mask("")]:
            assert answer.verdict == "failed"
            assert answer.todo

    scene(play, expects_recording=False)


def test_one_channel_that_refuses_spoils_the_answer() -> None:
    async def play(one: Pbx) -> None:
        one.server.denied.add("MixMonitorMute")
        answer = await one.mask()
        assert answer.verdict == "failed"
        assert "Permission denied" in answer.detail
        assert "write = call" in answer.todo

    scene(play, before=queue_call)


def test_a_call_id_that_may_not_be_read_is_said() -> None:
    async def play(one: Pbx) -> None:
        one.server.denied.add("Getvar")
        answer = await one.mask()
        assert answer.verdict == "failed"
        assert "refused Getvar: Permission denied" in answer.detail

    scene(play, before=queue_call)


def test_two_recordings_on_one_channel_and_one_that_ended() -> None:
    async def play(one: Pbx) -> None:
        one.server.record(CALLER)
        assert (await one.mask()).verdict == "confirmed"
        assert one.server.channels[CALLER].monitors == [True, True]
        one.server.stop_recording(CALLER)
        one.server.stop_recording(CALLER)
        assert (await one.mask()).detail == "No PBX recording found to mask."

    scene(play, before=queue_call)


@pytest.mark.parametrize(
    ("version", "trusted"),
    [
        ("22.10.1+dfsg+~cs6.17", True),
        ("21.0.0", True),
        ("20.3.0", True),
        ("20.2.1", False),
        ("18.18.0", True),
        ("18.17.9", False),
        ("16.28.0~dfsg-0", False),
        ("certified/20.7-cert1", True),
        ("certified-18.9-cert5", False),
        ("GIT-master-123", False),
        ("", False),
    ],
)
def test_an_asterisk_that_may_mask_one_of_two_recordings_is_never_trusted(
    version: str, trusted: bool
) -> None:
    assert masks_all_monitors(version) is trusted

    async def play(one: Pbx) -> None:
        answer = await one.mask()
        assert answer.verdict == ("confirmed" if trusted else "unconfirmed")
        assert (await one.unmask()).verdict == "confirmed"

    def before(server: FakeAmi) -> None:
        server.version = version
        queue_call(server)

    scene(play, before=before)


def test_a_forged_second_call_with_the_same_call_id_does_not_stand_in_for_the_real_one() -> None:
    async def play(one: Pbx) -> None:
        one.server.call("PJSIP/evil-00000007", sip_call_id=CALL, records=1)
        await one.settle()
        assert (await one.mask()).verdict == "confirmed"
        assert one.server.is_masked(CALLER)
        assert one.server.is_masked("PJSIP/evil-00000007")

    scene(play, before=queue_call)


def test_a_slow_pbx_is_a_failure_within_the_time_limit() -> None:
    async def play(one: Pbx) -> None:
        one.server.slow_s = 0.5
        began = asyncio.get_running_loop().time()
        assert (await one.mask()).verdict == "failed"
        assert asyncio.get_running_loop().time() - began < 0.2

    scene(play, before=queue_call, timeout_s=0.05)


def test_a_call_that_ends_while_it_is_asked() -> None:
    async def play(one: Pbx) -> None:
        assert (await one.mask()).verdict == "confirmed"
        for name in (AGENT, CALLER):
            one.server.hang_up(name)
        answer = await one.mask()
        assert answer.verdict == "failed"
        await one.settle()
        assert "knows no call" in (await one.mask()).detail
        assert one.reports == []

    scene(play, before=queue_call)


def test_a_big_pbx_is_searched_in_time() -> None:
    def before(server: FakeAmi) -> None:
        for number in range(2000):
            server.call(f"PJSIP/x-{number}", sip_call_id=f"other-{number}")
        queue_call(server)

    async def play(one: Pbx) -> None:
        assert (await one.mask()).verdict == "confirmed"
        assert len(one.server.sent("MixMonitorMute")) == 2

    scene(play, before=before, timeout_s=5.0)
