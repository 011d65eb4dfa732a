"""What tests of flow agents on calls and of the co-pilot share: a seat, an order's page, rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from halodesk.connectors.llm import open_llm
from halodesk.connectors.llm.provider import LlmAccount
from halodesk.engine.flow_agent.manner import Manner
from halodesk.runtime.flow_agent.scripted import Completion
from tests.fakes.copilot import Room, order_desk
from tests.fakes.live_agents import Live
from tests.fakes.llm_server import LlmServer, llm_server
from tests.fakes.seat import Seat, one_seat
from tests.ui.fake_desk import FakeDesk

Opens = Callable[..., Room]
"""A room whose co-pilot listens, with the model of this server where one is given."""


@pytest.fixture
def seat() -> Iterator[Seat]:
    with one_seat() as begin:
        yield begin()


@pytest.fixture
def open_(seat: Seat, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    made: list[Live] = []

    def make(*script: Completion, **more: Any) -> Live:
        made.append(Live(seat, tmp_path, *script, **more))
        return made[-1]

    yield make
    for one in made:
        one.live.close()


@pytest.fixture
def desk() -> FakeDesk:
    return order_desk()


@pytest.fixture
def open_room(desk: FakeDesk) -> Iterator[Opens]:
    opened: list[Room] = []

    def make(server: LlmServer | None = None, **more: Any) -> Room:
        if server is not None:
            account = LlmAccount(
                provider="openai", model="m-1", url=server.url, api_key="k", price_prompt=1.0
            )
            more.setdefault("models", lambda: [open_llm(account)])
        more.setdefault("manner", Manner(first_token_s=0.6, stall_s=0.4))
        room = Room(desk, today=lambda: date(2026, 11, 21), **more)
        opened.append(room)
        room.begin()
        return room

    yield make
    for room in opened:
        room.close()


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with llm_server() as made:
        yield made
