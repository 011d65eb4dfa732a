"""People at a real seat on a real call: sign in, lock in mid-call, open a step over the shoulder, proof."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.store.seat_store import SeatStore
from tests.e2e.caller import Caller
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.lab.pbx import Pbx

pytestmark = [pytest.mark.e2e, pytest.mark.lab]

ANNA, SAM = ("Anna Berg", "correct horse"), ("Sam Boss", "battery staple")


def flow(folder: Path) -> Path:
    """A page for everybody, one for supervisors, the end."""
    note = {"name": "note", "type": "text", "label": "Note"}
    found = {
        "key": "refund",
        "name": "Refund",
        "version": 1,
        "start": "start",
        "steps": [
            {"key": "start", "type": "script", "title": "Hello", "fields": [note], "fallback": "refund"},
            {
                "key": "refund",
                "type": "script",
                "title": "Refund",
                "required_role": "supervisor",
                "fallback": "end",
            },
            {"key": "end", "type": "end", "title": "End"},
        ],
    }
    path = folder / "refund.flow.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def command(*args: str, **env: str) -> str:
    done = CliRunner().invoke(app, list(args), env={**os.environ, **env})
    assert done.exit_code == 0, done.output + done.stderr
    return done.output


def sign_in(desk: DeskSeat, who: tuple[str, str], prefix: str = "sign_in") -> None:
    name = desk.hands.find(f"{prefix}_name")
    assert isinstance(name, QLineEdit)
    name.clear()
    desk.hands.type(f"{prefix}_name", who[0])
    desk.hands.type(f"{prefix}_password", who[1])
    desk.hands.key(f"{prefix}_password", Qt.Key.Key_Return)


def test_a_day_of_two_people(qtbot: QtBot, pbx: Pbx, caller: Caller, tmp_path: Path) -> None:
    seat = tmp_path / "seat"
    for (name, password), role in ((ANNA, "agent"), (SAM, "supervisor")):
        add = ("people", "add", name, "--role", role, "--data", str(seat))
        command(*add, HALODESK_NEW_PASSWORD=password)
    settings = seat_settings(pbx, "1001", "http://127.0.0.1:9", flow=flow(tmp_path))
    settings = replace(settings, ami=None, roles=("supervisor",))
    with desk_seat(qtbot, settings, seat) as desk:
        guard = desk.seat._guard
        assert guard is not None
        assert guard.locked
        assert "Line ready" not in desk.words(), "nothing of the desk is in sight"
        sign_in(desk, (ANNA[0], "not this one"))
        desk.until("the refusal", lambda: "is wrong" in desk.words())
        sign_in(desk, ANNA)
        desk.until("the desk", lambda: not guard.locked)
        assert desk.seat.desk.agent == "Anna Berg"
        desk.registered()
        caller.ring(pbx, "1001")
        desk.answer()
        desk.hands.type("field:note", "wants it back")
        guard.lock_idle()
        assert guard.locked
        assert "wants it back" not in desk.words()
        QTest.keyClick(guard.page, Qt.Key.Key_F6)
        desk.until("the call on hold", lambda: getattr(desk.seat.desk.call, "hold", "") == "on")
        QTest.keyClick(guard.page, Qt.Key.Key_F6)
        desk.until("the call back", lambda: getattr(desk.seat.desk.call, "hold", "") == "off")
        assert caller.up("1001"), "the lock keeps the call"
        sign_in(desk, ANNA)
        desk.until("the desk", lambda: not guard.locked)
        assert "wants it back" in desk.words()
        desk.seat.window.step.submit_primary()
        desk.at("refund")
        assert desk.page.for_role == "supervisor", "the seat's settings give nobody one of the four roles"
        desk.seat.window.step.submit_primary()
        desk.hands.click("open_step")
        sign_in(desk, SAM, "open_step")
        desk.until("the step to open", lambda: desk.page.for_role == "")
        desk.seat.window.step.submit_primary()
        desk.at("end")
        session = desk.seat.desk.session_id
        desk.seat.desk.hang_up()
        desk.until("the call's end", lambda: desk.page.call_left != "")
        desk.seat.window.step.submit_primary()
        desk.until("the end", lambda: desk.page.ended)
    shown = json.loads(command("session", "verify", session, "--data", str(seat), "--json"))
    assert [(part["name"], part["state"]) for part in shown["parts"]] == [
        ("chain", "proven"),
        ("seal", "proven"),
        ("receipt", "not_proven"),
        ("counter", "proven"),
    ]
    with SeatStore(seat) as store:
        assert store.sessions.find(session).agent == "Anna Berg"
        written = b"".join(row.payload or b"" for row in store.sessions.events(session))
    assert b'"by":"Sam Boss"' in written
    for word in (ANNA[1], SAM[1], "not this one"):
        assert word.encode() not in written
        for file in seat.rglob("*"):
            if file.is_file():
                assert word.encode() not in file.read_bytes(), file.name
