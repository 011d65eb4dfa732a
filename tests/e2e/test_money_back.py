"""A payment in the shipped window on a real call: voided, and found again after its session ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from halodesk.demo.gateway.child import GatewayChild
from halodesk.engine import codec
from halodesk.engine import events as e
from tests.e2e.caller import Caller
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat, short_flow
from tests.e2e.ledger import LEDGER, approved, charges
from tests.e2e.tcp_proxy import TcpProxy
from tests.lab.pbx import HOST, Pbx

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

USER = "1008"
CARD = "4242424242424242"
StartGateway = Callable[..., GatewayChild]


def to_charge(desk: DeskSeat, caller: Caller, pbx: Pbx) -> None:
    """From a ringing call to a card that is sent."""
    desk.registered()
    caller.ring(pbx, f"9{USER}")
    desk.answer()
    desk.hands.click("choice:call_type=order")
    desk.at("payment")
    desk.card(CARD)
    desk.hands.click("choice:")


def test_the_agent_voids_what_was_charged(
    pbx: Pbx, caller: Caller, gateway: StartGateway, tmp_path: Path, qtbot: QtBot
) -> None:
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    settings = seat_settings(pbx, USER, gateway().base_url, flow=flow)
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        to_charge(desk, caller, pbx)
        desk.at("confirmation")
        assert desk.page.payment is not None
        assert desk.page.payment.can_void
        assert "security code matches" in desk.page.payment.checks.lower()
        desk.hands.click("take_back")
        desk.hands.click("take_back_yes")
        desk.until("the void", lambda: desk.page.payment is not None and "Voided" in desk.page.payment.state)
        _, incident = desk.records.wait("the fact", e.Incident, lambda event: event.code == "charge_voided")
        assert isinstance(incident, e.Incident)
        assert desk.page.can_go_back, "the order is open again"
        session = desk.seat.desk.session_id
    charge, void = charges(tmp_path / LEDGER)
    assert [charge.kind, void.kind] == ["sale", "void"]
    assert void.charge_id == charge.charge_id
    assert void.key.startswith(f"{session}:{charge.key.split(':')[1]}.void")
    assert {charge.status, void.status} == {"approved"}


@pytest.mark.slow
def test_a_charge_left_open_by_an_ended_session_is_found_after_a_restart(
    pbx: Pbx,
    caller: Caller,
    gateway: StartGateway,
    tmp_path: Path,
    qtbot: QtBot,
    request: pytest.FixtureRequest,
) -> None:
    wire = TcpProxy(gateway("timeout_after_charge").port)
    request.addfinalizer(wire.close)
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    settings = seat_settings(pbx, USER, f"http://{HOST}:{wire.port}", flow=flow, gateway_timeout_s=2)
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        to_charge(desk, caller, pbx)
        desk.until("the charge", lambda: len(approved(tmp_path / LEDGER)) == 1)
        wire.cut()
        desk.until("that nobody knows", lambda: desk.hands.can_use("choice:on_unknown"))
        desk.hands.click("choice:on_unknown")
        desk.seat.desk.hang_up()
        desk.at("end")
        desk.hands.key("field:disposition", Qt.Key.Key_Down)
        desk.hands.click("choice:")
        desk.until("the end of the session", lambda: desk.page.ended)
        session = desk.seat.desk.session_id
        desk.hands.click("close_session")
    wire.mend()
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:

        def settled() -> bool:
            events = [codec.decode(row.payload or b"") for row in desk.seat.store.sessions.events(session)]
            return any(
                isinstance(event, e.EffectResolved) and event.outcome == "ok" and "charge" in event.id
                for event in events
            )

        desk.until("what became of the charge", settled)
        desk.until("a word to the agent", lambda: "went through" in desk.words())
    assert len(approved(tmp_path / LEDGER)) == 1
