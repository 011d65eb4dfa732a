"""The shipped window and a real server: sessions go up by themselves, versions come down in mid-call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from halodesk.engine import events as e
from halodesk.protocol import log_lines
from halodesk.runtime.flow_files import load_file
from tests.e2e.caller import Caller
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat, short_flow
from tests.lab.pbx import Pbx
from tests.sync.world import World

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

USER = "1008"
NUMBER = f"9{USER}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server that runs."""
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def desk(world: World, pbx: Pbx, tmp_path: Path, qtbot: QtBot) -> Iterator[DeskSeat]:
    """A seat that belongs to the server, its line ready."""
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    settings = seat_settings(pbx, USER, "http://127.0.0.1:9", flow=flow)
    with desk_seat(qtbot, settings, world.enrol("seat")) as made:
        made.registered()
        yield made


def server_says(desk: DeskSeat, words: str, timeout_ms: int = 30_000) -> None:
    """Waits until the status bar says so."""
    pill = desk.seat.window.findChild(QLabel, "server_state")
    assert pill is not None
    desk.until(f"“{words}” in the status bar", lambda: pill.isVisible() and pill.text() == words, timeout_ms)


def all_is_there(desk: DeskSeat, world: World) -> bool:
    """The server holds every event of this seat, byte for byte."""
    store = desk.seat.store.sessions
    own = {row.id: log_lines.write(store.events(row.id)) for row in store.rows()}
    return world.held() == own


def take_call(desk: DeskSeat, caller: Caller, pbx: Pbx) -> None:
    caller.ring(pbx, NUMBER)
    desk.answer()
    desk.at("start")


def finish(desk: DeskSeat) -> None:
    """Hang up, say how it went, put the session away."""
    desk.seat.desk.hang_up()
    desk.at("end")
    desk.hands.key("field:disposition", Qt.Key.Key_Down)
    desk.hands.click("choice:")
    desk.until("the end of the session", lambda: desk.page.ended)
    desk.until("the recording", lambda: any(row.recording for row in desk.seat.store.sessions.rows(limit=1)))
    desk.hands.click("close_session")


def test_a_version_that_is_published_in_mid_call_is_for_the_next_one(
    world: World, desk: DeskSeat, pbx: Pbx, caller: Caller
) -> None:
    server_says(desk, "Server up to date")
    take_call(desk, caller, pbx)
    before = desk.seat.desk.flow_name
    sample = load_file(FLOW)
    outcome = world.publish(replace(sample, name="Winter order"))
    assert outcome.seats == 1
    installed = desk.seat.store.sync.installed
    desk.until("the new version", lambda: "supplement-order" in installed(), 2_000)
    desk.hands.click("choice:call_type=order")
    desk.at("payment")
    assert desk.seat.desk.flow_name == before, "the session that runs stays on its version"
    finish(desk)
    server_says(desk, "Server up to date")
    desk.until("every event at the server", lambda: all_is_there(desk, world))

    take_call(desk, caller, pbx)
    assert desk.seat.desk.flow_name == "Winter order · v1"
    desk.until("the second session on disk", lambda: desk.records.count() == 2)
    started = desk.records.wait("its begin", e.SessionStarted)[1]
    assert started.flow_hash == installed()["supplement-order"].content
    finish(desk)
    desk.until("every event at the server", lambda: all_is_there(desk, world))


def test_a_server_that_dies_in_mid_call_costs_nothing(
    world: World, desk: DeskSeat, pbx: Pbx, caller: Caller
) -> None:
    server_says(desk, "Server up to date")
    take_call(desk, caller, pbx)
    world.kill()
    desk.hands.click("choice:call_type=order")
    desk.at("payment")
    server_says(desk, "Server away")
    finish(desk)
    assert not all_is_there(desk, world)
    world.start()
    server_says(desk, "Server up to date", 60_000)
    assert all_is_there(desk, world)
