"""The whole seat with its PBX masked through the server, which is killed and frozen at the card."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from halodesk.app import Seat
from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.gateway.child import GatewayChild
from halodesk.demo.measure import marker_levels
from halodesk.engine import events as e
from halodesk.engine.errors import SettingsError
from halodesk.runtime.settings import Settings
from halodesk.server import accounts, recorders
from tests.e2e import proof
from tests.e2e.caller import Caller
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat, short_flow
from tests.e2e.ledger import LEDGER, approved
from tests.e2e.records import phone_pids
from tests.lab.pbx import HOST, Pbx
from tests.sync.world import World, recorder

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

USER = "1006"
NUMBER = f"9{USER}"
CARD = "4242424242424242"
LOST_WITHIN_S = 2.0


@pytest.fixture
def world(pbx: Pbx, tmp_path: Path) -> Iterator[World]:
    """A server that masks at the lab's PBX; the seat in `tmp_path/seat` is enrolled and has its account."""
    made = World(tmp_path)
    ami = {"control": "ami", "host": HOST, "port": pbx.ami_port, "username": "lab", "secret": pbx.secret}
    file = made.server_folder / recorders.FILE
    file.write_text(json.dumps({"recorders": [ami]}), encoding="utf-8")
    file.chmod(0o600)
    made.start()
    with recorder(made.enrol("seat")) as seat:
        name = seat.seat
    made.console(partial(accounts.bind, tenant="main", seat=name, account=USER))
    yield made
    made.stop()


def central(pbx: Pbx, gateway_url: str, flow: Path) -> Settings:
    """A seat without any of the PBX's credentials."""
    own = seat_settings(pbx, USER, gateway_url, flow=flow)
    return msgspec.structs.replace(own, ami=None, recorders=({"control": "central"},))


def lose(desk: DeskSeat, breaks: Callable[[], None]) -> None:
    """Break it with digits in the box: locked and blank in time, in words."""
    desk.hands.type("field:card_number", CARD[:8])
    assert desk.typed("card_number") == 8
    broken = time.monotonic()
    breaks()
    desk.until("locked and blank", desk.locked)
    took = time.monotonic() - broken
    print(f"figure window_locked_after_ms {took * 1000:.0f}")
    assert took <= LOST_WITHIN_S
    assert "MASK LOST" in desk.words()
    desk.hands.type("field:card_number", CARD)
    assert desk.typed("card_number") == 0, "typing is ignored"


@pytest.mark.slow
def test_the_inputs_blank_when_the_server_dies_or_freezes_and_the_pbx_stays_masked(
    pbx: Pbx, world: World, caller: Caller, gateway: Callable[..., GatewayChild], qtbot: QtBot, tmp_path: Path
) -> None:
    before = proof.recordings(pbx)
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    with desk_seat(qtbot, central(pbx, gateway().base_url, flow), tmp_path / "seat") as desk:
        desk.registered()
        caller.ring(pbx, NUMBER)
        desk.answer()
        caller.marker()
        end = time.monotonic() + proof.TALK_S
        desk.until("the talk to end", lambda: time.monotonic() >= end)
        desk.hands.click("choice:call_type=order")
        desk.at("payment")
        desk.until("the mask", desk.unlocked)
        for breaks, mends in ((world.freeze, world.thaw), (world.kill, world.start)):
            lose(desk, breaks)
            mends()
            desk.until("unlocked again", desk.unlocked)
            assert desk.typed("card_number") == 0, "empty after the fault"
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
        end = time.monotonic() + proof.TALK_S
        desk.until("the talk to end", lambda: time.monotonic() >= end)
        desk.hands.click("hang_up")
        desk.at("end")
        desk.until(
            "the recording", lambda: any(isinstance(x, e.RecordingKept) for _, x in desk.records.stamped())
        )
        record = desk.records.record()
    assert [charge.last4 for charge in approved(tmp_path / LEDGER)] == [CARD[-4:]]
    (mine,) = proof.ours(record)
    (other,) = proof.theirs(record, proof.newest(pbx, before))
    for found in (mine, other):
        assert found.frames > 100
        assert found.leaked_frames == 0
        assert found.present_around


def test_a_phone_that_dies_at_the_card_has_its_call_masked_under_its_new_name(
    pbx: Pbx, world: World, caller: Caller, gateway: Callable[..., GatewayChild], qtbot: QtBot, tmp_path: Path
) -> None:
    before = proof.recordings(pbx)
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    with desk_seat(qtbot, central(pbx, gateway().base_url, flow), tmp_path / "seat") as desk:
        desk.registered()
        caller.ring(pbx, NUMBER)
        desk.answer()
        caller.marker()
        end = time.monotonic() + proof.TALK_S
        desk.until("the talk to end", lambda: time.monotonic() >= end)
        desk.hands.click("choice:call_type=order")
        desk.at("payment")
        desk.until("the mask", desk.unlocked)
        os.kill(phone_pids(desk.folder)[-1], signal.SIGKILL)
        desk.until("the call back", lambda: "the call is back" in desk.words())
        desk.until("the mask", desk.unlocked)
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
        desk.until("no mask", lambda: desk.page.mask.phase == "none" and not desk.seat.keeper.leases)
        end = time.monotonic() + proof.TALK_S
        desk.until("the talk to end", lambda: time.monotonic() >= end)
        desk.hands.click("hang_up")
        desk.at("end")
    gaps = proof.gaps(marker_levels(proof.newest(pbx, before), 0, MARKER_HZ))
    assert len(gaps) == 1, "the PBX stayed masked while the call went over to the new phone"


def test_policy_keeps_credentials_off_the_desk(pbx: Pbx, world: World, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "seat"
    with recorder(folder) as seat:
        seat.store.sync.change_link(policy=b'{"seat_recorders": false}').result(10)
    settings = seat_settings(pbx, USER, "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="off this desk"):
        Seat(settings, folder)
