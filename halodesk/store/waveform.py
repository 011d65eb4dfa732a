"""The outline of a recording, for drawing: the loudest sample of each slice of both sides."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from halodesk.engine.errors import SessionFileError
from halodesk.runtime.recordings import OpenRecording, open_plain
from halodesk.runtime.review import Waveform

SLICES = 1200
_CHUNK_S = 60


def outline(path: Path, sha256: str, open_recording: OpenRecording = open_plain) -> Waveform:
    """Reads the file; raises `SessionFileError` when it is away, unreadable or another one."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 and found != sha256:
            raise SessionFileError(
                "The recording is not the one that was kept: its content was changed.",
                "Do not use it as evidence.",
            )
        with open_recording(path) as sound:
            return _peaks(sound)
    except OSError as error:
        raise SessionFileError(
            f"The recording cannot be read: {error.strerror or type(error).__name__}.",
            "It may have been moved.",
        ) from None
    except soundfile.SoundFileError:
        raise SessionFileError("The recording cannot be decoded.", "The file is damaged.") from None


def _peaks(file: BinaryIO) -> Waveform:
    peaks = np.zeros((SLICES, 2))
    with soundfile.SoundFile(file) as sound:
        at, frames = 0, max(sound.frames, 1)
        for block in sound.blocks(_CHUNK_S * sound.samplerate, dtype="float32", always_2d=True):
            slices = (np.arange(at, at + len(block)) * SLICES // frames).clip(0, SLICES - 1)
            np.maximum.at(peaks, (slices, 0), np.abs(block[:, 0]))
            np.maximum.at(peaks, (slices, 1), np.abs(block[:, -1]))
            at += len(block)
    left, right = (tuple(round(float(peak), 3) for peak in peaks[:, side].clip(0, 1)) for side in (0, 1))
    return Waveform(agent=left, caller=right)
