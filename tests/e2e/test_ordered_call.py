"""A whole seat, linked to a real server, hears an order and answers it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from halodesk.runtime.settings import Settings, Sound
from tests.e2e.desk_seat import desk_seat
from tests.server.test_http import Site
from tests.unit.flow_agent.test_agent_orders import DOCUMENT


@pytest.mark.slow
def test_an_order_comes_to_the_window_and_its_answer_to_the_server(qtbot: QtBot, tmp_path: Path) -> None:
    site = Site(tmp_path)
    headers = site.headers("anna")
    agent = site.http.post("/api/agents/import", json=dict(DOCUMENT.source), headers=headers).json()
    calls = f"/api/agents/{agent['agent_id']}/calls"
    settings = Settings(
        flow_agent_orders=True, emergency_numbers=("4711",), sound=Sound(devices="none")
    )  # a number that this seat alone refuses
    try:
        with desk_seat(qtbot, settings, tmp_path / "one") as desk:
            wish = {"to": "4711", "seat": "one", "custom_parameters": {"who": "Ben"}}
            placed = site.http.post(calls, json=wish, headers=headers | {"Idempotency-Key": "k"})
            where = f"{calls}/{placed.json()['order']}"
            desk.until(
                "the answer", lambda: site.http.get(where, headers=headers).json()["state"] == "refused"
            )
            assert "calls for help" in site.http.get(where, headers=headers).json()["reason"]
    finally:
        site.http.close()
        site.world.stop()
