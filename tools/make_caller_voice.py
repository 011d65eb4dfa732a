"""Makes resources/demo/caller.flac, the synthetic caller's words, with espeak-ng and soundfile.

Run by hand when the words change: `.venv/bin/python tools/make_caller_voice.py` (needs espeak-ng).
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
WORDS = (
    "Hello, good evening. I saw your advertisement for the Nap Enhancer, and I would like to place an order. "
    "My name is Jordan Miller. Let me think. Could you tell me a little more about it? "
    "All right, that sounds good to me. One bottle, please, and the journal as well. "
    "Just a second, I am getting my card. Are you ready? I am reading it to you now, digit by digit."
)
OUT = Path(__file__).resolve().parent.parent / "resources" / "demo" / "caller.flac"


def main() -> None:
    """Speak, resample to 16 kHz, write."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "words.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(spoken), WORDS], check=True)
        samples, rate = soundfile.read(spoken, dtype="float32")
    places = np.arange(0, len(samples), rate / RATE)
    soundfile.write(OUT, np.interp(places, np.arange(len(samples)), samples), RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
