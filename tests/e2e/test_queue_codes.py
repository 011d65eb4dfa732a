"""A queue that is told by feature codes: dialled by the real phone, taken by the real PBX, seen by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from halodesk.runtime.agent_settings import AgentRules, QueueCodes, Queues
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.lab.pbx import Pbx

pytestmark = [pytest.mark.e2e, pytest.mark.lab]

CODES = QueueCodes(log_in="*45", log_out="*46", pause="*47", unpause="*48")


def member(pbx: Pbx, user: str) -> str:
    """The line the PBX has on a member; empty without one."""
    lines = pbx.cli("queue show support").splitlines()
    return next((line for line in lines if f"PJSIP/{user}" in line), "")


def told(desk: DeskSeat) -> bool:
    """Whether the last wish has been told."""
    view = desk.seat.day.agent.view.queues
    return view is not None and view.told and not view.problem


@pytest.mark.slow
def test_in_paused_and_out_by_codes(qtbot: QtBot, pbx: Pbx, tmp_path: Path) -> None:
    config = replace(
        seat_settings(pbx, "1006", "http://127.0.0.1:9"),
        ami=None,
        queues=Queues(control="codes", codes=CODES),
        agent_state=AgentRules(reasons=("Lunch",)),
    )
    with desk_seat(qtbot, config, tmp_path / "seat") as desk:
        agent = desk.seat.day.agent
        desk.registered()
        agent.choose("ready")  # what was dialled before the line was up has been refused
        desk.until("logged in", lambda: member(pbx, "1006") != "" and told(desk))
        assert "paused" not in member(pbx, "1006")
        agent.choose("not_ready", "Lunch")
        desk.until("paused", lambda: "paused" in member(pbx, "1006"))
        agent.choose("ready")
        desk.until("unpaused", lambda: "paused" not in member(pbx, "1006"))
        agent.choose("offline")
        desk.until("logged out", lambda: member(pbx, "1006") == "")
        assert desk.seat.desk.session is None, "a code is no call of the agent's"
        assert agent.calls == []
        assert agent.view.shown == "offline"
    with desk_seat(qtbot, config, tmp_path / "seat") as desk:
        desk.registered()
        assert desk.seat.day.agent.view.shown == "offline"


@pytest.mark.slow
def test_a_code_the_pbx_does_not_have_is_said(qtbot: QtBot, pbx: Pbx, tmp_path: Path) -> None:
    config = replace(
        seat_settings(pbx, "1006", "http://127.0.0.1:9"),
        ami=None,
        queues=Queues(control="codes", codes=QueueCodes(log_in="404")),
    )
    with desk_seat(qtbot, config, tmp_path / "seat") as desk:
        agent = desk.seat.day.agent
        desk.registered()
        agent.choose("ready")
        desk.until(
            "the refusal",
            lambda: (
                agent.view.queues is not None and "did not take the code 404" in agent.view.queues.problem
            ),
        )
