"""What encrypted recordings, meters and the echo canceller cost; what is on its way when a mask ends."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from halodesk.crypto.recording_key import RecordingKey, RecordingLock
from halodesk.demo.lab import SECRET, Lab
from halodesk.protocol.phone_link import Account, Mask, Register, SetMicrophone, Unmask
from halodesk.sip.phone.audio.echo import STEP, EchoCanceller
from halodesk.sip.phone.audio.level import Level
from halodesk.sip.phone.flac_file import FlacFile
from halodesk.sip.phone.recorder import GUARD_S
from tests.bench.measure import Figure, figure
from tests.bench.mouth_to_ear import sound_card
from tests.lab.phones import RATE, Seat, Sound, read_stereo, talk, tone_levels, write_tone
from tests.lab.sound_card import SoundCard

HOST = "127.0.0.1"
MINUTE = 60 * RATE
RUNS = 5
TIMES = 12
"""Masks of the whole path."""
AGENT_HZ, CALLER_HZ = 700.0, 1100.0
HEARD_DB = -50.0


def figures() -> Iterator[Figure]:
    """Costs first, then the whole path."""
    yield from _files()
    yield from _levels()
    yield from _echo()
    yield from _guard()


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _speech(seconds: int) -> Sound:
    """Noise with the spectrum and the pauses of speech: what a coder has to work at."""
    rng = np.random.default_rng(1)
    noise = np.convolve(rng.standard_normal(seconds * RATE), np.ones(8) / 8, "same")
    pauses = np.repeat(rng.random(seconds * 5) > 0.4, RATE // 5)
    return np.asarray(0.2 * noise * pauses)


def _files() -> Iterator[Figure]:
    left = _speech(60)
    stereo = (np.stack([left, left[::-1]], axis=1) * 32_767).astype("<i2").tobytes()
    lock = RecordingLock(RecordingKey(b"k" * 32).public)
    cost: dict[bool, list[float]] = {False: [], True: []}
    sizes: dict[bool, int] = {}
    with tempfile.TemporaryDirectory(prefix="halodesk-files-") as name:
        for run in range(RUNS):
            for sealed in cost:
                path = Path(name) / f"{run}-{sealed}"

                def write(path: Path = path, sealed: bool = sealed) -> None:
                    file = FlacFile(path, RATE, lock if sealed else None)
                    for at in range(0, len(stereo), 1280):
                        file.write(stereo[at : at + 1280])
                    file.close()

                cost[sealed].append(1000 * _cpu(write))
                sizes[sealed] = path.stat().st_size
    plain = float(np.median(cost[False]))
    more = [value - plain for value in cost[True]]
    size = 100 * (sizes[True] / sizes[False] - 1)
    yield figure("a minute recorded, plain", cost[False], "ms CPU")
    yield figure("a minute recorded, encrypted", cost[True], "ms CPU", note=f"file {size:+.1f} %")
    yield figure(
        "encryption of a minute", more, "ms CPU", goal="<= 60", met=lambda value: value <= 60,
        note="a thousandth of a core",
    )  # fmt: skip


def _levels() -> Iterator[Figure]:
    level, block = Level(), (_speech(1)[:160] * 32_767).astype(np.int16)

    def seconds() -> None:
        for _ in range(50 * 200):  # a block every 10 ms on both sides
            level.note(block)

    values = [100 * _cpu(seconds) / 50 for _ in range(RUNS)]
    yield figure("level meters", values, "% of a core", goal="<= 1", met=lambda value: value <= 1)


def _echo() -> Iterator[Figure]:
    rng = np.random.default_rng(2)
    far = _speech(20)
    room = rng.standard_normal(2400) * 10 ** (-3 * np.arange(2400) / 2400)
    heard = (
        np.convolve(np.concatenate((np.zeros(1900), far)), room / np.sqrt((room**2).sum()))[: len(far)] * 0.5
    )
    played, mixed = ((32_767 * sound).astype(np.int16) for sound in (far, heard))
    canceller, left = EchoCanceller(), []

    def run() -> None:
        for at in range(0, len(far), STEP):
            canceller.played(played[at : at + STEP])
            left.append(canceller.heard(mixed[at : at + STEP]))

    share = 100 * _cpu(run) / 20
    late = slice(5 * RATE, None)
    out = np.concatenate(left).astype(float)[late]
    erle = 10 * np.log10((mixed.astype(float)[late] ** 2).mean() / max((out**2).mean(), 1e-9))
    yield figure("echo canceller", [share], "% of a core")
    yield figure("echo taken away (ERLE)", [float(erle)], "dB", goal=">= 20", met=lambda value: value >= 20)


def _guard() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="halodesk-guard-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        try:
            with sound_card(folder) as card:
                agent, caller = _on_its_way(folder, lab, card)
        finally:
            lab.stop()
    for words, values in (("agent's", agent), ("caller's", caller)):
        yield figure(
            f"youngest of the {words} sound when a mask ends", values, "ms",
            goal=f"most <= {1000 * GUARD_S:.0f}, the guard time",
            met=partial(_within, max(values)),
        )  # fmt: skip


def _within(most: float, _middle: float) -> bool:
    return most <= 1000 * GUARD_S


def _on_its_way(folder: Path, lab: Lab, card: SoundCard) -> tuple[list[float], list[float]]:
    """How long what was said before an unmask goes on arriving after it, in ms: without any guard time.

    Both speak while it is masked, fall silent, and in that moment the mask ends. What is then found in the
    file was on its way: in buffers, in the PBX, on the network. The time between the last word and the
    unmask, some milliseconds of this test's own, is added: an upper bound.
    """
    address = f"{HOST}:{lab.sip_port}"
    agent = Seat(folder / "agent", "--sound", "auto", "--guard", "0")
    far = Seat(folder / "far", "--microphone", str(write_tone(folder / "far.wav", CALLER_HZ)))
    try:
        for seat, user in ((agent, "1003"), (far, "1004")):
            account = Account(
                key=user, uri=f"sip:{user}@{address}", registrar=address, username=user, password=SECRET
            )
            seat.ask(Register(account=account))
            seat.registration(user, "registered")
        far.dial("1003", key="far", account="1004")
        key = agent.answer().key
        agent.sound("open devices", lambda state: state.microphone.open and state.speaker.open)
        far.ask(SetMicrophone(call="far", muted=True))
        talk(3.0)
        lags: list[tuple[float, float]] = []
        for _ in range(TIMES):
            agent.ask(Mask(lease="card"))
            far.ask(SetMicrophone(call="far", muted=False))
            with card.speaking(AGENT_HZ):
                talk(1.2)
                silent = time.monotonic()
            mute = time.monotonic()
            far.ask(SetMicrophone(call="far", muted=True))
            agent.ask(Unmask(lease="card"))
            lags.append((1000 * (time.monotonic() - silent), 1000 * (time.monotonic() - mute)))
            threading.Event().wait(1.2)
        ended = agent.hang_up(key)
    finally:
        agent.quit()
        far.quit()
    sound = read_stereo(ended)
    assert ended.recording is not None
    found: tuple[list[float], list[float]] = ([], [])
    for window, lag in zip(ended.recording.windows, lags, strict=True):
        begin = window.to_sample or 0
        for side, hertz in ((0, AGENT_HZ), (1, CALLER_HZ)):
            levels = tone_levels(sound[begin : begin + RATE, side], hertz)
            heard = np.flatnonzero(levels > HEARD_DB)
            found[side].append(lag[side] + (20.0 * (int(heard[-1]) + 1) if len(heard) else 0.0))
    return found
