"""The phone against baresip on the same machine and PBX; many calls and masks; a PBX that restarts."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import soundfile

from halodesk.protocol.phone_link import Account, Mask, Register, Unmask
from halodesk.sip.phone.recorder import GUARD_S
from tests.bench.measure import Figure, figure
from tests.lab import bulk
from tests.lab.baresip import RATE as BARESIP_RATE
from tests.lab.baresip import Baresip, modules
from tests.lab.bulk import Counted
from tests.lab.linphone import installed, linphone
from tests.lab.pbx import HOST, Pbx, start
from tests.lab.phones import FRAME, Seat, read_stereo, talk, tone_levels, write_tone
from tests.lab.sipp import Sipp, ask

SETUPS = 15
CPU_S = 20.0
CALLS = 1000
WARM = 200
MASKS = 1000
RESTARTS = 3
PHASES_S = (0.01, 0.06)
BETWEEN_S = 0.15
"""Of sound between two masks, or the next would only make the window before it longer."""
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
            linphones = _linphone(folder / "linphone", pbx)
            if linphones:
                yield figure("INVITE to answered media, linphonec", linphones, "ms")
            middle = float(np.median(theirs))
            yield figure("INVITE to answered media, baresip", theirs, "ms")
            yield figure(
                "INVITE to answered media, HaloDesk",
                mine,
                "ms",
                goal="not slower than baresip + 20 ms",
                met=lambda value: value <= middle + 20,
                note="each wish over its control connection to the word that it is connected"
                + ("" if linphones else "; linphonec (linphone-cli) is not installed: not compared"),
            )
            peer.forget()
            peer.do("dial", f"sip:601@{pbx.registrar}")
            peer.until("CALL_ESTABLISHED")
            yield from _cpu(folder / "kept", pbx, tone, ours, peer)
    finally:
        ours.quit()


def _linphone(folder: Path, pbx: Pbx) -> list[float]:
    """Milliseconds of each call of linphonec; none where it is not installed."""
    if not installed():
        return []
    with linphone(pbx, "1006", folder) as phone:
        return [phone.call("601") * 1e3 for _ in range(SETUPS)]


def _cpu(folder: Path, pbx: Pbx, tone: str, bare: Seat, peer: Baresip) -> Iterator[Figure]:
    """A call of each at the same time, so that all three have the same machine."""
    kept = Seat(folder, "--microphone", tone)
    try:
        kept.register(pbx, "1005")
        for seat, account in ((bare, "1003"), (kept, "1005")):
            seat.dial("601", key="cpu", account=account)
            seat.call("active", "cpu")
        talk(1.0)
        phones = [psutil.Process(pid) for pid in (peer.process.pid, bare.client.pid, kept.client.pid)]
        for process in phones:
            process.cpu_percent()
        talk(CPU_S)
        theirs, mine, recorded = (process.cpu_percent() for process in phones)
        for seat in (bare, kept):
            seat.hang_up("cpu")
    finally:
        kept.quit()
    yield figure("CPU of one call, baresip", [theirs], "% of a core", note="PCMU, kept to files")
    for name, share in (("unrecorded", mine), ("recorded", recorded)):
        yield figure(
            f"CPU of one call, HaloDesk {name}",
            [share],
            "% of a core",
            note=f"{share / max(theirs, 0.01):.1f} times baresip: its bridge port is Python",
        )


def _masks(folder: Path, pbx: Pbx) -> Iterator[Figure]:
    """The tone comes over network and jitter buffer; each masked frame of each file is looked at."""
    users = ("1003", "1004", "1005", "1006")
    with ThreadPoolExecutor(len(users)) as workers:
        jobs = [workers.submit(_masked_call, folder / user, pbx, user, MASKS // len(users)) for user in users]
        found = [job.result() for job in jobs]
    leaked, windows = sum(one.leaked for one in found), sum(one.windows for one in found)
    yield figure(
        f"leaked frames over {MASKS} masks, network and jitter buffer",
        [float(leaked)],
        "frames",
        goal="0",
        met=lambda value: value == 0 and windows > 0 and all(one.usual_db > -30 for one in found),
        note=f"{windows} windows (a busy machine joins some), {sum(one.frames for one in found)} frames, "
        "four calls at a time",
    )


@dataclass(frozen=True)
class _Masked:
    """What one call's file shows."""

    leaked: int
    windows: int
    frames: int
    usual_db: float


def _masked_call(folder: Path, pbx: Pbx, user: str, masks: int) -> _Masked:
    seat, chance = Seat(folder), random.Random(user)
    try:
        seat.register(pbx, user)
        seat.dial("601", key="masks", account=user)
        seat.call("active", "masks")
        talk(1.0)
        for _ in range(masks):
            seat.ask(Mask(lease="bench"))
            talk(chance.uniform(*PHASES_S))
            seat.ask(Unmask(lease="bench"))
            talk(GUARD_S + BETWEEN_S + chance.uniform(*PHASES_S))
        talk(1.0)
        ended = seat.hang_up("masks")
    finally:
        seat.quit()
    if ended.recording is None:
        raise RuntimeError("the call was not recorded")
    sound = read_stereo(ended)
    levels = tone_levels(sound[:, 1], 1004.0)
    masked = np.zeros(len(levels), dtype=bool)
    wet = 0
    for window in ended.recording.windows:
        end = window.to_sample if window.to_sample is not None else ended.recording.samples
        masked[-(-window.from_sample // FRAME) : end // FRAME] = True
        wet += int(np.any(sound[window.from_sample : end]))  # silence means zeros
    usual = float(np.median(levels[~masked]))
    leaked = int((levels[masked] > usual - LEAK_DB).sum()) + wet
    looked_at = int(masked.sum())
    return _Masked(leaked, len(ended.recording.windows), looked_at, usual)


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
