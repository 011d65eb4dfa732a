"""A step of a flow hands the caller over: in the real window, over the real PBX, told by what is heard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from halodesk.runtime import settings as s
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.lab.pbx import Pbx
from tests.lab.phones import Seat, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.e2e, pytest.mark.lab]

SOUNDS_DB = -20


@pytest.fixture
def parties(pbx: Pbx, tmp_path: Path) -> Iterator[Callable[[str, str, float], Seat]]:
    """Opens phones that hum."""
    opened: list[Seat] = []

    def party(name: str, user: str, hertz: float) -> Seat:
        tone = write_tone(tmp_path / f"{name}.wav", hertz)
        opened.append(Seat(tmp_path / name, "--microphone", str(tone)))
        opened[-1].register(pbx, user)
        return opened[-1]

    yield party
    for seat in opened:
        seat.quit()


def settings(pbx: Pbx, folder: Path, **config: Any) -> s.Settings:
    """A seat whose flow greets and hands over."""
    flow = {
        "key": "hand-over",
        "name": "Hand over",
        "version": 1,
        "start": "start",
        "steps": [
            {"key": "start", "type": "script", "title": "Hello", "fallback": "give"},
            {"key": "give", "type": "transfer", "title": "To Sam", "fallback": "end", "config": config},
            {"key": "sorry", "type": "script", "title": "Sorry", "fallback": "end"},
            {"key": "end", "type": "end", "title": "End"},
        ],
    }
    path = folder / "hand-over.flow.json"
    path.write_text(json.dumps(flow), encoding="utf-8")
    return replace(seat_settings(pbx, "1003", "http://127.0.0.1:9", flow=path), ami=None)


def to_the_step(desk: DeskSeat, customer: Seat) -> None:
    """The customer calls and is greeted."""
    desk.registered()
    customer.dial("1003", key="customer", account="1004")
    desk.answer()
    desk.seat.window.step.submit_primary()
    desk.at("give")
    desk.seat.window.step.submit_primary()


def rings(desk: DeskSeat, party: Seat) -> None:
    """Lets the window live until a party's phone rings."""
    desk.until("ringing", lambda: any(call.state == "incoming" for call in party.client.snapshot.calls))


def test_the_caller_hears_the_one_he_was_handed_to(
    qtbot: QtBot, pbx: Pbx, parties: Callable[[str, str, float], Seat], tmp_path: Path
) -> None:
    customer, third = parties("customer", "1004", 500), parties("third", "1005", 700)
    with desk_seat(qtbot, settings(pbx, tmp_path, to="1005"), tmp_path / "seat") as desk:
        to_the_step(desk, customer)
        rings(desk, third)
        ringing = third.call("incoming")
        assert ringing.headers["X-HaloDesk-Session"] == desk.seat.desk.session_id
        third.answer()
        desk.until("the wrap-up", lambda: desk.page.step == "end")
        session = desk.seat.desk.session
        assert session is not None
        assert session.state.values["transfer"] == {"success": True, "reason": ""}
        desk.until("the call to end", lambda: session.state.call_left != "")
        assert session.state.call_left == "Handed over to 1005."
        talk(1.0)
        third.hang_up(ringing.key)
        heard = read_stereo(customer.call("ended", "customer"))[-9600:-1600, 1]
        assert (tone_levels(heard, 700) > SOUNDS_DB).mean() > 0.7


@pytest.mark.slow
def test_one_who_is_busy_leads_to_the_route_of_failure(
    qtbot: QtBot, pbx: Pbx, parties: Callable[[str, str, float], Seat], tmp_path: Path
) -> None:
    customer = parties("customer", "1004", 500)
    flow = settings(pbx, tmp_path, to="486", on_failure="sorry")
    with desk_seat(qtbot, flow, tmp_path / "seat") as desk:
        to_the_step(desk, customer)
        desk.at("sorry")
        session = desk.seat.desk.session
        assert session is not None
        assert session.state.values["transfer"] == {"success": False, "reason": "486 is busy."}
        call = desk.seat.desk.call
        assert call is not None
        desk.until("the caller back", lambda: getattr(desk.seat.desk.call, "hold", "") == "off")
        assert customer.client.snapshot.calls[0].state == "active"


@pytest.mark.slow
def test_all_three_are_brought_together(
    qtbot: QtBot, pbx: Pbx, parties: Callable[[str, str, float], Seat], tmp_path: Path
) -> None:
    customer, third = parties("customer", "1004", 500), parties("third", "1005", 700)
    flow = settings(pbx, tmp_path, to="1005", mode="conference")
    with desk_seat(qtbot, flow, tmp_path / "seat") as desk:
        to_the_step(desk, customer)
        rings(desk, third)
        key = third.answer().key
        desk.until("the end of the flow", lambda: desk.page.step == "end")
        desk.until("the conference in sight", lambda: "In conference" in desk.words())
        talk(1.0)
        third.hang_up(key)
        desk.until("alone with the caller", lambda: "In conference" not in desk.words())
        heard = read_stereo(third.call("ended", key))[-9600:-1600, 1]
        assert (tone_levels(heard, 500) > SOUNDS_DB).mean() > 0.7
