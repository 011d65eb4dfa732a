"""What sound files prove of a masked stretch, joined with the events of the session.

The caller's marker stands for the digits: where it can be heard, the card could be heard. Our
file's windows are known by the sample; the PBX's file is laid beside ours by the onset of the
marker, which therefore must be switched on after the call was answered, and by the words around
each window.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from halodesk.crypto.keystore import load_key
from halodesk.crypto.recording_file import open_recording
from halodesk.crypto.recording_key import RecordingKey
from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.measure import (
    FRAME_S,
    LEAK_DB,
    Levels,
    Window,
    laid_beside,
    marker_levels,
    window,
    words,
)
from halodesk.engine import events as e
from halodesk.sip.phone.recorder import GUARD_S
from halodesk.store.record import Record
from tests.lab.pbx import Pbx

PBX_ON_ITS_WAY_S = 0.2
"""Sound that reached the PBX before its proof was spoken before it."""
TALK_S = 1.2
"""More than our recorder's guard time and the stretch that is measured beside a window."""
LEAST_GAP_S = 0.2
"""A shorter silence of the marker is a lost packet, not a mask."""


def newest(pbx: Pbx, before: set[Path]) -> Path:
    """The one recording the PBX has made since."""
    (found,) = set(recordings(pbx)) - before
    return found


def recordings(pbx: Pbx) -> set[Path]:
    """All recordings the PBX has made."""
    return set(pbx.recordings.glob("rec-*.wav"))


def talk() -> None:
    """Lets the two talk, so that there is sound to measure: it is made in real time."""
    time.sleep(TALK_S)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a sensitive page. Unix seconds; `held` is the first proof, `left` the end of the page."""

    wanted: float
    held: float
    left: float


def spans(record: Record) -> list[Span]:
    """The sensitive visits of a session, whatever happened in between."""
    found: list[Span] = []
    wanted = held = 0.0
    for stamp, event in zip(record.stamps, record.events, strict=True):
        if not isinstance(event, e.MaskChanged):
            continue
        if event.phase == "wanted":
            wanted, held = stamp.wall, 0.0
        elif event.phase == "held" and not held:
            held = stamp.wall
        elif event.phase == "releasing":
            found.append(Span(wanted=wanted, held=held or stamp.wall, left=stamp.wall))
    return found


def kept(record: Record) -> e.RecordingKept:
    """The last finished recording of a session."""
    return [event for event in record.events if isinstance(event, e.RecordingKept)][-1]


def ours(record: Record) -> list[Window]:
    """Each masked window of our own file, measured."""
    return measured(kept(record))


def sound(recording: e.RecordingKept) -> BinaryIO:
    """The sound of one file of ours, decrypted with the key of the seat it lies in."""
    path = Path(recording.path)
    assert path.read_bytes()[:6] == b"HDREC1", "the seat's recordings are encrypted"
    return open_recording(path, RecordingKey(load_key(path.parent.parent)[0]))


def measured(recording: e.RecordingKept) -> list[Window]:
    """Each masked window of one file of ours."""
    levels = marker_levels(sound(recording), 1, MARKER_HZ)
    return [
        window(levels, begin / recording.sample_rate, end / recording.sample_rate)
        for begin, end in recording.windows
    ]


def theirs(record: Record, pbx_file: Path) -> list[Window]:
    """The same stretches in the PBX's file, from the proof until the page was left."""
    recording = kept(record)
    mine = marker_levels(sound(recording), 1, MARKER_HZ)
    other = marker_levels(pbx_file, 0, MARKER_HZ)
    assert mine.onset_s >= 0, "our recording has no marker: nothing is proven"
    assert other.onset_s >= 0, "the PBX's recording has no marker: nothing is proven"
    windows = [
        (begin / recording.sample_rate, end / recording.sample_rate) for begin, end in recording.windows
    ]
    shifts = laid_beside(
        words(sound(recording), 1), words(pbx_file, 0), windows, other.onset_s - mine.onset_s
    )
    found = []
    for span, (begin, end), (before, after) in zip(spans(record), windows, shifts, strict=True):
        held = begin + span.held - span.wanted + before
        left = min(begin + span.left - span.wanted, end - GUARD_S) + after
        found.append(window(other, held + PBX_ON_ITS_WAY_S, left))
    return found


def gaps(levels: Levels) -> list[tuple[float, float]]:
    """Where the marker is silent between its first and its last sound, in seconds."""
    on = levels.db >= levels.usual - LEAK_DB
    sounding = np.flatnonzero(on)
    if not len(sounding):
        return []
    found, last = [], int(sounding[0])
    for frame in map(int, sounding):
        if (frame - last) * FRAME_S >= LEAST_GAP_S:
            found.append(((last + 1) * FRAME_S, frame * FRAME_S))
        last = frame
    return found
