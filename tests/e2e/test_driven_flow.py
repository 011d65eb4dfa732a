"""The shipped order on a real call in the real window by two drivers: a flow agent, a human for the card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from halodesk.demo.gateway.child import GatewayChild
from halodesk.engine import events as e
from halodesk.protocol.phone_link import SendDtmf
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.halo_live import OFFER
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.fakes.llm_server import LlmServer, Reply
from tests.fakes.order import ADDRESS
from tests.lab.pbx import Pbx
from tests.lab.phones import Seat

pytestmark = [pytest.mark.lab, pytest.mark.e2e, pytest.mark.slow]

CARD, EXPIRY, CVV = "5555555555554444", "1130", "739"
NAMES = {"first_name": "Jordan", "last_name": "Miller", "phone": "202 555 0143"}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "Welcome": ("place_an_order", {}),
    "Gather caller info": ("continue", NAMES),
    "Main offer: Nap Enhancer": ("yes", {}),
    "Upsell: Dream Journal": ("no_just_the_capsules", {}),
    "Billing and shipping": ("to_the_payment", {"billing_address": ADDRESS}),
    "Confirmation": ("confirmed", {}),
}
"""What the scripted model calls on each page, once the caller has pressed a key there."""


def answer(body: dict[str, Any]) -> Reply:
    """By the page it is shown, so that a busy machine may ask twice."""
    system = str(body["messages"][0]["content"])
    if "say goodbye" in system:
        return Reply(text="Goodbye.", calls=(("end_call", "{}"),))
    found = re.search(r'\{"page":"(.*?)"', system)
    title = found[1] if found else ""
    if body["messages"][-1]["role"] != "user" or "#" not in str(body["messages"][-1]["content"]):
        return Reply(text=f"This is {title}.")
    name, arguments = WAYS[title]
    return Reply(calls=((name, json.dumps(arguments)),))


@pytest.fixture
def model() -> Iterator[LlmServer]:
    server = LlmServer(answer)
    yield server
    server.stop()


def test_a_flow_agent_takes_the_order_and_a_human_the_card(
    qtbot: QtBot,
    tmp_path: Path,
    pbx: Pbx,
    gateway: Callable[..., GatewayChild],
    model: LlmServer,
) -> None:
    settings = seat_settings(pbx, "1003", gateway().base_url)
    settings = msgspec.structs.replace(
        settings,
        network=s.Network(codecs=("g722", "pcma")),
        llm=({"provider": "openai", "model": "scripted", "url": model.url, "api_key": "k"},),
    )
    far = Seat(tmp_path / "far", "--codecs", "g722,pcma")
    try:
        far.register(pbx, "1004")
        with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
            desk.registered()
            far.dial("91003", key="far", account="1004")
            desk.answer()
            far.call("active", "far")
            drive(desk, far)
            desk.until("the goodbye", lambda: desk.seat.live.view.reason == "end_call")
            desk.at("end")
            session = desk.seat.desk.session
            assert session is not None
            state = session.state
            events = desk.records.record().events
    finally:
        far.quit()
    assert state.values["billing_address"]["city"] == ADDRESS["city"]
    assert [line.item for line in state.cart.lines] == ["nap-enhancer"]
    assert state.paid is not None
    began = [one for one in events if isinstance(one, e.FlowAgentBegan)]
    assert [one.by for one in began] == ["Kim Larsen"], "one conversation, before the card and after it"
    acted = [one.kind for one in events if isinstance(one, e.FlowAgentActed)]
    assert acted.count("taken_over") == acted.count("handed_back") == 1
    seen = json.dumps(model.seen)
    for canary in (CARD, EXPIRY, CVV, "card_number", "card_cvv"):
        assert canary not in seen


def drive(desk: DeskSeat, far: Seat) -> None:
    """Through the pages by keys of the caller; the card by the human."""
    live = desk.seat.live

    def spoken(step: str) -> Callable[[], bool]:
        return lambda: live.view.node == step and live.view.phase == "listening"

    desk.until("the offer", lambda: OFFER in live.view.agents)
    desk.hands.click("put_on_call")
    for step in ("start", "gather", "main_offer", "upsell", "billing"):
        desk.until(f"words at {step}", spoken(step), 30_000)
        desk.at(step)
        far.ask(SendDtmf(call="far", digits="#"))
    desk.at("payment")
    desk.until("the human", lambda: live.view.mode == "human")
    desk.card(CARD, EXPIRY, CVV)
    desk.hands.click("choice:")
    desk.at("confirmation")
    desk.until("no mask", lambda: desk.page.mask.phase == "none")
    desk.hands.click("live_hand_back")
    desk.until("words of the confirmation", spoken("confirmation"), 30_000)
    far.ask(SendDtmf(call="far", digits="#"))
