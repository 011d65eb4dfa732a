"""The seat at a PBX that knows nothing but feature codes: a card is taken, and is on none of its files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from halodesk.demo.gateway.child import GatewayChild
from tests.e2e import proof
from tests.e2e.caller import Caller
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat, short_flow
from tests.e2e.ledger import LEDGER, approved
from tests.lab.pbx import HOST, Pbx
from tests.lab.test_mask_pbx import SILENT_DB, levels

pytestmark = [
    pytest.mark.lab,
    pytest.mark.e2e,
    pytest.mark.slow,
]  # quick: tests/lab/test_mask_feature_code.py

USER = "1007"
CARD = "4242424242424242"


def talk(desk: DeskSeat) -> None:
    """The two talk for a moment while the window lives."""
    end = time.monotonic() + proof.TALK_S
    desk.until("the talk to end", lambda: time.monotonic() >= end)


def files(pbx: Pbx, kind: str) -> set[Path]:
    return set(pbx.recordings.glob(f"{kind}-*.wav"))


def test_a_card_is_taken_while_the_pbxs_recording_is_stopped_by_its_code(
    pbx: Pbx, caller: Caller, gateway: Callable[..., GatewayChild], qtbot: QtBot, tmp_path: Path
) -> None:
    whole, rest = files(pbx, "rec"), files(pbx, "feature")
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    own = seat_settings(pbx, USER, gateway().base_url, flow=flow)
    ami = {"host": HOST, "port": pbx.ami_port, "username": "proof", "secret": pbx.secret}
    code = {"control": "feature_code", "pause": "*8", "resume": "*9", "ami": ami, "name": "PBX by code"}
    settings = msgspec.structs.replace(own, ami=None, recorders=(code,))
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        desk.registered()
        caller.ring(pbx, f"9{USER}")
        desk.answer()
        caller.marker()
        talk(desk)
        desk.hands.click("choice:call_type=order")
        desk.at("payment")
        desk.until("the mask", desk.unlocked)
        assert "PBX by code" in desk.page.mask.confirmed_by
        assert files(pbx, "feature") == rest
        begun = time.monotonic()
        desk.card(CARD)
        talk(desk)
        assert desk.unlocked(), "a renewed lease presses nothing that would start it again"
        masked = time.monotonic() - begun
        desk.hands.click("choice:")
        desk.at("confirmation")
        desk.until("no mask", lambda: desk.page.mask.phase == "none")
        talk(desk)
        desk.hands.click("hang_up")
        desk.at("end")
    assert [charge.last4 for charge in approved(tmp_path / LEDGER)] == [CARD[-4:]]
    (first,), (second,) = files(pbx, "rec") - whole, files(pbx, "feature") - rest
    for file in (first, second):
        assert (levels(file) > SILENT_DB).any(), "the marker is on it, before and after"
    assert second.stat().st_ctime - first.stat().st_mtime > masked, "and nothing was recorded in between"
