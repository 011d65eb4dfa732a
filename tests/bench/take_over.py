"""Taking over from a flow agent on a call over the PBX: how soon it is silent, how soon the human is heard.

Measured at the caller's phone, by the sound that reaches it: a tone stands for the flow agent's voice,
another one for the microphone. What a tone needs from phone to phone in any case (coders, network, jitter
buffer) is in the figures.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from halodesk.demo.lab import SECRET, Lab
from halodesk.protocol.phone_link import Account, FarSound, HearCall, Notice, Register
from halodesk.sip.call_voice import PhoneCallVoice
from tests.bench.measure import Figure, figure
from tests.lab.pbx import HOST
from tests.lab.phones import RATE, Seat, tone_levels, write_tone

ROUNDS = 12
AGENT_HZ, HUMAN_HZ = 600.0, 1000.0
LOUD_DB = -40.0
MOST_MS = 200.0


def figures() -> Iterator[Figure]:
    """One call, taken over and given back again and again."""
    with tempfile.TemporaryDirectory(prefix="halodesk-take-over-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        agent = Seat(folder / "agent", "--microphone", str(write_tone(folder / "mic.wav", HUMAN_HZ)))
        far = Seat(folder / "far")
        try:
            silent, heard = _rounds(lab, agent, far)
        finally:
            for seat in (agent, far):
                seat.quit()
            lab.stop()
    goal, met = f"<= {MOST_MS:.0f}", lambda value: value <= MOST_MS
    yield figure("take-over: flow agent silent at the caller", silent, "ms", goal=goal, met=met)
    yield figure("take-over: human heard by the caller", heard, "ms", goal=goal, met=met)


def _rounds(lab: Lab, agent: Seat, far: Seat) -> tuple[list[float], list[float]]:
    for seat, user in ((agent, "1003"), (far, "1004")):
        address = f"{HOST}:{lab.sip_port}"
        account = Account(
            key=user,
            uri=f"sip:{user}@{address}",
            registrar=f"sip:{address}",
            username=user,
            password=SECRET,
        )
        seat.ask(Register(account=account))
        seat.registration(user, "registered")
    far.dial("1003", key="far", account="1004")
    call = agent.answer()
    far.call("active", "far")
    ear = _Ear(far)
    far.ask(HearCall(call="far"))
    voice = PhoneCallVoice(agent.call("active", call.key), agent.client.request)
    steps = np.arange(RATE) / RATE
    second = (8_000 * np.sin(2 * np.pi * AGENT_HZ * steps)).astype("<i2").tobytes()
    silent, heard = [], []
    for number in range(ROUNDS):
        agent.run(voice.lend())
        for _ in range(5):
            agent.run(voice.speak(number, second, last=False))
        ear.until(lambda: ear.now("agent") and not ear.now("human"))
        begun = time.perf_counter()
        agent.run(voice.step_aside())
        ear.until(lambda: ear.now("human") and not ear.now("agent"))
        silent.append(1000 * (ear.last("agent") - begun))
        heard.append(1000 * (ear.first("human", begun) - begun))
    return silent, heard


class _Ear:
    """What the caller's phone hears, frame by frame, and when."""

    def __init__(self, seat: Seat) -> None:
        self._frames: list[tuple[float, bool, bool]] = []
        self._more = threading.Condition()
        told = seat.client._on_notice

        def notice(notice: Notice) -> None:
            if isinstance(notice, FarSound):
                self._take(notice.pcm)
            else:
                told(notice)

        seat.client._on_notice = notice

    def _take(self, pcm: bytes) -> None:
        sound = np.frombuffer(pcm, dtype="<i2") / 32768
        agent, human = (tone_levels(sound, hertz)[0] > LOUD_DB for hertz in (AGENT_HZ, HUMAN_HZ))
        with self._more:
            self._frames.append((time.perf_counter(), bool(agent), bool(human)))
            self._more.notify_all()

    def now(self, who: str) -> bool:
        """In three frames in a row."""
        last = self._frames[-3:]
        return len(last) == 3 and all(frame[1 if who == "agent" else 2] for frame in last)

    def until(self, holds: Callable[[], bool]) -> None:
        """Waits for it."""
        with self._more:
            if not self._more.wait_for(holds, 10):
                raise AssertionError("nothing of it was heard")

    def last(self, who: str) -> float:
        """When it was heard last."""
        return max(frame[0] for frame in self._frames if frame[1 if who == "agent" else 2])

    def first(self, who: str, since: float) -> float:
        """When it was heard first after a moment."""
        return next(f[0] for f in self._frames if f[0] > since and f[1 if who == "agent" else 2])
