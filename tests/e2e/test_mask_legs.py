"""A payment page in a conference: both legs' recordings on the PBX are masked before the boxes unlock.

The real window, with the PBX's manager at the desk and with the server in between. What counts are the files
of the PBX, one for each leg.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from halodesk.demo.gateway.child import GatewayChild
from halodesk.engine import events as e
from halodesk.recording.ami import AmiAccess
from halodesk.runtime.settings import Settings
from halodesk.server import accounts, recorders
from tests.e2e import proof
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat, short_flow
from tests.e2e.ledger import LEDGER, approved
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat, write_tone
from tests.lab.test_mask_conference import silences
from tests.lab.test_mask_pbx import Somebody
from tests.sync.world import World, recorder

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

USER = "1006"
CARD = "4242424242424242"
TALK_S = 1.2


@pytest.fixture
def parties(pbx: Pbx, tmp_path: Path) -> Iterator[Callable[[str, str, float], Seat]]:
    """Opens phones that hum."""
    with ExitStack() as opened:

        def party(name: str, user: str, hertz: float) -> Seat:
            seat = Seat(tmp_path / name, "--no-record", "--microphone", str(hum(name, hertz)))
            opened.callback(seat.quit)
            seat.register(pbx, user)
            return seat

        def hum(name: str, hertz: float) -> Path:
            return write_tone(tmp_path / f"{name}.wav", hertz)

        yield party


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, pbx: Pbx, gateway: Callable[..., GatewayChild], tmp_path: Path
) -> Iterator[Settings]:
    """A seat that masks by itself (`ami`), or an enrolled one whose server does (`central`)."""
    flow = short_flow(FLOW, tmp_path / "short.flow.json")
    own = seat_settings(pbx, USER, gateway().base_url, flow=flow)
    if request.param == "ami":
        yield own
        return
    world = World(tmp_path)
    ami = {"control": "ami", "host": HOST, "port": pbx.ami_port, "username": "lab", "secret": pbx.secret}
    file = world.server_folder / recorders.FILE
    file.write_text(json.dumps({"recorders": [ami]}), encoding="utf-8")
    file.chmod(0o600)
    world.start()
    with recorder(world.enrol("seat")) as seat:
        name = seat.seat
    world.console(partial(accounts.bind, tenant="main", seat=name, account=USER))
    yield msgspec.structs.replace(own, ami=None, recorders=({"control": "central"},))
    world.stop()


def talk(desk: DeskSeat) -> None:
    """All talk for a moment while the window lives."""
    end = time.monotonic() + TALK_S
    desk.until("the talk to end", lambda: time.monotonic() >= end)


def held(desk: DeskSeat) -> list[e.MaskChanged]:
    """Every proof of the session so far."""
    found = [event for _, event in desk.records.stamped() if isinstance(event, e.MaskChanged)]
    return [event for event in found if event.phase == "held"]


def resume_second_leg(desk: DeskSeat, pbx: Pbx, uniqueid: str) -> None:
    """Somebody else lets the recording of the consulted leg go on."""

    async def run() -> None:
        somebody = Somebody(AmiAccess(host=HOST, port=pbx.ami_port, username="lab", secret=pbx.secret))
        somebody.client.start()
        await somebody.does("Ping")
        rows = await somebody.client.ask_list("CoreShowChannels", timeout_s=5)
        (channel,) = [row.get("Channel") for row in rows if row.get("Uniqueid") == uniqueid]
        await somebody.does("MixMonitorMute", Channel=channel, Direction="both", State="0")
        await somebody.client.close()

    desk.seat.io.submit(run()).result(10)


@pytest.mark.parametrize(
    "settings", ["ami", pytest.param("central", marks=pytest.mark.slow)], indirect=["settings"]
)
def test_a_card_in_a_conference_is_on_the_recording_of_neither_leg(
    qtbot: QtBot,
    pbx: Pbx,
    parties: Callable[[str, str, float], Seat],
    settings: Settings,
    tmp_path: Path,
) -> None:
    customer, third = parties("customer", "1004", 500), parties("third", "1005", 700)
    before = proof.recordings(pbx)
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        desk.registered()
        customer.dial(f"9{USER}", key="customer", account="1004")
        desk.answer()
        talk(desk)  # Asterisk is still joining the two: a hold within the first 20 ms makes it end the call
        first = proof.newest(pbx, before)
        desk.seat.desk.transfer("91005", attended=True)
        desk.until("ringing", lambda: any(c.state == "incoming" for c in third.client.snapshot.calls))
        third.answer()
        desk.until("the way to a conference", lambda: desk.hands.can_use("leg_0_merge"))
        desk.hands.click("leg_0_merge")
        desk.until("the conference in sight", lambda: "In conference" in desk.words())
        second = proof.newest(pbx, before | {first})
        talk(desk)

        desk.hands.click("choice:call_type=order")
        desk.at("payment")
        desk.until("the mask", desk.unlocked)
        desk.until("the proof on disk", lambda: bool(held(desk)))
        names = held(desk)[-1].confirmed_by
        platform = [name for name in names if name != "HaloDesk recorder"]
        assert len(platform) == 2, names
        assert platform[1] == f"{platform[0]}, call 2", "each leg has its own proof"

        desk.hands.type("field:card_number", CARD[:8])
        assert desk.typed("card_number") == 8
        proofs = len(held(desk))
        resume_second_leg(desk, pbx, second.stem.removeprefix("rec-"))
        desk.until("masked again", lambda: len(held(desk)) > proofs)
        desk.until("unlocked again", desk.unlocked)
        assert desk.typed("card_number") == 0, "the leg beside the customer's blanks the boxes, too"
        talk(desk)  # a gap that is long enough to be found

        desk.card(CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
        desk.until("no mask", lambda: desk.page.mask.phase == "none" and not desk.seat.keeper.leases)
        talk(desk)
        (span,) = proof.spans(desk.records.record())
        third.hang_up(third.client.snapshot.calls[0].key)
        desk.hands.click("hang_up")
        desk.at("end")
    assert [charge.last4 for charge in approved(tmp_path / LEDGER)] == [CARD[-4:]]
    masked = sum(length for _, length, _ in silences(first, 0.3))
    assert masked >= span.left - span.held - 0.1, "the customer's leg was silent all the time"
    quiet = silences(second, 0.3)
    assert sum(length for _, length, _ in quiet) >= span.left - span.held - 0.5
    for gaps in (silences(first, 0.3), quiet):
        assert gaps[0][0] > 0.5, "it did record before"
        assert gaps[-1][2] > 0.5, "and does again"
