"""The Asterisk recorder control between requests: what starts, joins, is undone by others, is lost."""

from __future__ import annotations

import asyncio

import pytest

from halodesk.runtime.ports import RecorderAnswer
from tests.fakes.ami import FakeAmi, fake_ami, until
from tests.fakes.ami_control import AGENT, CALLER, Pbx, control_on, queue_call, scene


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
            async with control_on(server) as one:
                queue_call(server)
                await one.mask()
            assert server.is_masked(CALLER)
            assert all(message["State"] == "1" for message in server.sent("MixMonitorMute"))

    asyncio.run(run())


def test_events_without_end_while_the_channels_are_read_end_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with fake_ami() as server:
            queue_call(server)

            def flood(action: dict[str, str]) -> None:
                if action["Action"] == "CoreShowChannels" and server.logins == 1:
                    for _ in range(4):
                        server.event("Newstate", server.channels[AGENT])

            server.before = flood
            async with control_on(server) as one:
                assert server.logins == 2
                assert (await one.mask()).verdict == "confirmed"

    monkeypatch.setattr("halodesk.recording.asterisk.MAX_EARLY_EVENTS", 3)
    asyncio.run(run())


def test_a_channel_that_is_gone_without_a_word_is_forgotten() -> None:
    async def play(one: Pbx) -> None:
        one.server.call("PJSIP/ghost-00000001", sip_call_id="ghost")
        await one.settle()
        one.server.call("PJSIP/ghost-00000002", sip_call_id="", linked_to=CALLER)
        await one.settle()
        del one.server.channels["PJSIP/ghost-00000002"]
        assert (await one.mask()).verdict == "confirmed"
        assert "knows no call" in (await one.mask("nobody")).detail

    scene(play, before=queue_call)


def test_a_bridge_that_becomes_a_parking_lot_joins_nobody_any_more() -> None:
    async def play(one: Pbx) -> None:
        one.server.call("PJSIP/other-00000008", sip_call_id="call-8", records=1)
        one.server.enter(CALLER, "lot")
        one.server.enter("PJSIP/other-00000008", "lot", "holding_bridge")
        await one.settle()
        await one.mask()
        assert one.server.is_masked(CALLER)
        assert not one.server.is_masked("PJSIP/other-00000008")

    scene(play, before=queue_call)
