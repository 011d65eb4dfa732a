"""The Asterisk recorder control against a fake manager interface: proof, watching, loss, several calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from halodesk.recording.ami import AmiAccess, Backoff
from halodesk.recording.asterisk import AmiRecorderControl
from halodesk.recording.mixmonitor import masks_all_monitors
from halodesk.runtime.ports import RecorderAnswer
from tests.fakes.ami import FakeAmi, fake_ami, until

AGENT, CALLER, CALL = "PJSIP/1001-00000002", "PJSIP/trunk-00000001", "call-1@seat"


class Pbx:
    """A fake PBX with a control connected to it, and what the control reported."""

    def __init__(self, server: FakeAmi, expects_recording: bool, timeout_s: float) -> None:
        self.server = server
        self.reports: list[tuple[str, RecorderAnswer]] = []
        self.on_report: Callable[[], None] = lambda: None
        self._news = asyncio.Event()
        self.control = AmiRecorderControl(
            AmiAccess(host="127.0.0.1", port=server.port, username="lab", secret="fake-secret"),
            expects_recording=expects_recording,
            on_changed=self._changed,
            timeout_s=timeout_s,
            backoff=Backoff(first=0.001, longest=0.004),
        )

    def _changed(self, sip_call_id: str, answer: RecorderAnswer) -> None:
        self.reports.append((sip_call_id, answer))
        self.on_report()
        self._news.set()

    @property
    def verdicts(self) -> list[str]:
        return [answer.verdict for _, answer in self.reports]

    async def reported(self, *verdicts: str) -> None:
        """Wait until exactly these verdicts were reported since the last time."""
        async with asyncio.timeout(10):
            while len(self.reports) < len(verdicts):
                self._news.clear()
                await self._news.wait()
        assert self.verdicts == list(verdicts), self.reports
        self.reports.clear()

    async def mask(self, call: str = CALL) -> RecorderAnswer:
        return await self.control.mask(call, "lease-1")

    async def unmask(self, call: str = CALL) -> RecorderAnswer:
        return await self.control.unmask(call, "lease-1")

    async def settle(self) -> None:
        """Let the control take in everything sent so far: it is one stream, answered in order."""
        await self.control.mask("no-such-call", "probe")


@asynccontextmanager
async def pbx(
    *,
    expects_recording: bool = True,
    timeout_s: float = 2.0,
    before: Callable[[FakeAmi], None] | None = None,
) -> AsyncIterator[Pbx]:
    async with fake_ami() as server:
        if before is not None:
            before(server)
        one = Pbx(server, expects_recording, timeout_s)
        one.control.start()
        try:
            async with asyncio.timeout(10):
                await one.control.wait_ready()
            yield one
        finally:
            await one.control.close()


def scene(play: Callable[[Pbx], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        async with pbx(**options) as one:
            await play(one)

    asyncio.run(run())


def queue_call(server: FakeAmi) -> None:
    """As a queue makes it: the recording is on the caller's channel, the agent's shares its Linkedid."""
    server.call(CALLER, sip_call_id="call-trunk", records=1)
    server.call(AGENT, sip_call_id=CALL, linked_to=CALLER)


# --- proof ----------------------------------------------------------------------------------------


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


# --- watching -------------------------------------------------------------------------------------


def test_a_recording_that_starts_later_is_reported_and_masked() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        one.server.record(AGENT)
        await one.reported("failed", "confirmed")
        assert one.server.is_masked(AGENT)
        assert one.server.is_masked(CALLER)

    scene(play, before=queue_call)


def test_a_recording_that_starts_after_its_channel_was_asked_is_masked_before_the_answer() -> None:
    async def play(one: Pbx) -> None:
        def start(action: dict[str, str]) -> None:
            if action.get("Channel") == AGENT and action["Action"] == "MixMonitorMute":
                one.server.after = lambda _: None
                one.server.record(AGENT)

        one.server.after = start
        assert (await one.mask()).verdict == "confirmed"
        assert one.server.is_masked(AGENT)
        assert one.verdicts[0] == "failed"

    scene(play, before=queue_call)


def test_a_call_that_ends_while_it_is_asked_is_no_call_without_recordings() -> None:
    async def play(one: Pbx) -> None:
        def end(action: dict[str, str]) -> None:
            if action["Action"] == "MixMonitorMute" and AGENT in one.server.channels:
                one.server.hang_up(AGENT)
                one.server.hang_up(CALLER)

        one.server.before = end
        answer = await one.mask()
        assert answer.verdict == "failed"
        assert "ended" in answer.detail

    scene(play, before=queue_call, expects_recording=False)


@pytest.mark.parametrize("direction", ["both", "read"])
def test_someone_elses_unmask_is_reported_at_once_and_undone(direction: str) -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        one.server.resume(CALLER, direction)
        await one.reported("failed", "confirmed")
        assert one.server.is_masked(CALLER)

    scene(play, before=queue_call)


def test_a_fresh_channel_is_asked_quietly_and_one_that_records_loudly() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        asked = len(one.server.sent("MixMonitorMute"))
        one.server.call("PJSIP/1003-00000004", sip_call_id="call-3", linked_to=CALLER)
        await one.reported("confirmed")
        assert len(one.server.sent("MixMonitorMute")) == asked + 3
        # An attended transfer: a leg with a recording of its own joins through a bridge.
        one.server.call("PJSIP/1004-00000005", sip_call_id="call-4", records=1)
        one.server.enter(AGENT, "bridge-1")
        one.server.enter("PJSIP/1004-00000005", "bridge-1")
        await one.reported("failed", "confirmed")
        assert one.server.is_masked("PJSIP/1004-00000005")
        one.server.hang_up("PJSIP/1004-00000005")
        assert (await one.mask()).verdict == "confirmed"

    scene(play, before=queue_call)


def test_a_parking_lot_joins_nobody() -> None:
    def before(server: FakeAmi) -> None:
        queue_call(server)
        server.call("PJSIP/other-00000008", sip_call_id="call-8", records=1)
        server.enter("PJSIP/other-00000008", "lot", "holding_bridge")
        server.call("PJSIP/other-00000009", sip_call_id="call-9", records=1)

    async def play(one: Pbx) -> None:
        one.server.enter(CALLER, "lot", "holding_bridge")
        one.server.enter("PJSIP/other-00000009", "lot", "holding_bridge")
        await one.mask()
        assert one.server.is_masked(CALLER)
        assert not one.server.is_masked("PJSIP/other-00000008")
        assert not one.server.is_masked("PJSIP/other-00000009")

    scene(play, before=before)


def test_a_conference_recorder_cannot_be_masked_and_is_said() -> None:
    async def play(one: Pbx) -> None:
        one.server.enter(AGENT, "conf-1", "softmix")
        await one.mask()
        one.server.event("ConfbridgeRecord", BridgeUniqueid="conf-1", Conference="1")
        await one.reported("failed", "failed")
        assert "conference recorder" in (await one.mask()).detail
        one.server.event("ConfbridgeStopRecord", BridgeUniqueid="conf-1", Conference="1")
        await one.settle()
        assert (await one.mask()).verdict == "confirmed"
        one.server.leave(AGENT)
        one.server.event("BridgeDestroy", BridgeUniqueid="conf-1")
        await one.settle()
        assert (await one.mask()).verdict == "confirmed"

    scene(play, before=queue_call)


@pytest.mark.parametrize(("in_bridge", "recorded"), [(2, False), (3, True)])
def test_a_conference_recorder_that_ran_before_we_looked(in_bridge: int, recorded: bool) -> None:
    """One hidden channel is the announcer, two are announcer and recorder."""

    def before(server: FakeAmi) -> None:
        queue_call(server)
        server.enter(AGENT, "conf-1", "softmix")
        server.bridges["conf-1"] |= {"BridgeCreator": "ConfBridge", "BridgeNumChannels": str(in_bridge)}

    async def play(one: Pbx) -> None:
        assert (await one.mask()).verdict == ("failed" if recorded else "confirmed")

    scene(play, before=before)


def test_after_the_agent_is_gone_the_call_is_still_known_for_the_unmask() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        one.server.hang_up(AGENT)
        await one.settle()
        assert (await one.unmask()).verdict == "confirmed"
        assert not one.server.is_masked(CALLER)

    scene(play, before=queue_call)


def test_a_released_call_is_not_watched_and_not_masked_again() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        await one.unmask()
        one.server.record(AGENT)
        one.server.resume(CALLER)
        await one.settle()
        assert one.reports == []
        assert not one.server.is_masked(AGENT)

    scene(play, before=queue_call)


def test_a_release_in_the_moment_of_an_alarm_is_not_undone() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        releasing: list[asyncio.Task[RecorderAnswer]] = []
        one.on_report = lambda: releasing.append(asyncio.get_running_loop().create_task(one.unmask()))
        one.server.record(AGENT)
        await one.reported("failed")
        assert (await releasing[0]).verdict == "confirmed"
        await one.settle()
        assert not one.server.is_masked(AGENT)
        assert not one.server.is_masked(CALLER)
        assert one.reports == []

    scene(play, before=queue_call)


def test_two_agents_of_one_conference_do_not_unmask_each_other() -> None:
    async def play(one: Pbx) -> None:
        one.server.call("PJSIP/1002-00000006", sip_call_id="call-2@seat", records=1)
        one.server.enter(AGENT, "conf-1", "softmix")
        one.server.enter("PJSIP/1002-00000006", "conf-1", "softmix")
        assert (await one.mask()).verdict == "confirmed"
        assert (await one.mask("call-2@seat")).verdict == "confirmed"
        assert (await one.unmask()).verdict == "confirmed"
        assert one.server.is_masked(CALLER)
        assert one.server.is_masked("PJSIP/1002-00000006")
        assert (await one.unmask("call-2@seat")).verdict == "confirmed"
        assert not one.server.is_masked(CALLER)
        assert not one.server.is_masked("PJSIP/1002-00000006")

    scene(play, before=queue_call)


# --- the connection -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cut", "closes", "frozen"])
def test_a_lost_connection_is_reported_and_the_pbx_stays_masked(how: str) -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        if how == "cut":
            one.server.cut()
        else:
            if how == "frozen":
                one.server.freeze()
            else:
                one.server.closes_at = "MixMonitorMute"
            assert (await one.mask()).verdict == "failed"
        if how == "frozen":
            assert one.verdicts == ["failed"]
            assert (await one.mask()).verdict == "failed"
            assert one.control.problem
        one.server.closes_at = ""
        one.server.thaw()
        await one.reported("failed", "confirmed")
        assert one.server.is_masked(CALLER)
        assert one.control.problem == ""
        assert (await one.unmask()).verdict == "confirmed"
        assert not one.server.is_masked(CALLER)

    scene(play, before=queue_call, timeout_s=0.6)


def test_a_recording_that_started_during_the_outage_is_masked_after_it() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        one.server.freeze()
        one.server.cut()
        one.server.channels[AGENT].monitors.append(False)
        one.server.channels[CALLER].monitors = [False]
        await one.reported("failed")
        one.server.thaw()
        await one.reported("confirmed")
        assert one.server.is_masked(AGENT)
        assert one.server.is_masked(CALLER)

    scene(play, before=queue_call)


def test_a_call_that_ended_during_the_outage_is_forgotten() -> None:
    async def play(one: Pbx) -> None:
        await one.mask()
        one.server.freeze()
        one.server.cut()
        await one.reported("failed")
        one.server.channels.clear()
        one.server.thaw()
        async with asyncio.timeout(10):
            await one.control.wait_ready()
        assert "knows no call" in (await one.mask()).detail
        assert one.reports == []

    scene(play, before=queue_call)


def test_events_that_come_while_the_channels_are_read_count() -> None:
    def before(server: FakeAmi) -> None:
        queue_call(server)
        server.call("PJSIP/7-00000007", sip_call_id="call-7", records=1)

        def meet(action: dict[str, str]) -> None:
            if action["Action"] == "CoreShowChannels":
                server.after = lambda _: None
                server.enter(AGENT, "bridge-1")
                server.enter("PJSIP/7-00000007", "bridge-1")

        server.after = meet

    async def play(one: Pbx) -> None:
        assert (await one.mask()).verdict == "confirmed"
        assert one.server.is_masked("PJSIP/7-00000007")

    scene(play, before=before)


def test_a_pbx_that_refuses_the_list_is_said_and_not_used() -> None:
    async def run() -> None:
        async with fake_ami() as server:
            queue_call(server)
            server.denied.add("CoreShowChannels")
            one = Pbx(server, True, 2.0)
            assert one.control.problem
            one.control.start()
            await until(lambda: server.logins >= 3)
            answer = await one.mask()
            assert answer.verdict == "failed"
            assert one.control.problem
            server.denied.clear()
            async with asyncio.timeout(10):
                await one.control.wait_ready()
            assert (await one.mask()).verdict == "confirmed"
            await one.control.close()

    asyncio.run(run())


def test_closing_unmasks_nothing() -> None:
    async def run() -> None:
        async with fake_ami() as server:
            async with _on(server) as one:
                queue_call(server)
                await one.mask()
            assert server.is_masked(CALLER)
            assert all(message["State"] == "1" for message in server.sent("MixMonitorMute"))

    asyncio.run(run())


@asynccontextmanager
async def _on(server: FakeAmi) -> AsyncIterator[Pbx]:
    one = Pbx(server, True, 2.0)
    one.control.start()
    await one.control.wait_ready()
    yield one
    await one.control.close()


def test_a_big_pbx_is_searched_in_time() -> None:
    def before(server: FakeAmi) -> None:
        for number in range(2000):
            server.call(f"PJSIP/x-{number}", sip_call_id=f"other-{number}")
        queue_call(server)

    async def play(one: Pbx) -> None:
        assert (await one.mask()).verdict == "confirmed"
        assert len(one.server.sent("MixMonitorMute")) == 2

    scene(play, before=before, timeout_s=5.0)
