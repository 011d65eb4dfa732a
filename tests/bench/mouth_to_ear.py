"""From mouth to ear: how long a word takes from one phone over the PBX to another, beside baresip.

A chirp goes into the microphone and, in step with it, into the ear (PulseAudio's combined sink); the PBX
sends back what it hears. What is recorded at the ear so has the chirp itself and what came by telephone:
the time between them is what microphone, both coders, network, PBX and speaker take.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from halodesk.demo.lab import SECRET, Lab
from halodesk.protocol.phone_link import Account, ReadSoundFigures, Register, SoundFigures
from halodesk.protocol.phone_state import StreamFigures
from tests.bench.measure import Figure, figure
from tests.lab.phones import RATE, Seat, talk
from tests.lab.sound_card import SoundCard, read_raw

HOST = "127.0.0.1"
CHIRP_S = 0.04
CALL_S = 16.0
PAIRS = 3
"""By turns with baresip: other work on the machine then meets both."""
SETTLE_S = 6.0
EARLIEST_S, LATEST_S = 0.05, 0.5
HEARD = 0.04
"""Share of the loudest likeness from which it is a chirp."""
MOST_MS = 150.0
MORE_THAN_BARESIP_MS = 60.0
_CONFIG = """poll_method epoll
sip_listen {host}:{sip}
audio_source alsa,default
audio_player alsa,default
audio_alert alsa,default
ausrc_srate 16000
auplay_srate 16000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
module_path {modules}
module g711.so
module alsa.so
module_tmp account.so
module_app menu.so
"""


def figures() -> Iterator[Figure]:
    """One call of each phone."""
    with tempfile.TemporaryDirectory(prefix="halodesk-ear-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        try:
            with sound_card(folder) as card:
                ours: list[float] = []
                theirs: list[float] = []
                rings: list[StreamFigures] = []
                for turn in range(PAIRS):
                    mine = folder / str(turn)
                    mine.mkdir()
                    delays, figures_of_it = _ours(mine, lab, card)
                    ours += delays
                    rings += [figures_of_it.microphone, figures_of_it.speaker]
                    theirs += _baresip(mine, lab, card)
        finally:
            lab.stop()
    goal, met = f"<= {MOST_MS:.0f}", lambda value: value <= MOST_MS
    if theirs:
        limit = min(MOST_MS, float(np.median(theirs)) + MORE_THAN_BARESIP_MS)
        goal, met = f"<= {limit:.0f}", lambda value: value <= limit
        yield figure("mouth to ear, baresip through ALSA", theirs, "ms")
    note = "" if theirs else "baresip or ALSA's way to PulseAudio is not installed: nothing to compare with"
    yield figure("mouth to ear, HaloDesk", ours, "ms", goal=goal, met=met, note=note)
    for side, found in (("microphone", rings[::2]), ("speaker", rings[1::2])):
        breaks = sum(one.under_runs for one in found)
        held = [one.level_ms for one in found]
        yield figure(f"of it in the ring of the {side}", held, "ms", note=f"{breaks} under-runs")


@contextmanager
def sound_card(folder: Path) -> Iterator[SoundCard]:
    """A headset for the phones that are started meanwhile."""
    home = folder / "sound"
    home.mkdir(mode=0o700)
    card = SoundCard(home)
    before = {name: os.environ.get(name) for name in ("PULSE_SERVER", "QT_AUDIO_BACKEND")}
    os.environ |= {"PULSE_SERVER": card.server, "QT_AUDIO_BACKEND": "pulseaudio"}
    try:
        card.plug_speaker("headset", "Headset")
        card.plug_microphone("headset_mic", "Headset microphone")
        card.prefer(speaker="headset", microphone="headset_mic")
        card.plug_both("both", "mouth", "headset")
        yield card
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        card.close()


def _ours(folder: Path, lab: Lab, card: SoundCard) -> tuple[list[float], SoundFigures]:
    seat = Seat(folder / "seat", "--sound", "auto")
    try:
        address = f"{HOST}:{lab.sip_port}"
        account = Account(
            key="a", uri=f"sip:1003@{address}", registrar=address, username="1003", password=SECRET
        )
        seat.ask(Register(account=account))
        seat.registration("a", "registered")
        seat.dial("600", key="echo", account="a")
        seat.call("active", "echo")
        seat.sound("open devices", lambda state: state.microphone.open and state.speaker.open)
        found = _delays(folder, card)
        counted = seat.ask(ReadSoundFigures())
        if not isinstance(counted, SoundFigures):
            raise RuntimeError("the phone does not tell its figures")
        seat.hang_up("echo")
    finally:
        seat.quit()
    return found, counted


def _baresip(folder: Path, lab: Lab, card: SoundCard) -> list[float]:
    program, modules = shutil.which("baresip"), next(Path("/usr/lib").glob("**/baresip/modules"), None)
    plugin = next(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so"), None)
    if program is None or modules is None or plugin is None:
        return []
    home = folder / "baresip"
    home.mkdir()
    port = lab.sip_port
    config = _CONFIG.format(host=HOST, sip=_free_port(), rtp=41_000, rtp_end=41_040, modules=modules)
    (home / "config").write_text(config)
    (home / "accounts").write_text(
        f"<sip:1004@{HOST}:{port}>;auth_user=1004;auth_pass={SECRET};audio_codecs=PCMA\n"
    )
    (home / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
    argv = [program, "-f", str(home), "-e", f"/dial sip:600@{HOST}:{port}"]
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(card.folder)}
    with (home / "out").open("wb") as out:
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 20
        while b"Call established" not in (home / "out").read_bytes():
            if time.monotonic() > end:
                raise RuntimeError("baresip has no call: " + (home / "out").read_text()[-300:])
            threading.Event().wait(0.1)
        return _delays(folder, card)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _delays(folder: Path, card: SoundCard) -> list[float]:
    """Milliseconds of each chirp."""
    path = folder / "chirps.wav"
    at = np.arange(round(CHIRP_S * RATE)) / RATE
    chirp = np.sin(2 * np.pi * (500 + 30_000 * at) * at) * np.hanning(len(at)) * 0.7
    second = np.zeros(RATE)
    second[: len(chirp)] = chirp
    soundfile.write(path, np.tile(second, round(CALL_S)), RATE, subtype="PCM_16")
    with card.listening("headset") as heard, card.playing("both", path):
        talk(CALL_S)
    sound = read_raw(heard)[round(SETTLE_S * RATE) :]
    alike = np.abs(np.correlate(sound, chirp, "valid"))
    alike = np.convolve(alike, np.ones(9) / 9, "same")
    peaks = [0]
    while (rest := alike[peaks[-1] + round(EARLIEST_S * RATE) :]).size:
        found = np.flatnonzero(rest > HEARD * alike.max())
        if not len(found):
            break
        first = peaks[-1] + round(EARLIEST_S * RATE) + int(found[0])
        peaks.append(first + int(np.argmax(alike[first : first + round(EARLIEST_S * RATE / 2)])))
    between = np.diff(peaks[1:]) / RATE
    delays = [1000 * float(gap) for gap in between if gap < LATEST_S]
    if len(delays) < CALL_S / 4:
        raise RuntimeError(f"only {len(delays)} chirps came back")
    return delays
