"""The demo's report from a made-up seat: it must find what is wrong with the files, and say it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.central import ServerPart
from halodesk.demo.lab import Lab
from halodesk.demo.report import Call, Report, write_report
from halodesk.engine import events as e
from halodesk.engine.cart import Cart
from halodesk.engine.errors import DemoError
from halodesk.engine.flow import content_hash, load
from halodesk.runtime.log import SessionLog
from halodesk.runtime.paths import resources_dir
from halodesk.store.seat_store import SeatStore

RATE, PBX_RATE = 16_000, 8_000
BOTH = ("HaloDesk recorder", "PBX (AMI 127.0.0.1)")
PBX_IS_LATER_S = 0.7
"""The PBX's file begins that much earlier than ours."""


class Clock:
    """Time as the test tells it."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall(self) -> float:
        """Seconds since the call began."""
        return self.now

    def mono(self) -> float:
        """The same."""
        return self.now


class PbxFiles:
    """The one thing the report asks of the lab."""

    def __init__(self, *files: Path) -> None:
        self._files = list(files)

    def recordings(self) -> list[Path]:
        """Oldest first."""
        return self._files


class Made:
    """A seat folder with one session: a payment page from 3 s to 6 s, recordings beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holes: list[tuple[float, float]] = [(3.0, 6.5)]
        self.server = ServerPart(
            events=5, head_equal=True, seats=2, version=3, second_seat_version=3, arrived_ms=80.0
        )
        self.pbx_holes: list[tuple[float, float]] = [(3.01, 6.02)]
        self.phases: list[tuple[float, str]] = [
            (3.0, "wanted"),
            (3.01, "held"),
            (6.0, "releasing"),
            (6.05, "none"),
        ]
        self.leaks: list[float] = []
        self.pbx_leaks: list[float] = []
        self.level = 0.1

    def report(self, *, pbx: bool = True, files: bool = True) -> Report:
        """Write it all, and the report of it."""
        seat, out = self.folder / "seat", self.folder / "out"
        out.mkdir()
        caller = self._sound(RATE, self.holes, self.leaks)
        recording = self.folder / "call.flac"
        soundfile.write(recording, np.stack([np.zeros_like(caller), caller], axis=1), RATE)
        theirs = self.folder / "pbx.wav"
        earlier = np.zeros(round(PBX_IS_LATER_S * PBX_RATE))
        soundfile.write(
            theirs, np.concatenate([earlier, self._sound(PBX_RATE, self.pbx_holes, self.pbx_leaks)]), PBX_RATE
        )
        self._store(seat, recording, len(caller))
        lab = cast(Lab, PbxFiles(theirs) if files else PbxFiles())
        return write_report(
            out,
            seat,
            call=Call(setup_ms=70.0, codec="PCMU/8000", duration_s=9.0),
            pbx=lab if pbx else None,
            pbx_name="Asterisk 22" if pbx else "direct",
            pictures=[str(out / "screenshots" / "01-start.png")],
            server=lambda record: self.server,
        )

    def _sound(self, rate: int, holes: Sequence[tuple[float, float]], leaks: Sequence[float]) -> np.ndarray:
        tone = self.level * np.sin(2 * np.pi * MARKER_HZ * np.arange(9 * rate) / rate)
        sound = tone.copy()
        for begin, end in ((0.0, 1.0), *holes):
            sound[round(begin * rate) : round(end * rate)] = 0
        for at in leaks:
            span = slice(round(at * rate), round((at + 0.02) * rate))
            sound[span] = tone[span]
        return sound

    def _store(self, seat: Path, recording: Path, samples: int) -> None:
        store = SeatStore(seat)
        clock = Clock()
        flow = load((resources_dir() / "flows" / "supplement-order.flow.json").read_bytes())
        log = SessionLog(session="0" * 24, seat=store.seat(), clock=clock)
        store.keep_flow(flow)

        def at(when: float, *events: e.AnyEvent) -> None:
            clock.now = when
            store.append(log.stamp(events, flow=flow.key, version=flow.version)).result(10)

        at(
            1.0,
            e.SessionStarted(
                flow=flow.key,
                flow_name=flow.name,
                version=flow.version,
                flow_hash=content_hash(flow),
                agent="Kim",
                call=e.CallFacts(),
                variables={},
                cart=Cart(currency="USD"),
            ),
            e.StepEntered(step="start", visit=1, reason="start"),
        )
        at(3.0, e.StepEntered(step="payment", visit=1, reason="route", came_from="start"))
        for when, phase in self.phases:
            by = BOTH if phase == "held" else ()
            at(
                when,
                e.MaskChanged(
                    phase=cast(e.MaskPhase, phase), step="payment", lease="payment.1", confirmed_by=by
                ),
            )
        at(6.0, e.StepEntered(step="end", visit=1, reason="route", came_from="payment"))
        windows = tuple((round(a * RATE), round(b * RATE)) for a, b in self.holes)
        at(
            9.0,
            e.RecordingKept(
                path=str(recording), sha256="", sample_rate=RATE, samples=samples, windows=windows
            ),
        )
        store.close()


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A seat where all went well."""
    return Made(tmp_path)


def test_a_good_call_is_reported_as_one(made: Made) -> None:
    report = made.report()
    assert (report.ok, report.problems) == (True, [])
    (ours,) = report.mask.windows
    assert report.pbx_recording is not None
    (theirs,) = report.pbx_recording.windows
    assert (ours.from_s, ours.to_s, ours.page_open_s) == (3.0, 6.5, 3.0)
    assert ours.confirmed_by == theirs.confirmed_by == list(BOTH)
    # From the proof, and 0.2 s for what was on its way, until the page was left.
    assert theirs.from_s == pytest.approx(3.21 + PBX_IS_LATER_S, abs=0.02)
    assert theirs.to_s == pytest.approx(6.0 + PBX_IS_LATER_S, abs=0.02)
    assert report.mask.leaked_frames == report.pbx_recording.leaked_frames == 0
    written = json.loads((made.folder / "out" / "report.json").read_text(encoding="utf-8"))
    assert written == json.loads(msgspec.json.encode(report))
    assert written["screenshots"] == ["screenshots/01-start.png"]
    assert written["session"]["steps_visited"] == ["start", "payment", "end"]


def test_without_a_pbx_our_own_file_must_do(made: Made) -> None:
    report = made.report(pbx=False)
    assert report.ok
    assert report.pbx_recording is None


def test_one_leaked_frame_in_our_file_fails(made: Made) -> None:
    made.leaks = [4.5]
    report = made.report()
    assert not report.ok
    assert report.mask.leaked_frames == 1
    assert "our recording: 1 frames leaked in window 1." in report.problems


def test_one_leaked_frame_in_the_pbx_s_file_fails(made: Made) -> None:
    made.pbx_leaks = [4.5]
    report = made.report()
    assert not report.ok
    assert report.mask.leaked_frames == 0
    assert report.pbx_recording is not None
    assert report.pbx_recording.leaked_frames in (1, 2), "it may straddle two frames there"


def test_a_pbx_that_masks_late_fails(made: Made) -> None:
    made.pbx_holes = [(3.8, 6.02)]
    report = made.report()
    assert not report.ok
    assert report.pbx_recording is not None
    assert report.pbx_recording.leaked_frames > 20


def test_a_pbx_that_unmasks_early_fails(made: Made) -> None:
    made.pbx_holes = [(3.01, 5.5)]
    assert not made.report().ok


def test_a_silent_recording_fails(made: Made) -> None:
    made.level = 0.0
    report = made.report(pbx=False)
    assert not report.ok
    assert report.mask.leaked_frames > 100
    assert "our recording: the marker is not heard on both sides of window 1." in report.problems


def test_a_pbx_recording_without_the_marker_cannot_be_measured(made: Made) -> None:
    made.pbx_holes = [(0.0, 9.0)]
    with pytest.raises(DemoError, match="nothing can be measured"):
        made.report()


def test_a_pbx_without_a_recording_is_told(made: Made) -> None:
    with pytest.raises(DemoError, match="made no recording"):
        made.report(files=False)


def test_a_mask_that_never_ends_fails(made: Made) -> None:
    made.holes = [(3.0, 9.0)]
    report = made.report(pbx=False)
    assert "our recording: window 1 is longer than its page was open plus one second." in report.problems
    assert "our recording: the marker is not heard on both sides of window 1." in report.problems


def test_a_window_longer_than_its_page_fails(made: Made) -> None:
    made.holes = [(3.0, 7.2)]
    report = made.report(pbx=False)
    assert report.problems == ["our recording: window 1 is longer than its page was open plus one second."]


def test_a_window_too_short_to_prove_anything_fails(made: Made) -> None:
    made.phases = [(3.0, "wanted"), (5.9, "held"), (6.0, "releasing"), (6.05, "none")]
    report = made.report()
    assert any("the PBX's recording" in problem and "too few" in problem for problem in report.problems)


def test_a_page_whose_mask_nobody_confirmed_fails(made: Made) -> None:
    made.phases = [(3.0, "wanted"), (4.0, "lost"), (6.0, "releasing"), (6.05, "none")]
    report = made.report()
    assert report.mask.windows[0].confirmed_by == []
    assert "our recording: window 1 was confirmed by nobody." in report.problems


def test_a_mask_that_was_lost_and_found_is_measured_from_its_first_proof(made: Made) -> None:
    made.phases = [(3.0, "wanted"), (3.01, "held"), (4.0, "lost"), (5.0, "held"), (6.0, "releasing")]
    made.pbx_leaks = [4.3]
    report = made.report()
    assert report.pbx_recording is not None
    assert report.pbx_recording.leaked_frames in (1, 2)


def test_a_window_that_no_page_asked_for_is_told(made: Made) -> None:
    made.holes = [(3.0, 6.5), (7.0, 7.5)]
    with pytest.raises(DemoError, match="2 masked windows in the file, 1 in the record"):
        made.report()


def test_a_server_that_holds_something_else_is_a_problem(made: Made) -> None:
    made.server = replace(made.server, head_equal=False, second_seat_version=2)
    report = made.report()
    assert not report.ok
    assert any("it holds 5 of" in problem for problem in report.problems)
    assert any("second seat has version 2" in problem for problem in report.problems)
