"""An agent's day over the real PBX: in the queue, a call, wrap-up with an outcome, a break without calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from halodesk.runtime import settings as s
from halodesk.runtime.agent_ports import Mailbox, QueueMember
from halodesk.runtime.agent_settings import AgentRules, Directory, QueueManager, Queues, Voicemail
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.lab.pbx import SECRET, Pbx
from tests.lab.phones import Seat, talk

pytestmark = [pytest.mark.e2e, pytest.mark.lab]

QUEUE = "700"


@pytest.fixture
def customer(pbx: Pbx, tmp_path: Path) -> Iterator[Seat]:
    """Endpoint 1004, who calls."""
    seat = Seat(tmp_path / "customer")
    seat.register(pbx, "1004")
    yield seat
    seat.quit()


def settings(pbx: Pbx, folder: Path) -> s.Settings:
    """A seat in the queue, whose flow asks for no outcome."""
    flow = {
        "key": "greet",
        "name": "Greet",
        "version": 1,
        "start": "start",
        "steps": [
            {"key": "start", "type": "script", "title": "Hello", "fallback": "end"},
            {"key": "end", "type": "end", "title": "End"},
        ],
    }
    path = folder / "greet.flow.json"
    path.write_text(json.dumps(flow), encoding="utf-8")
    team = folder / "team.csv"
    team.write_text("name,phone\nBo Berg,1005\n", encoding="utf-8")
    manager = QueueManager(host=pbx.host, port=pbx.ami_port, username="lab", secret=SECRET)
    return replace(
        seat_settings(pbx, "1003", "http://127.0.0.1:9", flow=path),
        ami=None,
        queues=Queues(control="ami", names=("support",), ami=manager),
        agent_state=AgentRules(
            reasons=("Lunch",),
            wrap_up_s=600,
            dispositions=("Sold", "Not sold"),
            force_disposition=True,
            missed_after_s=0,
        ),
        directory=Directory(files=(str(team),), lamps="100[0-9]"),
        voicemail=Voicemail(number="*97"),
    )


def in_queue(desk: DeskSeat, what: str, *, paused: bool, reason: str = "") -> None:
    """Until the PBX itself says so."""
    wanted = QueueMember(queue="support", member=True, paused=paused, reason=reason)

    def holds() -> bool:
        view = desk.seat.day.agent.view.queues
        return view is not None and view.members == (wanted,) and not view.problem

    desk.until(what, holds)


def shown(desk: DeskSeat) -> str:
    """The state that is shown."""
    return desk.seat.day.agent.view.shown


def rings(desk: DeskSeat) -> Callable[[], bool]:
    """Whether a call can be taken."""
    return lambda: desk.hands.can_use("answer_call")


def test_a_day_in_the_queue(qtbot: QtBot, pbx: Pbx, customer: Seat, tmp_path: Path) -> None:
    config = settings(pbx, tmp_path)
    with desk_seat(qtbot, config, tmp_path / "seat") as desk:
        agent = desk.seat.day.agent
        desk.registered()
        in_queue(desk, "logged in", paused=False)
        assert "Kim Larsen" in pbx.cli("queue show support")

        # a call of the queue, and what follows it
        customer.dial(QUEUE, key="first", account="1004")
        desk.answer()
        in_queue(desk, "no second call during the first", paused=True, reason="On a call")
        customer.hang_up("first")
        desk.until("the end of the call", lambda: shown(desk) == "wrap_up")
        in_queue(desk, "no call during wrap-up", paused=True, reason="Wrap-up")
        desk.seat.window.step.submit_primary()
        desk.at("end")
        desk.seat.window.step.submit_primary()
        desk.until("the end of the flow", lambda: desk.page.ended)
        desk.hands.click("close_session")
        assert desk.seat.desk.session is not None, "no outcome, no end"
        assert "Choose first how the call ended." in desk.words()
        desk.hands.click("outcome:Sold")
        session = desk.seat.desk.session_id
        desk.hands.click("close_session")
        desk.until("ready again", lambda: shown(desk) == "ready")
        in_queue(desk, "taking calls again", paused=False)
        [line] = agent.calls
        assert (line.outcome, line.session, line.missed) == ("Sold", session, False)

        # a break: nothing is offered, although somebody waits
        assert agent.choose("not_ready", "Lunch") is None
        in_queue(desk, "the break", paused=True, reason="Lunch")
        customer.dial(QUEUE, key="second", account="1004")
        customer.call("active", "second")
        talk(3.0)  # the PBX tries its members once a second
        qtbot.wait(1)
        assert not rings(desk)()
        assert "has 1 calls" in pbx.cli("queue show support")
        assert agent.choose("ready") is None
        desk.until("the one who waited", rings(desk))

        # he gives up: nobody seems to be here
        customer.hang_up("second")
        desk.until("missed", lambda: agent.missed == 1)
        desk.until("not ready", lambda: agent.view.reason == "Missed call")
        in_queue(desk, "taken out of the way", paused=True, reason="Missed call")

        # who is free, and what waits in the voicemail
        desk.seat.window.show_page(2)
        desk.until("a lamp", lambda: agent.lamps == {"1005": "idle"})
        desk.until("the mailbox", lambda: agent.mailbox == Mailbox())
        assert "Directory" in desk.words()
    assert "Kim Larsen" not in pbx.cli("queue show support"), "who leaves is logged out"

    with desk_seat(qtbot, config, tmp_path / "seat") as desk:
        agent = desk.seat.day.agent
        assert (agent.view.shown, agent.view.reason) == ("not_ready", "Missed call")
        in_queue(desk, "as it was left", paused=True, reason="Missed call")
        assert [call.missed for call in agent.calls] == [True, False]
        facts = [fact[2] for fact in desk.seat.store.agent_day.facts()]
        assert facts[:5] == ["ready", "ringing", "talking", "wrap_up", "wrap_up"]
