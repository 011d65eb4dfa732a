"""What a caller hears when a process of the seat dies, and how long it takes to go on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from halodesk.demo.lab import SECRET, Lab
from halodesk.protocol.phone_link import Account, CallInfo, Register, Rescue
from tests.bench.measure import Figure, figure
from tests.lab.phones import FRAME, RATE, Seat, read_stereo, talk, tone_levels, write_tone

HOST = "127.0.0.1"
BUSY_S = 20.0
RESCUES = 3
SOUNDS_DB = -20
"""The hum has -12 dB."""

BUSY_WINDOW = """
import asyncio, sys
from pathlib import Path
from halodesk.sip.client import PhoneClient

async def main():
    await PhoneClient.attach(Path(sys.argv[1]), on_notice=lambda notice: None, on_away=print)
    print("attached", flush=True)
    while True:
        sum(range(10_000))
        await asyncio.sleep(0)

asyncio.run(main())
"""


def figures() -> Iterator[Figure]:
    """All figures, over a PBX of their own."""
    with tempfile.TemporaryDirectory(prefix="halodesk-bench-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        try:
            tone = str(write_tone(folder / "tone.wav"))
            yield from _window_dies(folder / "window", lab, tone)
            yield from _phone_dies(folder / "phone", lab, tone)
        finally:
            lab.stop()


def _window_dies(folder: Path, lab: Lab, tone: str) -> Iterator[Figure]:
    agent, far = Seat(folder / "agent", "--microphone", tone), Seat(folder / "far")
    try:
        _connect(lab, agent, far)
        window = subprocess.Popen(
            [sys.executable, "-c", BUSY_WINDOW, str(agent.data_dir)], stdout=subprocess.PIPE
        )
        if window.stdout is None:
            raise RuntimeError("the window has no output")
        with window.stdout:
            window.stdout.readline()
        agent.detach()
        talk(BUSY_S)
        window.kill()
        window.wait()
        begun = time.perf_counter()
        agent = Seat(folder / "agent")
        attached = (time.perf_counter() - begun) * 1e3
        talk(1.0)
        agent.hang_up("agent")
        heard = tone_levels(read_stereo(far.call("ended"))[:, 1])[25:-2]
    finally:
        agent.quit()
        far.quit()
    silent = int((heard < SOUNDS_DB).sum())
    yield figure("window killed to a new one attached", [attached], "ms")
    yield figure(
        "gap in the caller's audio, busy window killed",
        [float(silent)],
        "frames",
        goal="0",
        met=lambda value: value == 0 and len(heard) * FRAME / RATE > BUSY_S,
        note=f"of {len(heard)} frames",
    )


def _phone_dies(folder: Path, lab: Lab, tone: str) -> Iterator[Figure]:
    back, gaps = [], []
    for turn in range(RESCUES):
        data = folder / f"agent-{turn}"
        agent, far = Seat(data, "--microphone", tone), Seat(folder / f"far-{turn}")
        try:
            call = _connect(lab, agent, far)
            talk(1.0)
            begun = time.perf_counter()
            agent.kill()
            agent.quit()
            agent = Seat(data, "--start-masked", "--microphone", tone)
            agent.ask(Register(account=_account(lab, "1003")))
            agent.registration("1003", "registered")
            agent.ask(Rescue(call=call))
            agent.call("active", "agent")
            back.append((time.perf_counter() - begun) * 1e3)
            talk(1.0)
            agent.hang_up("agent")
            sounding = np.flatnonzero(tone_levels(read_stereo(far.call("ended"))[:, 1]) > SOUNDS_DB)
            gaps.append(float(np.diff(sounding).max()) * FRAME / RATE * 1e3)
        finally:
            agent.quit()
            far.quit()
    yield figure("phone killed to its call back", back, "ms")
    yield figure("gap in the caller's audio, phone killed", gaps, "ms")


def _connect(lab: Lab, agent: Seat, far: Seat) -> CallInfo:
    """The agent calls somebody who listens; the agent's call."""
    for seat, user in ((agent, "1003"), (far, "1004")):
        seat.ask(Register(account=_account(lab, user)))
        seat.registration(user, "registered")
    agent.dial("1004", key="agent", account="1003")
    far.answer()
    return agent.call("active", "agent")


def _account(lab: Lab, user: str) -> Account:
    return Account(
        key=user,
        uri=f"sip:{user}@{HOST}:{lab.sip_port}",
        registrar=f"sip:{HOST}:{lab.sip_port}",
        username=user,
        password=SECRET,
    )
