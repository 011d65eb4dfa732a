"""The doctor's lines about queues and contacts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from halodesk.runtime import settings as s
from halodesk.runtime.agent_settings import Directory, QueueCodes, QueueManager, Queues
from halodesk.selftest import day
from tests.fakes.ami import FakeAmi


@pytest.fixture
def pbx() -> Iterator[FakeAmi]:
    """A manager interface in a thread of its own: the doctor has a loop of its own."""
    server, loop = FakeAmi(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def in_queue(server: FakeAmi, secret: str = "") -> s.Settings:
    manager = QueueManager(
        host="127.0.0.1", port=server.port, username=server.username, secret=secret or server.secret
    )
    return s.Settings(queues=Queues(control="ami", names=("support",), ami=manager))


def test_a_seat_without_them() -> None:
    assert day.queues(s.Settings()).state == "not_checked"
    assert day.contacts(s.Settings()).state == "not_checked"
    codes = Queues(control="codes", codes=QueueCodes(pause="*47"))
    assert "dialling" in day.queues(s.Settings(queues=codes)).message


def test_a_manager_without_the_right(pbx: FakeAmi) -> None:
    pbx.denied = {"QueueStatus"}
    found = day.queues(in_queue(pbx))
    assert (found.state, "does not let" in found.message) == ("problem", True)
    assert not pbx.sent("QueueAdd") + pbx.sent("QueueRemove") + pbx.sent("QueuePause")


def test_a_manager_that_refuses_the_user(pbx: FakeAmi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "ANSWER_S", 1.0)
    found = day.queues(in_queue(pbx, secret="wrong"))
    assert found.state == "problem"
    assert "refuses the manager user" in found.message


def test_contacts(tmp_path: Path) -> None:
    file = tmp_path / "team.csv"
    given = s.Settings(directory=Directory(files=(str(file),)))
    assert day.contacts(given).state == "problem"
    file.write_text("name,phone\n", encoding="utf-8")
    assert day.contacts(given).state == "warning"
    file.write_text("name,phone\nBo,1002\n", encoding="utf-8")
    assert (day.contacts(given).state, day.contacts(given).message) == ("ok", "1 number(s).")
