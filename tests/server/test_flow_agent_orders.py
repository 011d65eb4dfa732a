"""Orders for calls at a real server process: who may, what is refused, and one that a linked seat makes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.sync.client import connect

from halodesk.app.agent_orders import AgentOrders
from halodesk.app.server_orders import ServerOrders
from halodesk.protocol import phone_link as link
from halodesk.protocol.call_orders import CallOrder
from halodesk.protocol.sync import Hello, Poke
from halodesk.runtime.flow_agent.scripted import Completion, Said
from halodesk.store.seat_store import SeatStore
from halodesk.sync.service import SyncService
from tests.fakes.flow_agent import agent, node
from tests.fakes.live_agents import Live
from tests.fakes.seat import Seat, one_seat
from tests.server.test_http import Site
from tests.unit.flow_agent.test_agent_orders import out

BYE = Completion(text="Goodbye.", calls=(Said(name="end_call"),))
PATIENCE_S = 15.0
TO = "+1 (555) 014-2"
VARIABLES = {"who": {"type": "string", "description": "Their name."}, "dues": {"type": "number"}}


def document(name: str) -> dict[str, Any]:
    made = agent(
        node("one", is_initial=True, is_terminal=True), greeting="Hello {{who}}.", context_variables=VARIABLES
    )
    source = dict(made.source)
    return {**source, "agent": {**source["agent"], "name": name}}


class Desk:
    """A site with one agent, and seats that hear."""

    def __init__(self, site: Site) -> None:
        self.site = site
        saved = site.http.post("/api/agents/import", json=document("clinic"), headers=site.headers("anna"))
        self.agent = saved.json()["agent_id"]

    def order(self, key: str, who: str = "anna", agent: str = "", **more: Any) -> httpx.Response:
        wish = {"to": TO, "seat": "one", "custom_parameters": {"who": "Ben"}} | more
        headers = self.site.headers(who) | ({"Idempotency-Key": key} if key else {})
        return self.site.http.post(f"/api/agents/{agent or self.agent}/calls", json=wish, headers=headers)

    def state(self, order: str, who: str = "anna") -> httpx.Response:
        return self.site.http.get(f"/api/agents/{self.agent}/calls/{order}", headers=self.site.headers(who))

    def told(self, order: str) -> tuple[str, str]:
        found = self.state(order).json()
        return found["state"], found["reason"]

    def none_waits(self) -> None:
        """Seat “one” has nothing to do."""
        for order in self.seat("GET", "").json()["orders"]:
            self.seat("POST", f"/{order}/report", {"state": "refused"})

    def seat(self, method: str, path: str, body: Any = None, who: str = "one") -> httpx.Response:
        return self.site.http.request(method, f"/v1/orders{path}", json=body, headers=self.site.headers(who))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield Desk(site)
    site.http.close()
    site.world.stop()


def test_an_order_goes_to_its_seat_and_is_taken_once(desk: Desk) -> None:
    placed = desk.order("k-1")
    assert placed.status_code == 202
    order = placed.json()["order"]
    assert (placed.json()["state"], placed.json()["version"]) == ("waiting", 1)
    assert desk.seat("GET", "", who="two").json()["orders"] == []
    assert order in desk.seat("GET", "").json()["orders"]
    assert desk.seat("POST", f"/{order}/take", {"taker": "b"}, who="two").status_code == 404
    taken = desk.seat("POST", f"/{order}/take", {"taker": "a"}).json()
    assert (taken["to"], taken["parameters"]) == ("+15550142", {"who": "Ben"})
    data = msgspec.convert(taken["document"], bytes, builtin_types=())
    assert msgspec.json.decode(data) == document("clinic")
    assert hashlib.sha256(data).hexdigest() == taken["sha256"]
    assert desk.seat("POST", f"/{order}/take", {"taker": "a"}).json() == taken, (
        "its answer may have been lost"
    )
    assert desk.seat("POST", f"/{order}/take", {"taker": "b"}).status_code == 409, "another window"
    assert order not in desk.seat("GET", "").json()["orders"]
    assert desk.state(order).json()["state"] == "taken"
    assert desk.seat("POST", f"/{order}/report", {"state": "answered"}).json() == {"state": "answered"}
    for _ in range(2):
        ended = desk.seat("POST", f"/{order}/report", {"state": "ended", "reason": "end_call"})
        assert ended.json() == {"state": "ended"}
    assert desk.seat("POST", f"/{order}/report", {"state": "answered"}).status_code == 409
    found = desk.state(order).json()
    assert (found["state"], found["reason"]) == ("ended", "end_call")


def test_the_same_key_is_the_same_order(desk: Desk) -> None:
    first = desk.order("k-2").json()["order"]
    again = desk.order("k-2")
    assert (again.status_code, again.json()["order"]) == (202, first)
    other = desk.order("k-2", to="+15550143")
    assert (other.status_code, other.json()["code"]) == (409, "key_used")
    assert desk.order("k-3").json()["order"] != first


REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "no key": (400, "idempotency_key", {"key": ""}),
    "a seat's token": (403, "role", {"who": "one"}),
    "nobody's": (401, "token_missing", {"who": ""}),
    "agent": (404, "not_found", {"agent": "nobody"}),
    "seat": (404, "seat_unknown", {"seat": "three"}),
    "no number": (422, "number", {"to": "my mother"}),
    "a feature code": (422, "number", {"to": "*21*5550142#"}),
    "help": (422, "emergency", {"to": "+9 1-1"}),
    "undeclared": (422, "parameters", {"custom_parameters": {"loan": "1"}}),
    "nested": (422, "parameters", {"custom_parameters": {"who": {"a": 1}}}),
    "long": (422, "parameters", {"custom_parameters": {"who": "x" * 2001}}),
    "too soon": (422, "expires_s", {"expires_s": 1}),
    "no text": (400, "malformed", {"to": 5}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused(desk: Desk, why: str) -> None:
    status, code, given = REFUSED[why]
    answer = desk.order(**({"key": f"r-{why.replace(' ', '-')}"} | given))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_nobody_else_sees_an_order(desk: Desk) -> None:
    order = desk.order("k-4").json()["order"]
    assert desk.state(order, "one").status_code == 403
    assert desk.state("nothing").status_code == 404
    assert desk.seat("POST", f"/{order}/report", {"state": "refused"}, who="two").status_code == 404
    assert desk.seat("GET", "", who="anna").status_code == 403


def test_a_connected_seat_is_told_and_one_that_comes_too(desk: Desk) -> None:
    def hear(socket: Any) -> Poke:
        while True:
            said = msgspec.json.decode(socket.recv(timeout=10), type=Poke)
            if said.orders:
                return said

    url = desk.site.world.url.replace("http", "ws") + "/v1/push"
    with connect(url, additional_headers=desk.site.headers("two")) as socket:
        socket.send(msgspec.json.encode(Hello(cursor=0)))
        desk.order("k-5", seat="two")
        assert hear(socket).orders
    with connect(url, additional_headers=desk.site.headers("two")) as socket:
        socket.send(msgspec.json.encode(Hello(cursor=0)))
        assert hear(socket).orders


class Linked:
    """The seat “one” of a site: a desk with a fake phone, and its own link to the server."""

    def __init__(self, site: Site, seat: Seat, folder: Path, *, allowed: bool) -> None:
        self.io = seat.io
        self.live = Live(seat, folder, BYE)
        self.calls = AgentOrders(
            folder, self.live.live, seat.desk, io=seat.io, post=seat.posted.put, locked=lambda: False
        )
        self.orders = ServerOrders(
            self.calls, lambda order, said: seat.io.call(self.sync.orders.report, order, said)
        )
        self.store = SeatStore(site.world.folder / "one")
        found = self.store.sync.link()
        assert found is not None

        def came(order: CallOrder) -> None:
            seat.posted.put(lambda: self.orders.take(order))

        async def begin() -> SyncService:
            on_order = came if allowed else None
            made = SyncService(
                self.store.sync, found, seat=self.store.seat(), on_flow=lambda flow: None, on_order=on_order
            )
            made.start()
            return made

        self.sync = seat.io.submit(begin()).result(PATIENCE_S)

    def close(self) -> None:
        self.calls.close()
        self.io.submit(self.sync.close()).result(PATIENCE_S)
        self.live.live.close()
        self.store.close()

    def told(self) -> None:
        """All that the seat had to say is at the server."""
        self.io.submit(self.sync.orders.sent()).result(PATIENCE_S)

    @property
    def dialled(self) -> list[str]:
        return [one.to for one in self.live.seat.phone.of(link.Dial)]


def test_ordered_taken_answered_ended_and_dialled_once(desk: Desk, tmp_path: Path) -> None:
    desk.none_waits()
    with one_seat() as begin:
        linked = Linked(desk.site, begin(), tmp_path, allowed=True)
        try:
            live = linked.live
            placed = desk.order("e-1").json()["order"]
            live.until(lambda: linked.dialled)
            assert linked.dialled == ["+15550142"]
            assert desk.told(placed) == ("taken", "")
            live.seat.desk.phone_notice(out("outgoing"))
            live.until(lambda: live.lines)
            live.seat.still()
            live.seat.desk.phone_notice(out("active", answered_at=1.0))
            linked.told()
            assert desk.told(placed) == ("answered", "")
            live.until(lambda: live.told() == ["Hello Ben."])
            live.until(lambda: live.view.phase == "terminal_wait")
            live.hear("Yes.")
            live.until(lambda: live.view.phase == "ended")
            live.seat.desk.phone_notice(out("ended", answered_at=1.0))
            live.seat.still()
            linked.told()
            assert desk.told(placed) == ("ended", "end_call")
            assert desk.order("e-1").json()["order"] == placed
            linked.io.submit(linked.sync.orders.once()).result(PATIENCE_S)
            live.seat.still()
            assert linked.dialled == ["+15550142"]
        finally:
            linked.close()


def test_a_seat_that_is_killed_with_an_order_loses_it_and_its_next_life_does_not_dial(
    desk: Desk, tmp_path: Path
) -> None:
    desk.none_waits()
    with one_seat() as begin:
        linked = Linked(desk.site, begin(), tmp_path, allowed=True)
        placed = desk.order("e-2").json()["order"]
        linked.live.until(lambda: linked.dialled)
        linked.sync.orders.report = lambda order, said: None  # type: ignore[method-assign]  # it says nothing more
        linked.close()
        again = Linked(desk.site, begin(), tmp_path / "again", allowed=True)
        try:
            again.sync.orders.wake()
            again.io.submit(again.sync.orders.once()).result(PATIENCE_S)
            again.live.seat.still()
            assert again.dialled == []
            assert desk.told(placed) == ("taken", ""), "and lost, later"
        finally:
            again.close()


def test_a_seat_whose_settings_do_not_allow_it_says_so(desk: Desk, tmp_path: Path) -> None:
    desk.none_waits()
    with one_seat() as begin:
        linked = Linked(desk.site, begin(), tmp_path, allowed=False)
        try:
            placed = desk.order("e-3").json()["order"]

            async def look() -> None:
                linked.sync.orders.wake()
                await linked.sync.orders.once()

            linked.io.submit(look()).result(PATIENCE_S)
            linked.told()
            told, why = desk.told(placed)
            assert (told, "settings do not allow" in why, linked.dialled) == ("refused", True, [])
        finally:
            linked.close()
