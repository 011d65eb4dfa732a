"""Whose sessions may be looked at, where people sign in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from halodesk.runtime.log import SessionLog
from halodesk.runtime.review import Review, ReviewProblem, SessionList, SessionQuery
from halodesk.store.review import SessionReview
from halodesk.store.seat_store import SeatStore
from tests.fakes.keys import cheap_keys  # noqa: F401  # a fixture
from tests.fakes.order import Run
from tests.fakes.player import SilentPlayer
from tests.unit.test_session_live import Still


class World:
    """A session of one agent, and who looks."""

    def __init__(self, folder: Path) -> None:
        self.store = SeatStore(folder)
        self.store.seat()
        run = Run().to_offer()
        self.store.keep_flow(run.flow)
        log = SessionLog(session="s1", seat="s", clock=Still())
        self.store.append(log.stamp(run.events, flow="f", version=1)).result(10)
        self.owner = self.store.sessions.find("s1").agent
        self.only: str | None = None
        self.said: Queue[Callable[[], None]] = Queue()
        self.review = SessionReview(
            self.store, self.said.put, SilentPlayer(Still()), sees_only=lambda: self.only
        )

    def ask(self, wish: Callable[..., None], *args: Any) -> Any:
        heard: list[Any] = []
        wish(*args, heard.append)
        self.said.get(timeout=30)()
        return heard[0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.review.close()
    made.store.close()


@pytest.mark.parametrize("who", ["owner", "other", "all"])
def test_an_agent_sees_the_own_and_exports_none(world: World, tmp_path: Path, who: str) -> None:
    world.only = {"owner": world.owner, "other": "Zoe", "all": None}[who]
    found = world.ask(world.review.search, SessionQuery())
    assert isinstance(found, SessionList)
    mine = who != "other"
    assert (len(found.lines), found.total) == ((1, 1) if mine else (0, 0))
    opened = world.ask(world.review.open, "s1")
    assert isinstance(opened, Review if mine else ReviewProblem)
    checked = world.ask(world.review.verify, "s1")
    assert isinstance(checked, ReviewProblem) != mine
    file = tmp_path / "out.jsonl"
    told = world.ask(world.review.export, "s1", "jsonl", file)
    assert isinstance(told, ReviewProblem) == (who != "all")
    assert file.exists() == (who == "all")
