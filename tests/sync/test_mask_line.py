"""A seat's line to a real server process in front of a PBX: killed, frozen, refused, replaced."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from halodesk.crypto.signing import SigningKey
from halodesk.protocol.mask import FromMaskServer, MaskAnswer, MaskAsk
from halodesk.recording.central import CentralControl
from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.runtime.ports import RecorderAnswer
from halodesk.runtime.threads import SystemClock
from halodesk.server import accounts, audit, recorders, tenants
from halodesk.sync.mask_line import MaskLine
from halodesk.sync.service import credentials_of
from tests.fakes.ami import FakeAmi, fake_ami, until
from tests.fakes.ami_control import CALL, CALLER, queue_call
from tests.sync.world import World, recorder

LOST_WITHIN_S = 2.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("masks"))
    yield made
    made.stop()


class Seats:
    """Two enrolled seats; the first has the account of the call."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.links = {}
        for name, account in (("one", "1001"), ("two", "1002")):
            folder = world.folder / name
            if not folder.exists():
                world.enrol(name)
            with recorder(folder) as seat:
                self.links[name] = (seat.link, seat.seat)
            seat_id = seat.seat
            world.console(lambda c, s=seat_id, a=account: accounts.bind(c, "main", seat=s, account=a))

    def line(self, name: str) -> MaskLine:
        link, seat = self.links[name]
        return MaskLine(link, credentials_of(link, seat))

    def control(self, name: str, on_changed: Callable[[str, RecorderAnswer], None]) -> CentralControl:
        return CentralControl(self.line(name), name="PBX", on_changed=on_changed, timeout_s=0.7)


class Desk:
    """One seat's lease on the call, and what it said."""

    def __init__(self, seats: Seats, name: str = "one") -> None:
        self.said: list[tuple[float, LeaseState]] = []
        self._news = asyncio.Event()
        self.leases = MaskLeases(SystemClock())
        self.control = seats.control(
            name, lambda call, answer: self.leases.recorder_changed("PBX", call, answer)
        )
        self.control.start()

    def hold(self) -> None:
        self.leases.hold("card", CALL, [self.control], self._heard)

    def _heard(self, state: LeaseState) -> None:
        self.said.append((time.monotonic(), state))
        self._news.set()

    async def at(self, phase: str) -> tuple[float, LeaseState]:
        """Wait until this phase is the last one said; what it was and when."""
        async with asyncio.timeout(20):
            while not self.said or self.said[-1][1].state != phase:
                self._news.clear()
                await self._news.wait()
        last = self.said[-1]
        self.said.clear()
        return last

    async def close(self) -> None:
        await self.leases.close()
        await self.control.close()


Play = Callable[[Seats, FakeAmi], Coroutine[Any, Any, None]]


@asynccontextmanager
async def site(world: World) -> AsyncIterator[tuple[Seats, FakeAmi]]:
    async with fake_ami() as pbx:
        queue_call(pbx)
        file = world.server_folder / recorders.FILE
        entry = {"control": "ami", "host": "127.0.0.1", "port": pbx.port, "username": "lab"}
        file.write_text(json.dumps({"recorders": [entry | {"secret": pbx.secret}]}), encoding="utf-8")
        file.chmod(0o600)
        await asyncio.to_thread(world.start)
        try:
            seats = await asyncio.to_thread(Seats, world)
            await until(lambda: pbx.logins > 0)
            yield seats, pbx
        finally:
            await asyncio.to_thread(world.stop)


def scene(world: World, play: Play) -> None:
    async def run() -> None:
        async with site(world) as (seats, pbx):
            await play(seats, pbx)

    asyncio.run(run())


async def failing(control: CentralControl, words: str) -> RecorderAnswer:
    """Ask until it fails with these words: the line may not be up yet. It may never succeed."""
    async with asyncio.timeout(20):
        while True:
            answer = await control.mask(CALL, "l")
            assert answer.verdict == "failed"
            if words in answer.detail:
                return answer
            await asyncio.sleep(0.02)


def test_it_masks_renews_and_lets_go(world: World) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        desk = Desk(seats)
        desk.hold()
        await desk.at("held")
        assert pbx.is_masked(CALLER)
        count = len(pbx.sent("MixMonitorMute"))
        await until(lambda: len(pbx.sent("MixMonitorMute")) > count)
        assert desk.said == [], "renewed without a word"
        desk.leases.release("card")
        await desk.at("open")
        assert not pbx.is_masked(CALLER)
        await desk.close()

    scene(world, play)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_server_that_is_gone_locks_in_time_and_unlocks_when_it_is_back(world: World, how: str) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        desk = Desk(seats)
        desk.hold()
        await desk.at("held")
        gone = time.monotonic()
        world.kill() if how == "killed" else world.freeze()
        at, state = await desk.at("lost")
        print(f"figure server_{how}_lost_after_ms {(at - gone) * 1000:.0f}")
        assert at - gone < LOST_WITHIN_S
        assert "server" in state.message
        assert state.todo
        assert pbx.is_masked(CALLER), "the PBX stays masked"
        back = time.monotonic()
        if how == "killed":
            await asyncio.to_thread(world.start)
        else:
            world.thaw()
        at, _ = await desk.at("held")
        print(f"figure server_{how}_held_again_ms {(at - back) * 1000:.0f}")
        assert not any(m["State"] == "0" for m in pbx.sent("MixMonitorMute"))
        await desk.close()

    scene(world, play)


def test_an_unmask_that_was_stuck_in_a_frozen_server_undoes_no_later_mask(world: World) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        desk = Desk(seats)
        desk.hold()
        await desk.at("held")
        world.freeze()
        desk.leases.release("card")
        assert (await desk.control.unmask(CALL, "l")).verdict == "failed"
        desk.hold()
        world.thaw()
        await desk.at("held")
        for _ in range(5):
            assert (await desk.control.mask(CALL, "l")).verdict == "confirmed"
            assert pbx.is_masked(CALLER)
        await desk.close()

    scene(world, play)


def test_a_recorder_that_starts_later_is_told_at_once(world: World) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        desk = Desk(seats)
        desk.hold()
        await desk.at("held")
        pbx.record("PJSIP/1001-00000002")
        await until(lambda: [state.state for _, state in desk.said] == ["lost", "held"])
        assert pbx.is_masked("PJSIP/1001-00000002")
        await desk.close()

    scene(world, play)


def test_a_foreign_call_is_refused_in_words_and_in_the_audit(world: World) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        thief = seats.control("two", lambda call, answer: None)
        thief.start()
        await failing(thief, "not of this seat")
        assert (await thief.unmask(CALL, "l")).verdict == "failed"
        assert pbx.sent("MixMonitorMute") == []
        rows = await asyncio.to_thread(world.console, lambda c: audit.entries(c, "main"))
        _, seat = seats.links["two"]
        assert (seat, "mask_refused", CALL) in [(row.actor, row.action, row.subject) for row in rows]
        await thief.close()

    scene(world, play)


def test_the_line_needs_a_seats_token_and_a_seat_that_was_not_shut_out(world: World) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        url = f"ws{world.url[4:]}/v1/mask"
        for token in ("", "Bearer x", "Bearer " + "x" * 3000):
            with pytest.raises(InvalidStatus):
                async with connect(url, additional_headers={"Authorization": token} if token else {}):
                    pass
        await asyncio.to_thread(world.enrol, "leaver")
        with recorder(world.folder / "leaver") as leaver:
            link, name = leaver.link, leaver.seat
        wrong = msgspec.structs.replace(link, sign_seed=SigningKey.new().seed)
        control = CentralControl(
            MaskLine(wrong, credentials_of(wrong, name)), name="PBX", on_changed=_nothing, timeout_s=0.7
        )
        control.start()
        await failing(control, "does not fit")
        await control.close()
        right = CentralControl(
            MaskLine(link, credentials_of(link, name)), name="PBX", on_changed=_nothing, timeout_s=0.7
        )
        right.start()
        await failing(right, "no account")
        await asyncio.to_thread(world.console, lambda c: tenants.revoke(c, "main", name))
        await failing(right, "shut out")
        await right.close()
        assert pbx.sent("MixMonitorMute") == []

    scene(world, play)


RUBBISH: list[bytes | str] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"id":"x"}',
    b'{"id":1,"act":"wipe","call":"x"}',
    b"x" * 5000,
    "text",
]


def test_rubbish_on_the_line_ends_it_and_nothing_else(world: World) -> None:
    async def play(seats: Seats, pbx: FakeAmi) -> None:
        line = seats.line("one")
        headers = {"Authorization": f"Bearer {await line._client.token()}"}
        url = f"ws{world.url[4:]}/v1/mask"
        for said in RUBBISH:
            async with connect(url, additional_headers=headers) as socket:
                await socket.send(said)
                with pytest.raises(WebSocketException):
                    await asyncio.wait_for(socket.recv(), 10)
        async with connect(url, additional_headers=headers) as socket:
            await socket.send(msgspec.json.encode(MaskAsk(id=5, act="mask", call="no such call")))
            answer = msgspec.json.decode(await asyncio.wait_for(socket.recv(), 10), type=FromMaskServer)
            assert isinstance(answer, MaskAnswer)
            assert (answer.id, answer.verdict) == (5, "failed")
        await line.close()

    scene(world, play)


def _nothing(call: str, answer: RecorderAnswer) -> None:
    """News nobody waits for."""
