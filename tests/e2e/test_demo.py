"""`halodesk demo` as a person runs it: what it leaves behind agrees with itself and holds no card.

One run through the PBX serves all tests of its kind: a module fixture. The figures are checked
against sources the report does not use: the gateway's ledger, the sound files measured again.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile

from halodesk.demo import order_call
from halodesk.demo.stage import SAMPLE
from halodesk.runtime.flow_files import load_file
from tests.e2e import leak_scan
from tests.e2e.ledger import LEDGER, charges
from tests.e2e.xseat import x_server

pytestmark = [pytest.mark.lab, pytest.mark.e2e, pytest.mark.timeout(300)]

OBJECTIONS = ("tell_me_more", "is_it_safe", "how_different", "already_take")
ROUND = ["payment", "post_payment", "declined", "attempts_left"]
PATH = [
    "start",
    "gather",
    *[step for objection in OBJECTIONS for step in ("main_offer", objection)],
    "main_offer",
    "upsell",
    "billing",
    *ROUND,
    *ROUND,
    "payment",
    "post_payment",
    "confirmation",
    "end",
]
PAGES = set(PATH) - {"post_payment", "attempts_left"}
OUTCOMES = ["declined", "declined", "approved"]
CARDS = [card for card, _ in order_call.CARDS]
CVVS = [cvv for _, cvv in order_call.CARDS]
OWN, PBX = "HaloDesk recorder", "PBX (AMI 127.0.0.1)"


@dataclass(frozen=True)
class Run:
    """A demo that has ended."""

    out: Path
    code: int
    said: str
    report: dict[str, Any]

    @property
    def seat(self) -> Path:
        """The seat's data folder."""
        return self.out / "work" / "seat"

    @property
    def log(self) -> str:
        """The demo's log."""
        return (self.out / "work-logs" / "demo.log").read_text(encoding="utf-8")


@contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """Environment with a screen: a virtual one where Xvfb is there, else none at all."""
    if shutil.which("Xvfb") is None:
        yield {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        return
    with x_server() as display:
        yield {**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": display}


def _halodesk(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "halodesk", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def _demo(out: Path, *options: str, **more: str) -> Run:
    with _screen() as environment:
        done = _halodesk(
            "demo", "--headless", "--out", str(out), *options, environment={**environment, **more}
        )
    assert "Traceback" not in done.stderr
    file = out / "report.json"
    assert file.exists(), done.stdout + done.stderr
    return Run(out, done.returncode, done.stdout, json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The demo through the PBX, JSON on standard output, and the one without; at the same time."""
    with ThreadPoolExecutor(2) as pool:
        whole = pool.submit(_demo, tmp_path_factory.mktemp("demo") / "out", "--json")
        direct = pool.submit(_without_lab, tmp_path_factory.mktemp("nolab"))
        return whole.result(), direct.result()


@pytest.fixture(scope="module")
def run(runs: tuple[Run, Run]) -> Run:
    """The demo through the PBX."""
    return runs[0]


@pytest.fixture(scope="module")
def phoneless(runs: tuple[Run, Run]) -> Run:
    """The demo where the lab cannot start."""
    return runs[1]


def _without_lab(folder: Path) -> Run:
    """Its packages are not there and cannot be fetched."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("apt-get", "dpkg-deb"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    return _demo(
        folder / "out", PATH=f"{tools}{os.pathsep}{os.environ['PATH']}", LAB_ROOT=str(folder / "root")
    )


def test_the_report_has_the_keys_of_the_contract(run: Run) -> None:
    """`ok` and `problems` say what the exit code says, in words."""
    report = run.report
    assert run.code == 0
    assert json.loads(run.said) == report
    assert list(report) == [
        *("ok", "problems", "pbx", "call", "session", "charge"),
        *("mask", "pbx_recording", "recording", "server", "screenshots"),
    ]
    assert (report["ok"], report["problems"]) == (True, [])
    assert report["pbx"].startswith("Asterisk ")
    assert set(report["call"]) == {"setup_ms", "codec", "duration_s"}
    assert {"id", "flow", "version", "events", "steps_visited"} <= set(report["session"])
    assert set(report["charge"]) == {"attempts", "outcomes"}
    assert set(report["mask"]) == {
        *("windows", "leaked_frames"),
        *("marker_before_db", "marker_after_db", "marker_in_window_db"),
    }
    assert {"from_s", "to_s", "confirmed_by"} <= set(report["mask"]["windows"][0])
    assert "leaked_frames" in report["pbx_recording"]
    assert set(report["recording"]) == {"path", "duration_s"}
    assert {"events", "head_equal"} <= set(report["server"])


def test_the_call_was_real(run: Run) -> None:
    call = run.report["call"]
    assert 0 < call["setup_ms"] < 2000
    assert call["codec"] in ("PCMU/8000", "PCMA/8000")
    assert call["duration_s"] > 5
    recordings = [run.out / call_file for call_file in (run.report["recording"]["path"], "pbx-recording.wav")]
    ours, theirs = (soundfile.info(file).duration for file in recordings)
    assert abs(ours - theirs) < 2, "the PBX's whole call is there beside ours"


def test_the_server_holds_what_the_seat_recorded(run: Run, phoneless: Run) -> None:
    for one in (run, phoneless):
        lines = (one.out / "session.jsonl").read_text(encoding="utf-8").splitlines()
        database = sqlite3.connect(one.out / "work" / "server" / "server.db")
        try:
            ((last, head),) = database.execute("select last_seq, head from session").fetchall()
        finally:
            database.close()
        assert (last, head.hex()) == (len(lines), json.loads(lines[-1])["head"])
        assert (one.report["server"]["events"], one.report["server"]["head_equal"]) == (last, True)


def test_a_new_version_reached_the_second_seat_in_mid_call(run: Run) -> None:
    server, session = run.report["server"], run.report["session"]
    assert server["seats"] == 2
    assert server["version"] == server["second_seat_version"] == 1
    assert 0 < server["arrived_ms"] < 5000
    events = [json.loads(line)["event"] for line in run.log.splitlines()]
    at_the_first = events.index("flow_offered")
    assert events.index("mask") > at_the_first > events.index("page_painted"), "in mid-call"
    assert session["version"] == load_file(SAMPLE).version, "it ran on"


def test_three_charges_by_the_gateway_s_own_ledger(run: Run) -> None:
    assert run.report["charge"] == {"attempts": 3, "outcomes": OUTCOMES}
    ledger = charges(run.out / "work" / LEDGER)
    assert [charge.status for charge in ledger] == OUTCOMES
    assert [charge.last4 for charge in ledger] == [card[-4:] for card in CARDS]
    assert {charge.reference for charge in ledger} == {run.report["session"]["id"]}
    assert len({charge.key for charge in ledger}) == 3


def test_the_path_has_25_visits_in_order(run: Run) -> None:
    assert len(PATH) == 25
    assert run.report["session"]["steps_visited"] == PATH
    assert run.report["session"]["disposition"] == "sale"


def test_three_windows_were_masked_in_both_recordings(run: Run) -> None:
    mask, pbx = run.report["mask"], run.report["pbx_recording"]
    assert mask["leaked_frames"] == pbx["leaked_frames"] == 0
    assert len(mask["windows"]) == len(pbx["windows"]) == 3
    for window in (*mask["windows"], *pbx["windows"]):
        assert window["confirmed_by"] == [OWN, PBX]
        assert abs(window["marker_before_db"] - window["marker_after_db"]) <= 3
        assert window["marker_before_db"] > -40, "a silent recording proves nothing"
        assert window["marker_in_window_db"] < window["marker_before_db"] - 26
        assert window["to_s"] - window["from_s"] <= window["page_open_s"] + 1
        assert window["silent_s"] <= window["page_open_s"] + 1


def test_the_files_are_there_and_whole(run: Run) -> None:
    assert (run.out / "replay.html").read_text(encoding="utf-8").count("<") > 100
    lines = (run.out / "session.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == run.report["session"]["events"]
    recording = run.out / run.report["recording"]["path"]
    sound = soundfile.info(recording)
    assert sound.channels == 2
    assert abs(sound.duration - run.report["recording"]["duration_s"]) < 0.01
    pictures = run.report["screenshots"]
    assert all((run.out / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    for page in PAGES:
        assert any(page in Path(picture).stem for picture in pictures), f"no picture of {page}"


def test_the_session_commands_agree_with_the_report(run: Run, tmp_path: Path) -> None:
    identity, data = run.report["session"]["id"], ("--data", str(run.seat))
    (row,) = json.loads(_halodesk("session", "list", *data, "--json").stdout)
    assert (row["id"], row["status"], row["disposition"]) == (identity, "ended", "sale")
    shown = json.loads(_halodesk("session", "show", identity, *data, "--json").stdout)
    assert shown["events"] == run.report["session"]["events"]
    assert [entry["step"] for entry in shown["path"]] == [step for step in PATH if step in PAGES]
    assert shown["cart"]["paid"]
    verdict = json.loads(_halodesk("session", "verify", identity, *data, "--json").stdout)
    exported = tmp_path / "export.jsonl"
    assert _halodesk("session", "export", identity, *data, "--out", str(exported)).returncode == 0
    assert exported.read_bytes() == (run.out / "session.jsonl").read_bytes()
    last = json.loads(exported.read_text(encoding="utf-8").splitlines()[-1])
    assert verdict["ok"]
    assert (verdict["events"], verdict["head"]) == (run.report["session"]["events"], last["head"])
    moments = json.loads(_halodesk("session", "replay", identity, *data, "--json").stdout)
    assert [moment["step"] for moment in moments if moment["kind"] == "step_entered"] == PATH


def test_plain_sqlite_cannot_open_the_database(run: Run) -> None:
    with sqlite3.connect(run.seat / "seat.db") as connection, pytest.raises(sqlite3.DatabaseError):
        connection.execute("SELECT * FROM sqlite_master")
    connection.close()


def test_nothing_left_behind_holds_a_card_number_or_a_code(run: Run) -> None:
    """The PBX's own folder goes with the demo; `test_kill` scans one that stays."""
    seen, found = leak_scan.scan([run.out], cards=CARDS, cvvs=CVVS)
    names = {path.name for path in run.out.rglob("*")}
    assert {"seat.db", "demo.log", "phone.log", LEDGER, "report.json", "pbx-recording.wav"} <= names
    assert seen > 30
    assert found == []
    assert leak_scan.says(run.seat, "Jordan"), "the rows are read in the clear"
    assert leak_scan.scan_rows(run.seat, cards=CARDS, cvvs=CVVS) == []


def test_without_a_lab_it_says_so_and_calls_directly(phoneless: Run) -> None:
    assert "No PBX here, calling directly." in phoneless.said
    _check_direct(phoneless)


@pytest.mark.slow
def test_direct_calls_without_a_pbx(tmp_path: Path) -> None:
    found = _demo(tmp_path / "out", "--direct")
    assert "No PBX here" not in found.said
    _check_direct(found)


def _check_direct(found: Run) -> None:
    report = found.report
    assert (found.code, report["ok"], report["pbx"], report["pbx_recording"]) == (0, True, "direct", None)
    assert report["session"]["steps_visited"] == PATH
    assert report["charge"]["outcomes"] == OUTCOMES
    assert [window["confirmed_by"] for window in report["mask"]["windows"]] == [[OWN]] * 3
    assert report["mask"]["leaked_frames"] == 0
