"""The synthetic caller: a phone process of its own that speaks, and sounds a marker tone.

What it sends is speech, band-limited to leave the marker's frequency free, and from the word
"marker" on its standard input the marker on top, without a break until the end of the call.
While the agent types a card the marker stands for the digits that are read out: where it can
be heard in a recording, the card could be heard.

`python -m halodesk.demo.caller --data DIR`; the demo attaches to it as to any phone.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from halodesk.runtime.paths import resources_dir
from halodesk.sip.phone.main import run

RATE = 16_000
MARKER_HZ = 2_900
"""A multiple of 50 Hz, so that a 20 ms frame holds whole periods; telephone band, above the speech."""
MARKER_LEVEL = 0.1
SPEECH_LEVEL = 0.25
SPEECH_TOP_HZ = 2_000


def speech() -> np.ndarray:
    """The caller's words, mono float, 16 kHz, nothing above `SPEECH_TOP_HZ`."""
    samples, rate = soundfile.read(resources_dir() / "demo" / "caller.flac", dtype="float32")
    if rate != RATE:
        raise ValueError(f"caller.flac has {rate} Hz, expected {RATE}")
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) > SPEECH_TOP_HZ] = 0
    filtered = np.fft.irfft(spectrum, len(samples))
    return np.asarray(filtered / max(1e-9, float(np.abs(filtered).max())) * SPEECH_LEVEL, dtype=np.float32)


class CallerVoice:
    """16-bit mono frames at 16 kHz: speech in a loop, and the marker once it is on."""

    def __init__(self, words: np.ndarray, marker: threading.Event) -> None:
        self._words = words
        self._marker = marker
        self._at = 0
        self._tone_at = 0

    def read(self, samples: int) -> bytes:
        """The next `samples` of the caller's voice."""
        index = np.arange(self._at, self._at + samples) % len(self._words)
        frame = self._words[index].copy()
        self._at += samples
        if self._marker.is_set():
            time = np.arange(self._tone_at, self._tone_at + samples) / RATE
            frame += (MARKER_LEVEL * np.sin(2 * np.pi * MARKER_HZ * time)).astype(np.float32)
            self._tone_at += samples
        data: bytes = (np.clip(frame, -1, 1) * 32767).astype("<i2").tobytes()
        return data


def main() -> int:
    """Run the caller until its input ends or it is asked to quit."""
    parser = argparse.ArgumentParser(prog="halodesk.demo.caller", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bind", default="127.0.0.1")
    options = parser.parse_args()
    marker, words = threading.Event(), speech()
    listener = threading.Thread(target=_listen, args=(marker.set,), daemon=True)
    listener.start()
    return run(
        options.data,
        orphan_after_s=20.0,
        bind=options.bind,
        record=False,
        source=lambda: CallerVoice(words, marker),
    )


def _listen(switch_on: Callable[[], None]) -> None:
    for line in sys.stdin:
        if line.strip() == "marker":
            switch_on()


if __name__ == "__main__":
    sys.exit(main())
