"""A seat on whose calls flow agents speak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from halodesk.runtime.flow_agent.scripted import Completion
from tests.fakes.live_agents import Live
from tests.fakes.seat import Seat, one_seat


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
