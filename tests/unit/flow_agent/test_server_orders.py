"""A call that the server orders, at the seat: dialled by the window as a command's is, and told of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halodesk.app.agent_orders import AgentOrders
from halodesk.app.server_orders import ServerOrders
from halodesk.engine.flow_agent.document import Document
from halodesk.protocol import phone_link as link
from halodesk.protocol.call_orders import CallOrder, OrderReport
from halodesk.runtime.flow_agent.scripted import Completion, Said
from tests.fakes.flow_agent import agent, node
from tests.fakes.live_agents import Live
from tests.unit.flow_agent.test_agent_orders import DOCUMENT, out

BYE = Completion(text="Goodbye.", calls=(Said(name="end_call"),))


def given(document: Document = DOCUMENT, **more: Any) -> CallOrder:
    data = msgspec.json.encode(document.source)
    fields: dict[str, Any] = {"to": "+15550142", "parameters": {"who": "Ben"}, "document": data}
    sha256 = hashlib.sha256(data).hexdigest()
    return CallOrder(order="o-1", agent="a-1", version=1, sha256=sha256, **(fields | more))


class Window:
    """The window's part, over a desk with fakes."""

    def __init__(self, live: Live, folder: Path) -> None:
        self.live, self.locked, self.closed = live, False, False
        self.reports: list[tuple[str, str, str]] = []
        self.calls = AgentOrders(
            folder,
            live.live,
            live.seat.desk,
            io=live.seat.io,
            post=live.seat.posted.put,
            locked=lambda: self.locked,
        )
        self.orders = ServerOrders(self.calls, self._told)

    def _told(self, order: str, said: OrderReport) -> None:
        self.reports.append((order, said.state, said.reason))

    def tell(self, notice: link.CallChanged) -> None:
        self.live.seat.desk.phone_notice(notice)

    @property
    def dialled(self) -> list[str]:
        return [one.to for one in self.live.seat.phone.of(link.Dial)]


@pytest.fixture
def open_window(open_: Callable[..., Live], tmp_path: Path) -> Iterator[Callable[..., Window]]:
    made: list[Window] = []

    def make(*script: Completion) -> Window:
        made.append(Window(open_(*script), tmp_path))
        return made[-1]

    yield make
    for one in made:
        if not one.closed:
            one.calls.close()


def test_it_is_dialled_spoken_and_told(open_window: Callable[..., Window]) -> None:
    window = open_window(BYE)
    window.orders.take(given())
    assert window.dialled == ["+15550142"]
    window.tell(out("outgoing"))
    window.live.until(lambda: window.live.lines)
    window.live.seat.still()
    assert window.reports == []
    for _ in range(2):
        window.tell(out("active", answered_at=1.0))
    assert window.reports == [("o-1", "answered", "")]
    window.live.until(lambda: window.live.told() == ["Hello Ben."])
    assert window.live.view.mode == "agent", "whoever sits there sees it, and could take over"
    window.live.until(lambda: window.live.view.phase == "terminal_wait")
    window.live.hear("Yes.")
    window.live.until(lambda: window.live.view.phase == "ended")
    window.tell(out("ended", answered_at=1.0))
    window.live.until(lambda: len(window.reports) == 2)
    assert window.reports[-1] == ("o-1", "ended", "end_call")


def test_nobody_answers(open_window: Callable[..., Window]) -> None:
    window = open_window()
    window.orders.take(given())
    window.tell(out("early"))
    window.tell(out("ended", reason="Busy."))
    assert window.reports == [("o-1", "ended", "Busy.")]


def test_a_window_that_closes_says_so(open_window: Callable[..., Window]) -> None:
    window = open_window()
    window.orders.take(given())
    window.calls.close()
    window.closed = True
    assert window.reports == [("o-1", "ended", "HaloDesk was closed.")]


BROKEN = agent(node("one", to={"on": "nowhere"}))
REFUSED = {
    "locked": "Nobody has signed in",
    "a call": "a call or an open session",
    "another order": "already",
    "for help": "calls for help",
    "for help, with a plus": "calls for help",
    "a feature code": "no telephone number",
    "an address": "no telephone number",
    "broken": "must not speak",
    "no document": "JSON",
}
TO = {
    "for help": "112",
    "for help, with a plus": "+112",
    "a feature code": "*21*5550142#",
    "an address": "sip:x@example.com",
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_a_seat_refuses_it_says_and_dials_nothing(why: str, open_window: Callable[..., Window]) -> None:
    window = open_window()
    window.locked = why == "locked"
    if why == "a call":
        window.live.seat.take()
    if why == "another order":
        window.orders.take(given())
    dialled = window.dialled
    order = given(BROKEN if why == "broken" else DOCUMENT, to=TO.get(why, "+15550142"))
    if why == "no document":
        order = msgspec.structs.replace(order, document=b"{")
    window.orders.take(order)
    ((_, state, reason),) = window.reports
    assert state == "refused"
    assert REFUSED[why] in reason
    assert window.dialled == dialled
