"""Phone and mask: a real call over the Asterisk lab, or directly where it does not run."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psutil

from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.lab import RECORDED_QUEUE, SECRET, Lab
from halodesk.demo.measure import FRAME_S, marker_levels
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol.phone_link import (
    Account,
    AnswerCall,
    CallChanged,
    CallInfo,
    Dial,
    HangUp,
    Mask,
    Notice,
    Register,
    RegistrationChanged,
    Unmask,
)
from halodesk.recording import open_control
from halodesk.recording.central import CentralControl
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.server import accounts, recorders
from halodesk.sip.client import PhoneClient, phone_argv
from halodesk.sip.phone.recorder import GUARD_S
from halodesk.sync.mask_line import MaskLine
from halodesk.sync.service import credentials_of
from tests.bench.measure import Figure, figure, share
from tests.sync.world import World, recorder

HOST = "127.0.0.1"
MASKS = 200
CPU_S = 10.0
PROOFS = 40


class _Phone:
    """One attached phone and what it last said."""

    def __init__(self) -> None:
        self.client: PhoneClient | None = None
        self.call: CallInfo | None = None
        self.registered = asyncio.Event()
        self.changed = asyncio.Event()

    def notice(self, found: Notice) -> None:
        """Keep it and wake whoever waits."""
        if isinstance(found, RegistrationChanged) and found.registration.state == "registered":
            self.registered.set()
        elif isinstance(found, CallChanged):
            self.call = found.call
            self.changed.set()

    async def until(self, state: str) -> CallInfo:
        """Wait for the call to come into that state."""
        async with asyncio.timeout(30):
            while self.call is None or self.call.state != state:
                self.changed.clear()
                await self.changed.wait()
        return self.call


def figures() -> Iterator[Figure]:
    """All figures of one long call."""
    with tempfile.TemporaryDirectory(prefix="halodesk-bench-") as folder:
        lab = Lab(Path(folder) / "pbx")
        lab.start()
        try:
            yield from asyncio.run(_measure(Path(folder), lab))
        finally:
            lab.stop()


async def _measure(folder: Path, lab: Lab) -> list[Figure]:
    agent, caller = _Phone(), _Phone()
    begun = time.perf_counter()
    agent.client = await PhoneClient.attach_or_start(
        folder / "agent",
        argv=phone_argv(folder / "agent", "--bind", HOST),
        on_notice=agent.notice,
        on_away=lambda error: None,
    )
    await agent.client.request(Register(account=_account(lab, "1001")))
    async with asyncio.timeout(20):
        await agent.registered.wait()
    registered_s = time.perf_counter() - begun
    (folder / "caller").mkdir()
    process = subprocess.Popen(  # noqa: ASYNC220  # a moment at the beginning of a benchmark
        [sys.executable, "-m", "halodesk.demo.caller", "--data", str(folder / "caller")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        return [
            figure("phone process spawned to registered", [registered_s], "s"),
            *await _call(folder, lab, agent, caller, process),
        ]
    finally:
        await agent.client.quit()
        if process.stdin is not None:
            process.stdin.close()
        process.wait(15)


async def _call(
    folder: Path, lab: Lab, agent: _Phone, caller: _Phone, process: subprocess.Popen[str]
) -> list[Figure]:
    caller.client = await _attach(folder / "caller", caller)
    await caller.client.request(Register(account=_account(lab, "1002")))
    async with asyncio.timeout(20):
        await caller.registered.wait()
    await caller.client.request(Dial(call="bench", account="1002", to=RECORDED_QUEUE))
    ringing = await agent.until("incoming")
    if agent.client is None or process.stdin is None:
        raise RuntimeError("the phones are not up")
    await agent.client.request(AnswerCall(call=ringing.key))
    active = await agent.until("active")
    process.stdin.write("marker\n")
    process.stdin.flush()
    phone = psutil.Process(agent.client.pid)
    phone.cpu_percent()
    await asyncio.sleep(CPU_S)
    cpu = phone.cpu_percent()
    locked = await _masks(agent.client)
    direct, through = await _proofs(folder, lab, active.sip_call_id)
    await asyncio.sleep(1.5)
    await agent.client.request(HangUp(call=active.key))
    ended = await agent.until("ended")
    await caller.client.quit()
    if ended.recording is None:
        raise RuntimeError("the call was not recorded")
    ended_windows = ended.recording.windows
    levels = marker_levels(Path(ended.recording.path), 1, MARKER_HZ)
    leaked = looked_at = 0
    for window in ended_windows:
        first = -(-window.from_sample // round(ended.recording.sample_rate * FRAME_S))
        last = (window.to_sample or ended.recording.samples) // round(ended.recording.sample_rate * FRAME_S)
        inside = levels.db[first:last]
        leaked += int((inside > levels.usual - 26).sum())
        looked_at += len(inside)
    return [
        figure("CPU of one recorded call, phone process", [cpu], "% of a core", note=f"over {CPU_S:.0f} s"),
        figure("mask request to locked recorder", locked, "us", note=f"p99 {share(locked, 0.99):.0f} us"),
        figure(
            "mask request to PBX proof (AMI event)", direct, "ms", note=f"p99 {share(direct, 0.99):.1f} ms"
        ),
        figure(
            "the same through the central server", through, "ms", note=f"p99 {share(through, 0.99):.1f} ms"
        ),
        figure(
            f"leaked frames over {MASKS} masks at random phase",
            [float(leaked)],
            "frames",
            goal="0",
            met=lambda value: value == 0 and len(ended_windows) == MASKS and levels.usual > -40,
            note=f"{len(ended_windows)} windows, {looked_at} frames looked at",
        ),
        figure("INVITE to answered media", [active.setup_ms or -1], "ms", note="at the agent's phone"),
    ]


async def _masks(client: PhoneClient) -> list[float]:
    spent = []
    for number in range(MASKS):
        await asyncio.sleep(GUARD_S + random.uniform(0.05, 0.15))  # past the guard time: a window of its own
        begun = time.perf_counter()
        await client.request(Mask(lease=f"bench.{number}"))
        spent.append((time.perf_counter() - begun) * 1e6)
        await asyncio.sleep(random.uniform(0.02, 0.08))
        await client.request(Unmask(lease=f"bench.{number}"))
    return spent


async def _proofs(folder: Path, lab: Lab, sip_call_id: str) -> tuple[list[float], list[float]]:
    """Milliseconds from asking for a mask to its proof, by turns: over AMI, and through a server over AMI."""
    ami = {"control": "ami", "host": HOST, "port": lab.ami_port, "username": "lab", "secret": SECRET}
    around = Surroundings(on_changed=lambda call, answer: None, line=no_server)
    direct = open_control(ami, around)
    world, line = await asyncio.to_thread(_server, folder / "masks", ami)
    through = CentralControl(line, name="server", on_changed=lambda call, answer: None, timeout_s=0.7)
    spent: tuple[list[float], list[float]] = ([], [])
    controls = (direct, through)
    try:
        for control in controls:
            control.start()
            await _first(control, sip_call_id)
        for number in range(PROOFS):
            for control, took in zip(controls, spent, strict=True):
                begun = time.perf_counter()
                answer = await control.mask(sip_call_id, f"bench.{number}")
                if answer.verdict != "confirmed":
                    raise RuntimeError(answer.detail)
                took.append((time.perf_counter() - begun) * 1e3)
                await control.unmask(sip_call_id, f"bench.{number}")
    finally:
        for control in controls:
            await control.close()
        await asyncio.to_thread(world.stop)
    return spent


async def _first(control: Control, sip_call_id: str) -> None:
    """Mask once it is connected."""
    async with asyncio.timeout(20):
        while True:
            if (await control.mask(sip_call_id, "bench")).verdict == "confirmed":
                return
            await asyncio.sleep(0.05)


def _server(folder: Path, ami: dict[str, Any]) -> tuple[World, MaskLine]:
    """A server process that masks there, and the line of a seat that has the agent's account."""
    folder.mkdir()
    world = World(folder)
    file = world.server_folder / recorders.FILE
    file.write_bytes(msgspec.json.encode({"recorders": [ami]}))
    file.chmod(0o600)
    world.start()
    with recorder(world.enrol("seat")) as seat:
        link, name = seat.link, seat.seat
    world.console(partial(accounts.bind, tenant="main", seat=name, account="1001"))
    return world, MaskLine(link, credentials_of(link, name))


async def _attach(folder: Path, phone: _Phone) -> PhoneClient:
    until = asyncio.get_running_loop().time() + 20
    while True:
        try:
            return await PhoneClient.attach(folder, on_notice=phone.notice, on_away=lambda error: None)
        except HaloDeskError:
            if asyncio.get_running_loop().time() > until:
                raise
            await asyncio.sleep(0.1)


def _account(lab: Lab, user: str) -> Account:
    return Account(
        key=user,
        uri=f"sip:{user}@{HOST}:{lab.sip_port}",
        registrar=f"sip:{HOST}:{lab.sip_port}",
        username=user,
        password=SECRET,
    )
