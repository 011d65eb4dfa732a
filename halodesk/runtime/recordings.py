"""A finished recording on its way into the session it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import soundfile
import structlog

from halodesk.engine import commands as c
from halodesk.engine.errors import SessionFileError
from halodesk.protocol.phone_link import MaskWindow, Recording
from halodesk.runtime.session import LiveSession

_log = structlog.get_logger("recordings")

OpenRecording = Callable[[Path], BinaryIO]
"""The sound file of a recording, decrypted where it is encrypted. Raises `OSError`, `SessionFileError`."""


def open_plain(path: Path) -> BinaryIO:
    """For files that are sound files themselves."""
    return path.open("rb")


def keep(owner: LiveSession, recording: Recording, digest: str) -> None:
    """Tells the session; main thread."""
    owner.do(
        c.KeepRecording(
            path=recording.path,
            sha256=digest,
            sample_rate=recording.sample_rate,
            samples=recording.samples,
            windows=tuple(
                (w.from_sample, w.to_sample if w.to_sample is not None else recording.samples)
                for w in recording.windows
            ),
            lost_frames=recording.lost_frames,
        )
    )


def measured(recording: Recording, open_recording: OpenRecording = open_plain) -> Recording:
    """The recording as a phone that died left it: its file ends where it ends, and so do its windows.

    Reads the file. One that cannot be read has no samples.
    """
    try:
        with open_recording(Path(recording.path)) as file, soundfile.SoundFile(file) as sound:
            samples = sound.frames
    except (OSError, soundfile.SoundFileError, SessionFileError) as error:
        _log.error("recording_torn", error=type(error).__name__)
        samples = 0
    windows = tuple(
        MaskWindow(
            from_sample=window.from_sample,
            to_sample=samples if window.to_sample is None else min(window.to_sample, samples),
            leases=window.leases,
        )
        for window in recording.windows
        if window.from_sample < samples
    )
    return Recording(
        path=recording.path,
        sample_rate=recording.sample_rate,
        samples=samples,
        windows=windows,
        lost_frames=recording.lost_frames,
    )


def digest_of(path: str) -> str:
    """SHA-256 (hex) of a file; empty when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
