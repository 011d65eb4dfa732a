"""Masks through the server at a real Asterisk: a seat, the server as a process, MixMonitor's own file.

What counts is the file: silent as long as the seat's lease said "held".
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from halodesk.protocol.phone_link import CallInfo
from halodesk.recording.ami import AmiAccess
from halodesk.recording.central import CentralControl
from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.runtime.ports import RecorderAnswer
from halodesk.runtime.threads import SystemClock
from halodesk.server import accounts, audit, recorders
from halodesk.sync.mask_line import MaskLine
from halodesk.sync.service import credentials_of
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat
from tests.lab.test_mask_pbx import Somebody, figure, long_silences, sound
from tests.sync.world import World, recorder

pytestmark = [pytest.mark.lab]


class Site:
    """The server in front of the lab's PBX; seat "one" has account 1001, "two" has 1002."""

    def __init__(self, pbx: Pbx, folder: Path) -> None:
        self.pbx, self.world = pbx, World(folder)
        ami = {"control": "ami", "host": HOST, "port": pbx.ami_port, "username": "lab", "secret": pbx.secret}
        file = self.world.server_folder / recorders.FILE
        file.write_text(json.dumps({"recorders": [ami]}), encoding="utf-8")
        file.chmod(0o600)
        self.world.start()
        self.lines: dict[str, Callable[[], MaskLine]] = {}
        self.ids: dict[str, str] = {}
        for name, account in (("one", "1001"), ("two", "1002")):
            with recorder(self.world.enrol(name)) as seat:
                link, self.ids[name] = seat.link, seat.seat
            self.world.console(partial(accounts.bind, tenant="main", seat=self.ids[name], account=account))
            self.lines[name] = partial(MaskLine, link, credentials_of(link, self.ids[name]))

    def audit(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject."""
        rows = self.world.console(lambda c: audit.entries(c, "main"))
        return [(row.actor, row.action, row.subject) for row in rows]


class Desk:
    """One seat's lease on a call through the server."""

    def __init__(self, site: Site, name: str, call: CallInfo) -> None:
        self.call = call
        self.said: list[tuple[float, LeaseState]] = []
        self._news = asyncio.Event()
        self.leases = MaskLeases(SystemClock())
        self.control = CentralControl(site.lines[name](), name="PBX", on_changed=self._changed, timeout_s=0.7)
        self.other = Somebody(
            AmiAccess(host=HOST, port=site.pbx.ami_port, username="lab", secret=site.pbx.secret)
        )

    def _changed(self, sip_call_id: str, answer: RecorderAnswer) -> None:
        self.leases.recorder_changed(self.control.name, sip_call_id, answer)

    def _heard(self, state: LeaseState) -> None:
        self.said.append((time.monotonic(), state))
        self._news.set()

    def hold(self) -> None:
        self.leases.hold("card", self.call.sip_call_id, [self.control], self._heard)

    async def at(self, phase: str) -> float:
        """Wait until this phase is the last one said; when that was."""
        async with asyncio.timeout(20):
            while not self.said or self.said[-1][1].state != phase:
                self._news.clear()
                await self._news.wait()
        return self.said[-1][0]


@asynccontextmanager
async def desk(site: Site, name: str, call: CallInfo) -> AsyncIterator[Desk]:
    one = Desk(site, name, call)
    one.control.start()
    one.other.client.start()
    try:
        yield one
    finally:
        await one.leases.close()
        await one.control.close()
        await one.other.client.close()


Scene = Callable[[Site, CallInfo], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def site(pbx: Pbx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(pbx, tmp_path_factory.mktemp("site"))
    yield made
    made.world.stop()


@pytest.fixture
def queue_call(site: Site, agent: Seat, caller: Seat) -> Callable[[Scene], Path]:
    """Plays a scene during a recorded queue call in which the caller hums; returns the PBX's file."""
    agent.forget()
    caller.forget()

    def play(scene: Scene) -> Path:
        before = set(site.pbx.recordings.glob("rec-*.wav"))
        caller.dial("7700", key="queue", account="1002")
        call = agent.answer()
        try:
            asyncio.run(scene(site, call))
        finally:
            agent.hang_up(call.key)
            caller.call("ended", "queue")
        (file,) = set(site.pbx.recordings.glob("rec-*.wav")) - before
        return file

    return play


def test_the_server_masks_the_call_of_the_seat_and_the_file_is_silent(
    queue_call: Callable[[Scene], Path],
) -> None:
    window: list[float] = []

    async def scene(site: Site, call: CallInfo) -> None:
        async with desk(site, "one", call) as one:
            await sound(1.0)
            one.hold()
            window.append(await one.at("held"))
            await sound(2.5)  # renewed more than once
            assert [state.state for _, state in one.said][-1] == "held"
            one.leases.release("card")
            window.append(await one.at("open"))
            await sound(1.0)
        ours = [row for row in await asyncio.to_thread(site.audit) if row[2] == call.sip_call_id]
        assert [row[:2] for row in ours] == [(site.ids["one"], "mask"), (site.ids["one"], "unmask")]

    (silence,) = long_silences(queue_call(scene), 0.4)
    assert silence[1] == pytest.approx(window[1] - window[0], abs=0.15)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_server_that_is_gone_locks_within_two_seconds_and_the_pbx_stays_masked(
    how: str, queue_call: Callable[[Scene], Path]
) -> None:
    window: list[float] = []

    async def scene(site: Site, call: CallInfo) -> None:
        async with desk(site, "one", call) as one:
            await sound(0.7)
            one.hold()
            window.append(await one.at("held"))
            await sound(0.3)
            gone = time.monotonic()
            site.world.kill() if how == "killed" else site.world.freeze()
            lost = await one.at("lost")
            figure(f"server_{how}_lost_after_ms", (lost - gone) * 1000)
            assert lost - gone < 2.0
            await sound(1.5)
            assert one.said[-1][1].state == "lost"
            back = time.monotonic()
            if how == "killed":
                await asyncio.to_thread(site.world.start)
            else:
                site.world.thaw()
            figure(f"server_{how}_held_again_ms", (await one.at("held") - back) * 1000)
            await sound(0.3)
            one.leases.release("card")
            window.append(await one.at("open"))
            await sound(0.7)

    (silence,) = long_silences(queue_call(scene), 0.4)
    assert silence[1] == pytest.approx(window[1] - window[0], abs=0.15)


def test_the_call_of_another_seat_is_refused(queue_call: Callable[[Scene], Path]) -> None:
    async def scene(site: Site, call: CallInfo) -> None:
        async with desk(site, "two", call) as thief, desk(site, "one", call) as owner:
            await sound(0.5)
            thief.hold()
            await thief.at("lost")
            async with asyncio.timeout(10):
                while "not of this seat" not in thief.said[-1][1].message:
                    await sound(0.02)
            owner.hold()
            await owner.at("held")
            await sound(1.0)
            assert (await thief.control.unmask(call.sip_call_id, "card")).verdict == "failed"
            await sound(0.5)
            assert owner.said[-1][1].state == "held"
            owner.leases.release("card")
            await owner.at("open")
            await sound(0.5)
        assert (site.ids["two"], "mask_refused", call.sip_call_id) in await asyncio.to_thread(site.audit)

    (silence,) = long_silences(queue_call(scene), 0.4)
    assert silence[1] > 1.3, "the thief's unmask did nothing"


def test_a_recorder_that_starts_later_is_masked_and_the_page_blanks_meanwhile(
    queue_call: Callable[[Scene], Path],
) -> None:
    async def scene(site: Site, call: CallInfo) -> None:
        async with desk(site, "one", call) as one:
            await sound(0.5)
            one.hold()
            await one.at("held")
            began = time.monotonic()
            channel = await one.other.channel("1001")
            await one.other.does("MixMonitor", Channel=channel, File="late-server.wav")
            async with asyncio.timeout(10):
                while [state.state for _, state in one.said][-2:] != ["lost", "held"]:
                    await sound(0.005)
            figure("late_recorder_masked_ms", (one.said[-1][0] - began) * 1000)
            await sound(1.0)
            one.leases.release("card")
            await one.at("open")
            await sound(0.5)

    file = queue_call(scene)
    assert len(long_silences(file, 0.8)) == 1
    late = file.with_name("late-server.wav")
    assert late.stat().st_size > 44
    assert len(long_silences(late, 0.8)) <= 1


def test_a_seat_that_dies_leaves_its_mask_and_a_new_one_lets_it_go(
    queue_call: Callable[[Scene], Path],
) -> None:
    window: list[float] = []

    async def scene(site: Site, call: CallInfo) -> None:
        async with desk(site, "one", call) as one:
            await sound(0.7)
            one.hold()
            window.append(await one.at("held"))
        await sound(1.0)
        async with desk(site, "one", call) as again:
            again.hold()
            await again.at("held")
            again.leases.release("card")
            window.append(await again.at("open"))
        await sound(0.7)

    (silence,) = long_silences(queue_call(scene), 0.4)
    assert silence[1] == pytest.approx(window[1] - window[0], abs=0.15)
