"""A sound card that is none: a PulseAudio of the test's own, with null sinks for devices.

What is played into the sink `mouth` comes out of the microphone `headset_mic`; what goes into the
speaker `headset` can be recorded from its monitor. Devices are plugged in and pulled out by loading
and unloading a module. The daemon belongs to this run: own folder, own socket, ended by its id.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.lab.phones import RATE, Sound, write_tone

START_S = 15.0
_DAEMON = ("pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n")
_RAW = ("--raw", "--format=s16le", f"--rate={RATE}", "--channels=1")


class SoundCard:
    """The daemon and what is plugged in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = f"unix:{folder / 'native'}"
        self._modules: dict[str, str] = {}
        self.start_daemon()

    def start_daemon(self) -> None:
        """Starts the server, with nothing but the mouth plugged in."""
        folder = self.folder
        self._modules.clear()
        script = folder / "start.pa"
        script.write_text(
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={folder / 'native'}\n"
        )
        said = folder / "log"
        with said.open("wb") as log:
            self._daemon = subprocess.Popen(
                [*_DAEMON, "-F", str(script)], env=self._environment(), stdout=subprocess.DEVNULL, stderr=log
            )
        until = time.monotonic() + START_S
        while self._pactl("info", check=False).returncode:
            if time.monotonic() > until or self._daemon.poll() is not None:
                self.close()
                pytest.fail(f"PulseAudio does not start: {said.read_text()[-500:]}", pytrace=False)
            threading.Event().wait(0.05)
        self._load("mouth", "module-null-sink", "sink_name=mouth", "rate=48000")

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        return {**os.environ, "PULSE_SERVER": self.server, "XDG_RUNTIME_DIR": home, "HOME": home}

    def _pactl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["pactl", *words],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        if check and done.returncode:
            raise AssertionError(f"pactl {' '.join(words)}: {done.stderr.strip()}")
        return done

    def _load(self, name: str, module: str, *arguments: str) -> None:
        self._modules[name] = self._pactl("load-module", module, *arguments).stdout.strip()

    def plug_speaker(self, name: str, words: str, *, rate: int = 48_000) -> None:
        """A speaker or the ear of a headset."""
        described = f"sink_properties='device.description=\"{words}\"'"
        self._load(name, "module-null-sink", f"sink_name={name}", f"rate={rate}", described)

    def plug_microphone(self, name: str, words: str) -> None:
        """A microphone that hears the mouth."""
        described = f"source_properties='device.description=\"{words}\"'"
        self._load(
            name, "module-remap-source", f"source_name={name}", "master=mouth.monitor", "remix=no", described
        )

    def plug_both(self, name: str, *speakers: str) -> None:
        """A speaker that is several, in step."""
        self._load(
            name, "module-combine-sink", f"sink_name={name}", f"slaves={','.join(speakers)}", "adjust_time=1"
        )

    @contextlib.contextmanager
    def playing(self, speaker: str, path: Path) -> Iterator[None]:
        """A sound file through a speaker, as long as the context lasts."""
        with self._program("paplay", f"--device={speaker}", "--latency-msec=40", str(path)):
            yield

    def unplug(self, name: str) -> None:
        """Pulls it out."""
        self._pactl("unload-module", self._modules.pop(name))

    def plugged(self, name: str) -> bool:
        """Whether it is there."""
        return name in self._modules

    def prefer(self, *, speaker: str = "", microphone: str = "") -> None:
        """The system's own choice."""
        if speaker:
            self._pactl("set-default-sink", speaker)
        if microphone:
            self._pactl("set-default-source", microphone)

    @contextlib.contextmanager
    def speaking(self, hertz: float) -> Iterator[None]:
        """A tone in the mouth, as long as the context lasts."""
        once = write_tone(self.folder / "once.wav", hertz)
        raw = self.folder / f"{hertz:.0f}.raw"
        samples = once.read_bytes()[44:]
        raw.write_bytes(samples * 150)
        with self._program("pacat", "--playback", "--device=mouth", "--latency-msec=40", *_RAW, str(raw)):
            yield

    @contextlib.contextmanager
    def listening(self, speaker: str) -> Iterator[Path]:
        """What a speaker plays, in the file that is given, as long as the context lasts."""
        path = self.folder / f"heard-{speaker}.raw"
        path.unlink(missing_ok=True)
        with self._program("parec", f"--device={speaker}.monitor", "--latency-msec=20", *_RAW, str(path)):
            yield path

    @contextlib.contextmanager
    def _program(self, *words: str) -> Iterator[None]:
        with subprocess.Popen([*words], env=self._environment()) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)

    def stop_daemon(self) -> None:
        """The server ends, and its devices with it."""
        self._daemon.terminate()
        self._daemon.wait(10)

    def close(self) -> None:
        """Ends what is running."""
        if self._daemon.poll() is None:
            self.stop_daemon()


def read_raw(path: Path) -> Sound:
    """What was heard."""
    return np.fromfile(path, dtype="<i2").astype(np.float64) / 32_768


@pytest.fixture(scope="session")
def pulse() -> Iterator[SoundCard]:
    """The daemon of this worker."""
    folder = Path(tempfile.mkdtemp(prefix="halodesk-sound-"))
    if shutil.which("pulseaudio") is None or shutil.which("pactl") is None:
        pytest.fail("PulseAudio is missing: run make setup.", pytrace=False)
    card = SoundCard(folder)
    try:
        yield card
    finally:
        card.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def card(pulse: SoundCard, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    """A headset and a built-in pair; the headset is the system's choice. Phones started here see them."""
    monkeypatch.setenv("PULSE_SERVER", pulse.server)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(pulse.folder))
    pulse.plug_speaker("headset", "Headset")
    pulse.plug_microphone("headset_mic", "Headset microphone")
    pulse.plug_speaker("builtin", "Built-in speaker")
    pulse.plug_microphone("builtin_mic", "Built-in microphone")
    pulse.prefer(speaker="headset", microphone="headset_mic")
    yield pulse
    for name in ("headset_mic", "builtin_mic", "headset", "builtin"):
        if pulse.plugged(name):
            pulse.unplug(name)
