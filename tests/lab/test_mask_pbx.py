"""The PBX's own recording, masked over the manager interface of a real Asterisk with real calls.

What counts is the file that MixMonitor wrote: silent as long as the lease said "held", and of full length.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from halodesk.protocol.phone_link import CallInfo
from halodesk.recording.ami import AmiAccess, AmiClient, Backoff
from halodesk.recording.ami_wire import AmiMessage
from halodesk.recording.asterisk import AmiRecorderControl
from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.runtime.ports import RecorderAnswer
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat, read_closed

pytestmark = [pytest.mark.lab]

FRAME_S = 0.02
SILENT_DB = -60.0
QUICK = Backoff(first=0.05, longest=0.2)


class SystemClock:
    def wall(self) -> float:
        return time.time()

    def mono(self) -> float:
        return time.monotonic()


class Proxy:
    """A TCP proxy to the manager interface that can cut and freeze what passes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Every connection breaks; new ones wait as long as it is frozen."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Connections stay open and nothing passes any more."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._join(reader, writer))

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        await self._flows.wait()
        there_reader, there_writer = await asyncio.open_connection(HOST, self._target)
        self._writers.add(there_writer)
        self._spawn(self._pump(reader, there_writer))
        await self._pump(there_reader, writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                if writer.is_closing():
                    break
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Somebody:
    """Another user of the manager interface: a second recorder, a supervisor's tool."""

    def __init__(self, access: AmiAccess) -> None:
        self._up = asyncio.Event()
        self.client = AmiClient(access, self)

    def ami_up(self) -> None:
        self._up.set()

    def ami_down(self, words: str) -> None:
        self._up.clear()

    def ami_event(self, event: AmiMessage) -> None:
        """Not of interest."""

    async def does(self, action: str, **headers: str) -> AmiMessage:
        await self._up.wait()
        answer = await self.client.ask(action, list(headers.items()), timeout_s=5)
        assert answer.success, answer
        return answer

    async def channel(self, account: str) -> str:
        """Name of the channel of an endpoint's call."""
        await self._up.wait()
        rows = await self.client.ask_list("CoreShowChannels", timeout_s=5)
        (name,) = [r.get("Channel") for r in rows if r.get("Channel").startswith(f"PJSIP/{account}-")]
        return name


class Desk:
    """One seat's lease on one call: the control through the proxy, what it said and when."""

    def __init__(self, pbx: Pbx, proxy: Proxy, call: CallInfo) -> None:
        self.call = call
        self.proxy = proxy
        self.said: list[tuple[float, LeaseState]] = []
        self._news = asyncio.Event()
        self.leases = MaskLeases(SystemClock())
        access = AmiAccess(host=HOST, port=proxy.port, username="lab", secret=pbx.secret)
        self.control = AmiRecorderControl(
            access, expects_recording=True, on_changed=self._changed, backoff=QUICK
        )
        self.other = Somebody(AmiAccess(host=HOST, port=pbx.ami_port, username="lab", secret=pbx.secret))

    def _changed(self, sip_call_id: str, answer: RecorderAnswer) -> None:
        self.leases.recorder_changed(self.control.name, sip_call_id, answer)

    def _heard(self, state: LeaseState) -> None:
        self.said.append((time.monotonic(), state))
        self._news.set()

    def hold(self) -> None:
        self.leases.hold("card", self.call.sip_call_id, [self.control], self._heard)

    async def reaches(self, *phases: str) -> float:
        """Wait until exactly these phases were said since the last time; when the last one was."""
        async with asyncio.timeout(20):
            while len(self.said) < len(phases):
                self._news.clear()
                await self._news.wait()
        assert [state.state for _, state in self.said] == list(phases), self.said
        at = self.said[-1][0]
        self.said.clear()
        return at

    async def at_last(self, phase: str) -> float:
        """Wait until this phase is the last one said; when that was."""
        async with asyncio.timeout(20):
            while not self.said or self.said[-1][1].state != phase:
                self._news.clear()
                await self._news.wait()
        at = self.said[-1][0]
        self.said.clear()
        return at


@asynccontextmanager
async def desk(pbx: Pbx, call: CallInfo) -> AsyncIterator[Desk]:
    proxy = Proxy(pbx.ami_port)
    await proxy.start()
    one = Desk(pbx, proxy, call)
    one.control.start()
    one.other.client.start()
    try:
        await asyncio.wait_for(one.control.wait_ready(), 20)
        yield one
    finally:
        await one.leases.close()
        await one.control.close()
        await one.other.client.close()
        await proxy.stop()


Scene = Callable[[Desk], Coroutine[Any, Any, None]]


@pytest.fixture
def queue_call(pbx: Pbx, agent: Seat, caller: Seat) -> Callable[[Scene], Path]:
    """Plays a scene during a recorded queue call in which the caller hums; returns the PBX's file."""
    agent.forget()
    caller.forget()

    def play(scene: Scene) -> Path:
        before = set(pbx.recordings.glob("rec-*.wav"))
        caller.dial("7700", key="queue", account="1002")
        call = agent.answer()

        async def run() -> None:
            async with desk(pbx, call) as one:
                await scene(one)

        try:
            asyncio.run(run())
        finally:
            agent.hang_up(call.key)
            caller.call("ended", "queue")
        (file,) = set(pbx.recordings.glob("rec-*.wav")) - before
        return file

    return play


def figure(name: str, value: float) -> None:
    """A measured figure, for whoever runs the lab with -s or reads the log."""
    print(f"figure {name} {value:.1f}")


async def sound(seconds: float) -> None:
    """A call runs in real time: there is no event for "a second has been spoken"."""
    await asyncio.sleep(seconds)


def levels(file: Path) -> npt.NDArray[np.float64]:
    """Level of the caller's 1 kHz in each 20 ms (Goertzel's sum; dB, full-scale sine: 0)."""
    samples, rate = read_closed(file)
    size = int(rate * FRAME_S)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    wave = np.exp(-2j * np.pi * 1000 * np.arange(size) / rate)
    return np.asarray(20 * np.log10(np.maximum(np.abs(frames @ wave) * 2 / size, 1e-6)))


def silences(file: Path) -> list[tuple[float, float]]:
    """Start and length in seconds of each silence between two sounds of the caller."""
    loud = np.flatnonzero(levels(file) > SILENT_DB)
    gaps = np.flatnonzero(np.diff(loud) > 5)
    return [(loud[g] * FRAME_S, (loud[g + 1] - loud[g] - 1) * FRAME_S) for g in gaps]


def long_silences(file: Path, seconds: float) -> list[tuple[float, float]]:
    """The silences that are longer than `seconds`."""
    return [silence for silence in silences(file) if silence[1] > seconds]


def test_both_recordings_of_the_callers_channel_are_silent_while_it_is_masked(
    queue_call: Callable[[Scene], Path], pbx: Pbx
) -> None:
    second = pbx.recordings / "second.wav"
    window: list[float] = []
    took: list[float] = []
    began = time.monotonic()

    async def scene(one: Desk) -> None:
        channel = await one.other.channel("1002")
        await one.other.does("MixMonitor", Channel=channel, File=second.name)
        await sound(1.0)
        first = time.perf_counter()
        answer = await one.control.mask(one.call.sip_call_id, "card")
        figure("first_mask_ms", (time.perf_counter() - first) * 1000)
        window.append(time.monotonic())
        assert answer.verdict == "confirmed", answer
        assert answer.detail.startswith("Recording is paused of this call on 1 PBX channel, proven in ")
        for _ in range(200):
            start = time.perf_counter()
            answer = await one.control.mask(one.call.sip_call_id, "card")
            took.append((time.perf_counter() - start) * 1000)
            assert answer.verdict == "confirmed", answer
        await sound(1.5)
        window.append(time.monotonic())
        assert (await one.control.unmask(one.call.sip_call_id, "card")).verdict == "confirmed"
        await sound(1.0)

    file = queue_call(scene)
    lasted = time.monotonic() - began
    figure("renewal_p50_ms", statistics.median(took))
    figure("renewal_p99_ms", statistics.quantiles(took, n=100)[98])
    for recording in (file, second):
        (silence,) = long_silences(recording, 0.4)
        assert silence[1] == pytest.approx(window[1] - window[0], abs=0.12), "the timeline is kept"
    assert len(levels(file)) * FRAME_S <= lasted + 0.5, "nothing is recorded twice"
    assert statistics.median(took) < 100


def test_a_recording_that_starts_later_blanks_the_page_until_it_is_masked(
    queue_call: Callable[[Scene], Path], pbx: Pbx
) -> None:
    late = pbx.recordings / "late.wav"

    async def scene(one: Desk) -> None:
        await sound(0.7)
        one.hold()
        await one.reaches("wanted", "held")
        started = time.monotonic()
        # The agent's own channel: another one than the queue's recording is on.
        channel = await one.other.channel("1001")
        await one.other.does("MixMonitor", Channel=channel, File=late.name)
        held = await one.reaches("lost", "held")
        figure("late_recorder_masked_ms", (held - started) * 1000)
        await sound(1.0)
        one.leases.release("card")
        await one.reaches("releasing", "open")
        await sound(0.5)

    file = queue_call(scene)
    assert len(long_silences(file, 0.8)) == 1
    loud = np.flatnonzero(levels(late) > SILENT_DB)
    leaked = [frame for frame in loud if frame * FRAME_S < 0.8]
    figure("late_recorder_leaked_ms", len(leaked) * 20)
    assert len(leaked) * FRAME_S <= 0.1
    assert len(loud) > len(leaked), "it records again after the release"


def test_someone_elses_unmask_blanks_the_page_and_is_undone(queue_call: Callable[[Scene], Path]) -> None:
    async def scene(one: Desk) -> None:
        await sound(0.5)
        one.hold()
        await one.reaches("wanted", "held")
        await sound(0.5)
        channel = await one.other.channel("1002")
        await one.other.does("MixMonitorMute", Channel=channel, Direction="both", State="0")
        await one.reaches("lost", "held")
        await sound(0.5)
        one.leases.release("card")
        await one.reaches("releasing", "open")
        await sound(0.5)

    file = queue_call(scene)
    windows = long_silences(file, 0.4)
    leaked = 0.0
    if len(windows) == 2:
        leaked = windows[1][0] - windows[0][0] - windows[0][1]
    figure("undone_unmask_leaked_ms", round(leaked * 1000))
    assert leaked <= 0.1
    assert sum(length for _, length in windows) >= 0.9


@pytest.mark.parametrize("how", ["frozen", "cut"])
def test_a_lost_connection_blanks_the_page_within_two_seconds_and_the_pbx_stays_masked(
    how: str, queue_call: Callable[[Scene], Path]
) -> None:
    window: list[float] = []

    async def scene(one: Desk) -> None:
        await sound(0.7)
        one.hold()
        window.append(await one.reaches("wanted", "held"))
        await sound(0.3)
        gone = time.monotonic()
        one.proxy.freeze()
        if how == "cut":
            one.proxy.cut()
        lost = await one.reaches("lost")
        figure(f"{how}_lost_after_ms", (lost - gone) * 1000)
        assert lost - gone < 2.0
        await sound(2.0)
        assert {state.state for _, state in one.said} <= {"lost"}, "other words for it at most"
        back = time.monotonic()
        one.proxy.thaw()
        async with asyncio.timeout(10):
            await one.control.wait_ready()
        figure(f"{how}_held_again_ms", (await one.at_last("held") - back) * 1000)
        await sound(0.3)
        one.leases.release("card")
        window.append(await one.reaches("releasing", "open"))
        await sound(0.7)

    file = queue_call(scene)
    (silence,) = long_silences(file, 0.4)
    assert silence[1] == pytest.approx(window[1] - window[0], abs=0.12)


def test_after_a_crash_of_the_seat_the_pbx_stays_masked_until_a_new_one_lets_go(
    queue_call: Callable[[Scene], Path], pbx: Pbx
) -> None:
    window: list[float] = []

    async def scene(one: Desk) -> None:
        await sound(0.7)
        one.hold()
        window.append(await one.reaches("wanted", "held"))
        await one.leases.close()
        await one.control.close()
        await sound(1.0)
        async with desk(pbx, one.call) as again:
            again.hold()
            await again.reaches("wanted", "held")
            again.leases.release("card")
            window.append(await again.reaches("releasing", "open"))
        await sound(0.7)

    (silence,) = long_silences(queue_call(scene), 0.4)
    assert silence[1] == pytest.approx(window[1] - window[0], abs=0.12)


def test_a_conference_that_the_pbx_records_is_refused(agent: Seat, pbx: Pbx) -> None:
    agent.forget()
    agent.dial("602", key="room", account="1001")
    call = agent.call("active", "room")

    async def run() -> None:
        async with desk(pbx, call) as one:
            assert (
                await one.control.mask(call.sip_call_id, "card")
            ).detail == "No PBX recording found to mask."
            await one.other.does("ConfbridgeStartRecord", Conference="lab", RecordFile="conference.wav")
            async with asyncio.timeout(5):  # the event comes on another connection than the action's answer
                while (
                    "conference recorder"
                    not in (answer := await one.control.mask(call.sip_call_id, "card")).detail
                ):
                    assert answer.verdict == "failed"
        # One that connects only now is not told when it began, and must find out.
        async with desk(pbx, call) as later:
            answer = await later.control.mask(call.sip_call_id, "card")
            assert "conference recorder" in answer.detail
            await later.other.does("ConfbridgeStopRecord", Conference="lab")
            answer = await later.control.mask(call.sip_call_id, "card")
            assert answer.detail == "No PBX recording found to mask."

    try:
        asyncio.run(run())
    finally:
        agent.hang_up("room")


def test_a_wrong_secret_is_said(pbx: Pbx) -> None:
    async def run() -> None:
        one = Somebody(AmiAccess(host=HOST, port=pbx.ami_port, username="lab", secret="wrong"))
        one.client.start()
        async with asyncio.timeout(20):
            while "refuses the manager user 'lab'" not in one.client.problem:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)
        await one.client.close()

    asyncio.run(run())
