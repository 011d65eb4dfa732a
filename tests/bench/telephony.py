"""The phone against baresip on the same machine and PBX; many calls and masks; a PBX that restarts."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import soundfile

from halodesk.protocol.phone_link import Account, Mask, MaskState, Register, Unmask
from halodesk.sip.phone.recorder import GUARD_S
from tests.bench.measure import Figure, figure
from tests.lab import bulk
from tests.lab.baresip import RATE as BARESIP_RATE
from tests.lab.baresip import Baresip, modules
from tests.lab.bulk import Counted
from tests.lab.pbx import HOST, Pbx, start
from tests.lab.phones import FRAME, Seat, read_stereo, talk, tone_levels, write_tone
from tests.lab.sipp import Sipp, ask

SETUPS = 15
CPU_S = 15.0
CALLS = 1000
WARM = 200
MASKS = 1000
RESTARTS = 3
PHASES_S = (0.01, 0.06)
LEAK_DB = 26
"""A masked frame this far below the tone's usual level holds nothing of it."""


def figures() -> Iterator[Figure]:
    """All figures, over a PBX of their own."""
    with tempfile.TemporaryDirectory(prefix="halodesk-bench-") as name:
        folder = Path(name)
        pbx = start(folder / "pbx")
        try:
            if shutil.which("baresip") and modules():
                yield from _against_baresip(folder / "peer", pbx)
            yield from _masks(folder / "masks", pbx)
            yield from _restarts(folder / "restart", pbx)
        finally:
            pbx.down()
        if shutil.which("sipp"):
            yield from _many(folder / "many")


def _against_baresip(folder: Path, pbx: Pbx) -> Iterator[Figure]:
    folder.mkdir()
    times = np.arange(60 * BARESIP_RATE) / BARESIP_RATE
    voice = folder / "voice.wav"
    soundfile.write(voice, 0.25 * np.sin(2 * np.pi * 500 * times), BARESIP_RATE, subtype="PCM_16")
    tone = str(write_tone(folder / "tone.wav"))
    ours = Seat(folder / "seat", "--no-record", "--microphone", tone)
    try:
        ours.register(pbx, "1003")
        with Baresip.at(pbx, "1004", folder / "baresip", voice=voice) as peer:
            mine, theirs = [], []
            for turn in range(SETUPS):
                begun = time.perf_counter()
                ours.dial("601", key=f"setup-{turn}", account="1003")
                ours.call("active", f"setup-{turn}")
                mine.append((time.perf_counter() - begun) * 1e3)
                ours.hang_up(f"setup-{turn}")
                ours.forget()
                peer.forget()
                begun = time.perf_counter()
                peer.do("dial", f"sip:601@{pbx.registrar}")
                peer.until("CALL_ESTABLISHED")
                theirs.append((time.perf_counter() - begun) * 1e3)
                peer.do("hangup")
                peer.until("CALL_CLOSED")
            middle = float(np.median(theirs))
            yield figure("INVITE to answered media, baresip", theirs, "ms")
            yield figure(
                "INVITE to answered media, HaloDesk",
                mine,
                "ms",
                goal="not slower than baresip + 20 ms",
                met=lambda value: value <= middle + 20,
                note="each wish over its control connection to the word that it is connected",
            )
            ours.dial("601", key="cpu", account="1003")
            ours.call("active", "cpu")
            mine_cpu = _cpu(ours.client.pid)
            ours.hang_up("cpu")
            peer.forget()
            peer.do("dial", f"sip:601@{pbx.registrar}")
            peer.until("CALL_ESTABLISHED")
            their_cpu = _cpu(peer.process.pid)
            yield figure("CPU of one call, baresip", [their_cpu], "% of a core", note="PCMU, kept to files")
            yield figure(
                "CPU of one call, HaloDesk unrecorded",
                [mine_cpu],
                "% of a core",
                note=f"{mine_cpu / max(their_cpu, 0.01):.1f} times baresip: its bridge port is Python",
            )
    finally:
        ours.quit()


def _cpu(pid: int) -> float:
    talk(1.0)
    process = psutil.Process(pid)
    process.cpu_percent()
    talk(CPU_S)
    return process.cpu_percent()


def _masks(folder: Path, pbx: Pbx) -> Iterator[Figure]:
    """The tone comes over network and jitter buffer; each masked frame of the file is looked at."""
    seat, chance = Seat(folder / "seat"), random.Random(1)
    try:
        seat.register(pbx, "1005")
        seat.dial("601", key="masks", account="1005")
        seat.call("active", "masks")
        talk(1.0)
        for _ in range(MASKS):
            talk(chance.uniform(*PHASES_S))
            seat.ask(Mask(lease="bench"))
            talk(chance.uniform(*PHASES_S))
            state = seat.ask(Unmask(lease="bench"))
            if not isinstance(state, MaskState):
                raise RuntimeError("the phone does not say how the mask stands")
        talk(GUARD_S + 1.0)
        ended = seat.hang_up("masks")
    finally:
        seat.quit()
    if ended.recording is None:
        raise RuntimeError("the call was not recorded")
    sound = read_stereo(ended)
    levels = tone_levels(sound[:, 1], 1004.0)
    usual = float(np.median(levels[10:40]))
    leaked = looked_at = loud = 0
    for window in ended.recording.windows:
        end = window.to_sample if window.to_sample is not None else ended.recording.samples
        inside = levels[-(-window.from_sample // FRAME) : end // FRAME]
        leaked += int((inside > usual - LEAK_DB).sum())
        loud += int(np.any(sound[window.from_sample : end]))
        looked_at += len(inside)
    yield figure(
        f"leaked frames over {MASKS} masks, network and jitter buffer",
        [float(leaked + loud)],
        "frames",
        goal="0",
        met=lambda value: value == 0 and usual > -30 and looked_at > 0,
        note=f"{len(ended.recording.windows)} windows (the guard time joins some), {looked_at} frames",
    )


def _restarts(folder: Path, pbx: Pbx) -> Iterator[Figure]:
    accounts = {
        "UDP": pbx.account("1003", expires_s=10),
        "TCP": pbx.account("1004", transport="tcp", expires_s=10),
        "TLS": pbx.account("1006", transport="tls", expires_s=10),
    }
    took: dict[str, list[float]] = {name: [] for name in accounts}
    seat = Seat(folder / "seat")
    try:
        for account in accounts.values():
            seat.ask(Register(account=account))
            seat.registration(account.key, "registered")
        for _ in range(RESTARTS):
            seat.forget()
            pbx.down()
            for account in accounts.values():
                seat.registration(account.key, "failed", timeout_s=30)
            seat.forget()
            pbx.up()
            begun = time.monotonic()
            for name, account in accounts.items():
                seat.registration(account.key, "registered", timeout_s=70)
                took[name].append(time.monotonic() - begun)
    finally:
        seat.quit()
    for name, values in took.items():
        yield figure(
            f"registered again after a restart of the PBX, {name}",
            values,
            "s",
            goal="<= 5 s after it answers",
            met=lambda value: value <= 5,
        )


def _many(folder: Path) -> Iterator[Figure]:
    """A thousand calls each way, sipp beside us; and three hundred strangers who never acknowledge."""
    for name, run in (("in", bulk.calls_in), ("out", bulk.calls_out)):
        seat = Seat(folder / name, "--no-record")
        try:
            seat.ask(Register(account=Account(key="direct", uri=f"sip:1001@{HOST}", allowed_peers=(HOST,))))
            run(seat, folder / f"warm-{name}", WARM)
            counted = run(seat, folder / f"sipp-{name}", CALLS)
            yield from _counted(name, counted)
            if name == "out":
                yield _flood(seat, folder / "flood")
        finally:
            seat.quit()


def _counted(name: str, counted: Counted) -> Iterator[Figure]:
    yield figure(
        f"calls of {CALLS} {name} that failed",
        [float(len(counted.failed))],
        "calls",
        goal="0",
        met=lambda value: value == 0 and counted.done == CALLS,
    )
    begun, end = counted.rss_mb[0], counted.rss_mb[-1]
    yield figure(
        f"memory of the phone gained over {CALLS} calls {name}",
        [end - begun],
        "MB",
        goal="<= 3",
        met=lambda value: value <= 3,
        note=f"{begun:.1f} to {end:.1f} MB after {WARM} calls to warm up",
    )


def _flood(seat: Seat, folder: Path) -> Figure:
    """A call of ours while strangers ring and never acknowledge their refusal."""
    stranger = "127.0.0.2"
    scene = (ask("INVITE"), '<pause milliseconds="4000"/>')
    options = {"i": stranger, "mi": stranger, "r": "150", "l": "300"}
    with Sipp(folder, *scene, to=f"{HOST}:{seat.port()}", calls=300, **options):
        talk(1.0)
        counted = bulk.calls_in(seat, folder / "real", 20)
    return figure(
        "calls of 20 that failed in a flood of strangers",
        [float(len(counted.failed))],
        "calls",
        goal="0",
        met=lambda value: value == 0 and counted.done == 20,
        note="300 INVITEs, none acknowledged",
    )
