"""What the headless demo leaves behind: record, replay, recording, and the measured report.

Every figure is read back from what was stored: the session's events, the gateway's own ledger,
the sound files. Nothing of the driver's own knowledge is used.

Where a secret may have sounded: from the moment the mask was confirmed (digits could be typed)
until the page was left. In our file that stretch is known by the sample. The PBX's file is laid
beside ours by the onset of the caller's marker and the words around each window; the first 0.2 s of
each stretch are left out there, because sound that reached the PBX before its proof was spoken
before it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.central import ServerPart
from halodesk.demo.lab import Lab
from halodesk.demo.measure import Levels, Window, laid_beside, marker_levels, window, words
from halodesk.engine import events as e
from halodesk.engine.errors import DemoError
from halodesk.sip.phone.recorder import GUARD_S
from halodesk.store.export import write_sound
from halodesk.store.record import Record, json_lines, read
from halodesk.store.replay_page import render
from halodesk.store.seat_store import SeatStore

PBX_ON_ITS_WAY_S = 0.2
CALLER_CHANNEL = 1
LEAST_FRAMES = 25
"""A shorter stretch proves nothing: half a second of 20 ms frames."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    setup_ms: float | None
    codec: str
    duration_s: float


class SessionPart(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    flow: str
    version: int
    events: int
    steps_visited: list[str]
    disposition: str


class ChargePart(msgspec.Struct, frozen=True, kw_only=True):
    attempts: int
    outcomes: list[str]


class MaskWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of the recording's timeline; `page_open_s` is how long the page was shown."""

    from_s: float
    to_s: float
    confirmed_by: list[str]
    page_open_s: float
    silent_s: float
    marker_before_db: float
    marker_after_db: float
    marker_in_window_db: float


class MaskPart(msgspec.Struct, frozen=True, kw_only=True):
    windows: list[MaskWindow]
    leaked_frames: int
    marker_before_db: float
    marker_after_db: float
    marker_in_window_db: float


class PbxRecording(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    leaked_frames: int
    windows: list[MaskWindow]


class RecordingPart(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    duration_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`report.json`."""

    ok: bool
    problems: list[str]
    pbx: str
    call: Call
    session: SessionPart
    charge: ChargePart
    mask: MaskPart
    pbx_recording: PbxRecording | None
    recording: RecordingPart
    server: ServerPart
    screenshots: list[str]


class _Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a sensitive page. `from_s`, `to_s`: masked in our file; the others: when
    digits could be typed, in the same timeline."""

    from_s: float
    to_s: float
    held_s: float
    left_s: float
    page_open_s: float
    confirmed_by: list[str]


def write_report(
    out: Path,
    seat_folder: Path,
    *,
    call: Call,
    pbx: Lab | None,
    pbx_name: str,
    pictures: Sequence[str],
    server: Callable[[Record], ServerPart],
) -> Report:
    """Write `session.jsonl`, `replay.html`, `recording.flac` and `report.json` into `out`."""
    store = SeatStore(seat_folder)
    try:
        record = read(store.sessions, store.sessions.rows(limit=1)[0].id)
        (out / "session.jsonl").write_text(json_lines(record.rows), encoding="utf-8")
        kept = next((event for event in record.events if isinstance(event, e.RecordingKept)), None)
        if kept is None:
            raise DemoError("The session has no recording.", "See the logs in the demo folder.")
        sound = write_sound(store, Path(kept.path), out / "recording.flac")
    finally:
        store.close()
    (out / "replay.html").write_text(render(record, audio=sound.name), encoding="utf-8")
    stretches = _stretches(record, kept)
    ours = marker_levels(sound, CALLER_CHANNEL, MARKER_HZ)
    windows = [_measured(ours, s, s.from_s, s.to_s) for s in stretches]
    theirs = _pbx_part(out, pbx, sound, ours, stretches)
    problems = _problems("our recording", windows) + (
        _problems("the PBX's recording", theirs) if theirs else []
    )
    there = server(record)
    problems += _server_problems(there, len(record.events))
    charges = [
        event for event in record.events if isinstance(event, e.EffectResolved) and ".charge." in event.id
    ]
    outcomes = ["approved" if event.outcome == "ok" else event.outcome for event in charges]
    report = Report(
        ok=not problems,
        problems=problems,
        pbx=pbx_name,
        call=call,
        session=SessionPart(
            id=record.row.id,
            flow=record.row.flow,
            version=record.row.version,
            events=len(record.events),
            steps_visited=[event.step for event in record.events if isinstance(event, e.StepEntered)],
            disposition=record.row.disposition,
        ),
        charge=ChargePart(attempts=len(outcomes), outcomes=outcomes),
        mask=MaskPart(
            windows=[found for found, _ in windows],
            leaked_frames=sum(measured.leaked_frames for _, measured in windows),
            marker_before_db=min(found.marker_before_db for found, _ in windows),
            marker_after_db=min(found.marker_after_db for found, _ in windows),
            marker_in_window_db=max(found.marker_in_window_db for found, _ in windows),
        ),
        pbx_recording=PbxRecording(
            path="pbx-recording.wav",
            leaked_frames=sum(measured.leaked_frames for _, measured in theirs),
            windows=[w for w, _ in theirs],
        )
        if theirs
        else None,
        recording=RecordingPart(path=sound.name, duration_s=round(kept.samples / kept.sample_rate, 3)),
        server=there,
        screenshots=[str(Path(picture).relative_to(out)) for picture in pictures],
    )
    (out / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return report


def _stretches(record: Record, kept: e.RecordingKept) -> list[_Stretch]:
    """Joins each masked window of the file with the page that asked for it.

    Digits could be typed from the first proof on, whatever was lost and proved again after it.
    """
    found: list[_Stretch] = []
    entered = wanted = held = 0.0
    confirmed: list[str] = []
    visits = list(zip(record.stamps, record.events, strict=True))
    for stamp, event in visits:
        if isinstance(event, e.StepEntered):
            entered = stamp.wall
        elif isinstance(event, e.MaskChanged) and event.phase == "wanted":
            wanted, confirmed = stamp.wall, []
        elif isinstance(event, e.MaskChanged) and event.phase == "held" and not confirmed:
            held, confirmed = stamp.wall, list(event.confirmed_by)
        elif (
            isinstance(event, e.MaskChanged) and event.phase == "releasing" and len(found) < len(kept.windows)
        ):
            begin, end = (sample / kept.sample_rate for sample in kept.windows[len(found)])
            found.append(
                _Stretch(
                    from_s=begin,
                    to_s=end,
                    held_s=begin + (held if confirmed else stamp.wall) - wanted,
                    left_s=min(begin + stamp.wall - wanted, end - GUARD_S),
                    page_open_s=stamp.wall - entered,
                    confirmed_by=confirmed,
                )
            )
    if len(found) != len(kept.windows) or not found:
        raise DemoError(f"{len(kept.windows)} masked windows in the file, {len(found)} in the record.")
    return found


def _measured(levels: Levels, stretch: _Stretch, from_s: float, to_s: float) -> tuple[MaskWindow, Window]:
    measured = window(levels, from_s, to_s)
    return (
        MaskWindow(
            from_s=round(from_s, 3),
            to_s=round(to_s, 3),
            confirmed_by=stretch.confirmed_by,
            page_open_s=round(stretch.page_open_s, 3),
            silent_s=round(measured.silent_s, 3),
            marker_before_db=round(measured.before_db, 1),
            marker_after_db=round(measured.after_db, 1),
            marker_in_window_db=round(measured.inside_db, 1),
        ),
        measured,
    )


def _pbx_part(
    out: Path, pbx: Lab | None, our_sound: Path, ours: Levels, stretches: Sequence[_Stretch]
) -> list[tuple[MaskWindow, Window]]:
    if pbx is None:
        return []
    recordings = pbx.recordings()
    if not recordings:
        raise DemoError("The PBX has made no recording.", "See the logs of the PBX in the demo folder.")
    sound = out / "pbx-recording.wav"
    shutil.copyfile(recordings[-1], sound)
    theirs = marker_levels(sound, 0, MARKER_HZ)
    if min(ours.onset_s, theirs.onset_s) < 0:
        raise DemoError("The caller's marker is not in both recordings: nothing can be measured.")
    shifts = laid_beside(
        words(our_sound, CALLER_CHANNEL),
        words(sound, 0),
        [(s.from_s, s.to_s) for s in stretches],
        theirs.onset_s - ours.onset_s,
    )
    return [
        _measured(theirs, s, s.held_s + PBX_ON_ITS_WAY_S + before, s.left_s + after)
        for s, (before, after) in zip(stretches, shifts, strict=True)
    ]


def _server_problems(there: ServerPart, events: int) -> list[str]:
    problems = []
    if not there.head_equal:
        problems.append(f"server: it holds {there.events} of {events} events, or others than the seat's.")
    if there.second_seat_version != there.version:
        problems.append(f"server: the second seat has version {there.second_seat_version}.")
    return problems


def _problems(where: str, windows: Sequence[tuple[MaskWindow, Window]]) -> list[str]:
    problems = []
    for number, (found, measured) in enumerate(windows, start=1):
        if measured.frames < LEAST_FRAMES:
            problems.append(
                f"{where}: window {number} has {measured.frames} frames, too few to prove anything."
            )
        if not found.confirmed_by:
            problems.append(f"{where}: window {number} was confirmed by nobody.")
        if measured.leaked_frames:
            problems.append(f"{where}: {measured.leaked_frames} frames leaked in window {number}.")
        if not measured.present_around:
            problems.append(f"{where}: the marker is not heard on both sides of window {number}.")
        if found.silent_s > found.page_open_s + 1:
            problems.append(f"{where}: window {number} is longer than its page was open plus one second.")
    return problems
