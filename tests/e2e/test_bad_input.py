"""What a person does wrong, or a machine runs out of: clear words, nothing lost, no traceback.

In the window the words are read off the window itself; on the command line the exit code is 1
and one line says what happened and what to do.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from halodesk.app import failure_box
from halodesk.demo.lab import free_port
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.protocol.phone_link import Account, Register
from halodesk.runtime import settings as s
from halodesk.runtime.log import verify
from tests.e2e.caller import Caller
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.e2e.small_disk import may_mount, small_disk
from tests.lab.pbx import HOST, Pbx

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

OpenDesk = Callable[[s.Settings], AbstractContextManager[DeskSeat]]
GATEWAY = "http://127.0.0.1:9"
"""A gateway that nobody calls in these tests."""


@pytest.fixture
def open_desk(qtbot: QtBot, tmp_path: Path) -> OpenDesk:
    """Opens the seat of a test."""
    return lambda settings: desk_seat(qtbot, settings, tmp_path / "seat")


def halodesk(*arguments: str, screen: bool = True) -> subprocess.CompletedProcess[str]:
    """The command line, as a person runs it."""
    hidden = () if screen else ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    return subprocess.run(
        [sys.executable, "-m", "halodesk", *arguments],
        env={name: value for name, value in os.environ.items() if name not in hidden},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 1, one line of words, no traceback."""
    assert done.returncode == 1, done.stderr
    told = done.stderr.strip()
    assert "Traceback" not in told
    assert len(told.splitlines()) == 1, told
    for each in words:
        assert each in told


# --- the line -----------------------------------------------------------------------------------


def test_a_wrong_sip_password_is_told_with_what_to_do(pbx: Pbx, open_desk: OpenDesk) -> None:
    with open_desk(seat_settings(pbx, "1003", GATEWAY, password="wrong")) as desk:
        desk.until("the words", lambda: "wrong password" in desk.words())
        assert "Line down" in desk.words()
        assert "Check user name and password of 1003 in the settings." in desk.words()


@pytest.mark.slow
def test_a_registrar_that_is_not_there_is_told_and_tried_again(pbx: Pbx, open_desk: OpenDesk) -> None:
    given = seat_settings(pbx, "1003", GATEWAY)
    account = s.SipAccount(
        uri=f"sip:1003@{HOST}", registrar=f"sip:{HOST}:{free_port()}", username="1003", password="x"
    )
    nowhere = s.Settings(account=account, flows=given.flows, sip_bind=HOST, orphan_after_s=1)
    with open_desk(nowhere) as desk:
        desk.until("the words", lambda: "server away, next try in" in desk.words())
        assert "Line down" in desk.words()
        assert "Check the network, or ask whether the PBX is running." in desk.words()


# --- settings and flows -------------------------------------------------------------------------


def seat_folder(folder: Path, settings: dict[str, object]) -> str:
    """A data folder with these settings."""
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"agnet": "Kim"}, ["settings.json", "unknown field `agnet`", "docs/it.md"]),
        ({"flows": "order.flow.json"}, ["settings.json", "$.flows"]),
        ({"gateways": [{"provider": "sandbox", "url": "http://pay.example", "api_key": "k"}]}, ["chmod 600"]),
        (
            {"flows": ["absent.flow.json"]},
            ["absent.flow.json", "cannot be read", "Name an existing flow file."],
        ),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, settings: dict[str, object], words: list[str]) -> None:
    refused(halodesk("--data", seat_folder(tmp_path / "seat", settings)), *words)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ('{"name": "x"', ["expected JSON", "Check brackets"]),
        ('{"key": "x", "steps": []}', ['the key "name"']),
        ("", ["expected JSON"]),
    ],
)
def test_a_broken_flow_is_named_by_window_and_check(tmp_path: Path, document: str, words: list[str]) -> None:
    flow = tmp_path / "broken.flow.json"
    flow.write_text(document, encoding="utf-8")
    refused(
        halodesk("--data", seat_folder(tmp_path / "seat", {"flows": [str(flow)]})), "broken.flow.json", *words
    )
    refused(halodesk("flow", "check", str(flow)), *words)


def test_what_stops_a_start_is_shown_on_the_screen(qtbot: QtBot) -> None:
    box = failure_box("The flow file x.flow.json cannot be used.", "Check brackets.")
    qtbot.addWidget(box)
    box.show()
    assert (box.text(), box.informativeText()) == (
        "The flow file x.flow.json cannot be used.",
        "Check brackets.",
    )


def test_a_start_without_a_screen_says_so(tmp_path: Path) -> None:
    refused(halodesk("--data", str(tmp_path), screen=False), "There is no screen here.")


@pytest.mark.slow
def test_a_second_window_on_the_same_folder_is_refused(pbx: Pbx, open_desk: OpenDesk) -> None:
    with open_desk(seat_settings(pbx, "1003", GATEWAY)) as desk:
        refused(halodesk("--data", str(desk.folder)), "already runs", "Use the window that is open.")


# --- ports and paths ----------------------------------------------------------------------------


def test_a_busy_gateway_port_is_told() -> None:
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = halodesk("sandbox-gateway", "--port", str(port))
    refused(done, f"port {port}", "Address already in use", "use port 0")
    assert "error" in json.loads(done.stdout)


@pytest.mark.parametrize(
    "arguments", [("--data", "{file}"), ("session", "list", "--data", "{file}"), ("demo", "--out", "{file}")]
)
def test_a_file_where_a_folder_must_be_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.touch()
    refused(halodesk(*[each.format(file=file) for each in arguments]), str(file))


def test_the_demo_deletes_nothing_of_a_person(tmp_path: Path) -> None:
    mine = tmp_path / "work" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    refused(halodesk("demo", "--headless", "--out", str(tmp_path)), "not of an earlier demo", "--out")
    assert mine.read_text(encoding="utf-8") == "mine"


# --- the disk -----------------------------------------------------------------------------------


@pytest.mark.skipif(not may_mount(), reason="needs to mount a small disk; test_a_full_disk[limit] does not")
def test_a_start_on_a_full_disk_is_told(tmp_path: Path) -> None:
    with small_disk("tmpfs", tmp_path / "full") as disk:
        disk.fill()
        refused(halodesk("--data", str(disk.folder)), "full")


@pytest.mark.parametrize(
    "kind",
    [
        "limit",
        pytest.param("tmpfs", marks=pytest.mark.skipif(not may_mount(), reason="[limit] needs no mount")),
    ],
)
def test_a_full_disk_is_told_and_nothing_is_lost(
    qtbot: QtBot, caller: Caller, tmp_path: Path, kind: str
) -> None:
    port = free_port()
    settings = s.Settings(
        agent="Kim Larsen",
        account=s.SipAccount(uri=f"sip:agent@{HOST}", allowed_peers=(HOST,)),
        flows=(str(FLOW),),
        sip_bind=HOST,
        sip_port=port,
        orphan_after_s=20,
        sound=s.Sound(devices="none"),
    )
    with small_disk(kind, tmp_path / "seat") as disk, desk_seat(qtbot, settings, disk.folder) as desk:
        desk.until("the phone", lambda: bool(desk.seat.keeper.registrations))
        caller.ask(Register(account=Account(key="1002", uri=f"sip:jordan@{HOST}")))
        caller.dial(f"sip:agent@{HOST}:{port}", key="direct", account="1002")
        desk.answer()
        desk.hands.click("choice:call_type=order")
        desk.at("gather")
        desk.until("all saved", lambda: desk.seat.desk.storage.state == "saved")

        disk.fill()
        notes: list[str] = []

        def noticed() -> bool:
            if len(notes) < 200:
                notes.append(f"Note {len(notes)} " + "x" * 2000)
                assert desk.seat.desk.do(c.AddNote(text=notes[-1])) is None
            return desk.seat.desk.storage.state == "failed"

        desk.until("the full disk to be noticed", noticed)
        assert "NOT SAVED" in desk.words()
        assert "The disk does not take what you enter: it is full or not writable." in desk.words()
        assert "Free some space. Nothing is lost" in desk.words()
        for name, text in {"first_name": "Jordan", "last_name": "Miller"}.items():
            desk.hands.retype(f"field:{name}", text)
        desk.hands.retype("field:phone", "202 555 0143")
        desk.hands.click("choice:")
        desk.at("main_offer")

        disk.free()
        desk.until("saved again", lambda: desk.seat.desk.storage.state == "saved")
        assert "NOT SAVED" not in desk.words()
        desk.records.at("main_offer")
        kept = [event.text for _, event in desk.records.stamped() if isinstance(event, e.NoteAdded)]
        assert kept == notes
        assert desk.records.answers()["last_name"] == "Miller"
        rows = desk.records.record().rows
        assert verify(desk.records.session().id, rows).ok
