"""Sound: a call through sound devices while the window burns a whole core."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from halodesk.demo.lab import SECRET, Lab
from halodesk.protocol.phone_link import Account, ReadSoundFigures, Register, SoundFigures
from tests.bench.measure import Figure, figure
from tests.lab.phones import Seat, talk, write_tone
from tests.lab.sound_card import SoundCard

HOST = "127.0.0.1"
SETTLE_S = 3.0
CALL_S = 60.0


def figures() -> Iterator[Figure]:
    """Two calls of a minute: with a quiet and with a busy window."""
    with tempfile.TemporaryDirectory(prefix="halodesk-sound-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        try:
            with _devices(folder) as card, _phones(folder, lab) as (agent, far):
                quiet = _call(agent, far, card)
                with _burning():
                    busy = _call(agent, far, card)
        finally:
            lab.stop()
    for words, found in (("quiet", quiet), ("busy", busy)):
        note = f"max {found.gap_max_ms:.0f} ms, {found.frames} frames"
        yield figure(f"frame gap p99, {words} window", [found.gap_p99_ms], "ms", note=note)
    breaks = busy.speaker.under_runs + busy.microphone.under_runs
    yield figure(
        f"under-runs in {CALL_S:.0f} s of call, busy window",
        [float(breaks)],
        "breaks",
        goal="0",
        met=lambda value: value == 0,
        note=f"quiet window: {quiet.speaker.under_runs + quiet.microphone.under_runs}",
    )
    for side, stream in (("microphone", busy.microphone), ("speaker", busy.speaker)):
        note = f"aims at {stream.target_ms:.0f} ms"
        yield figure(f"delay of the {side}'s ring, busy window", [stream.level_ms], "ms", note=note)


@contextmanager
def _devices(folder: Path) -> Iterator[SoundCard]:
    home = folder / "sound"
    home.mkdir(mode=0o700)
    card = SoundCard(home)
    before = {name: os.environ.get(name) for name in ("PULSE_SERVER", "QT_AUDIO_BACKEND")}
    os.environ |= {"PULSE_SERVER": card.server, "QT_AUDIO_BACKEND": "pulseaudio"}
    try:
        card.plug_speaker("headset", "Headset")
        card.plug_microphone("headset_mic", "Headset microphone")
        card.prefer(speaker="headset", microphone="headset_mic")
        yield card
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        card.close()


@contextmanager
def _phones(folder: Path, lab: Lab) -> Iterator[tuple[Seat, Seat]]:
    agent = Seat(folder / "agent", "--sound", "auto")
    far = Seat(folder / "far", "--microphone", str(write_tone(folder / "hum.wav")))
    try:
        for seat, user in ((agent, "1003"), (far, "1004")):
            seat.ask(Register(account=_account(lab, user)))
            seat.registration(user, "registered")
        yield agent, far
    finally:
        agent.quit()
        far.quit()


def _call(agent: Seat, far: Seat, card: SoundCard) -> SoundFigures:
    agent.forget()
    far.forget()
    far.dial("1003", key="far", account="1004")
    key = agent.answer().key
    agent.sound("open devices", lambda state: state.microphone.open and state.speaker.open)
    with card.speaking(700.0):
        talk(SETTLE_S)
        agent.ask(ReadSoundFigures(reset=True))
        talk(CALL_S)
        counted = agent.ask(ReadSoundFigures())
    agent.hang_up(key)
    far.call("ended", "far")
    if not isinstance(counted, SoundFigures):
        raise RuntimeError("the phone does not count")
    return counted


@contextmanager
def _burning() -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def _account(lab: Lab, user: str) -> Account:
    return Account(
        key=user,
        uri=f"sip:{user}@{HOST}:{lab.sip_port}",
        registrar=f"sip:{HOST}:{lab.sip_port}",
        username=user,
        password=SECRET,
    )
