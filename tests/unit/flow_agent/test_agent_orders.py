"""A flow agent's call that a command asks of the open window: its files, the window's part, the command's."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.app.agent_call import Talked
from halodesk.app.agent_orders import AgentOrders
from halodesk.cli import flow_agent_window as command
from halodesk.engine import events as s
from halodesk.engine.errors import HaloDeskError, PhoneAwayError, PhoneRefusedError, SettingsError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.log import Head, Line, head
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.protocol import phone_link as link
from halodesk.runtime.agent_order import Order, OrderFiles, Outcome
from halodesk.runtime.flow_agent.scripted import Completion, Said
from tests.fakes.flow_agent import agent, node, sample_flow
from tests.fakes.live_agents import Live
from tests.fakes.loops import in_loop
from tests.fakes.phone import ringing

BYE = Completion(text="Goodbye.", calls=(Said(name="end_call"),))
DOCUMENT = agent(
    node("one", is_initial=True, is_terminal=True),
    greeting="Hello {{who}}.",
    context_variables={"who": {"type": "string", "description": "Their name."}},
)


def placed(folder: Path, **more: Any) -> OrderFiles:
    given: dict[str, Any] = {
        "document": dict(DOCUMENT.source),
        "to": "+15550142",
        "parameters": {"who": "Ben"},
    }
    return OrderFiles.place(folder, Order(**(given | more)))


def out(state: link.CallState, **more: Any) -> link.CallChanged:
    """The call that was dialled."""
    call = ringing(key="k9", sip_call_id="sip-9", direction="out", state=state, remote_number="+15550142")
    return link.CallChanged(call=replace(call, **more))


class Window:
    """The window's part, over a desk with fakes."""

    def __init__(self, live: Live, folder: Path) -> None:
        self.live, self.desk, self.folder, self.locked = live, live.seat.desk, folder, False
        self.closed = False
        self.orders = AgentOrders(
            folder,
            live.live,
            live.seat.desk,
            io=live.seat.io,
            post=live.seat.posted.put,
            locked=lambda: self.locked,
        )

    def take(self, files: OrderFiles) -> None:
        self.orders.take(files.path.name)

    def tell(self, notice: link.CallChanged) -> None:
        self.desk.phone_notice(notice)

    def outcome(self, files: OrderFiles) -> Outcome:
        found = files.outcome()
        assert found is not None
        return found


@pytest.fixture
def open_window(open_: Callable[..., Live], tmp_path: Path) -> Iterator[Callable[..., Window]]:
    made: list[Window] = []

    def make(*script: Completion) -> Window:
        made.append(Window(open_(*script), tmp_path))
        return made[-1]

    yield make
    for one in made:
        if not one.closed:
            one.orders.close()


def test_a_call_is_made_watched_and_told(open_window: Callable[..., Window], tmp_path: Path) -> None:
    window, files = open_window(BYE), placed(tmp_path)
    window.take(files)
    assert window.live.seat.phone.of(link.Dial)[0].to == "+15550142"
    window.tell(out("outgoing"))
    window.live.until(lambda: window.live.lines)
    window.live.seat.still()
    assert window.live.view.mode == "", "nobody has answered"
    window.tell(out("active", answered_at=1.0))
    window.live.until(lambda: window.live.told() == ["Hello Ben."])
    assert window.live.view.mode == "agent", "whoever sits there sees it, and could take over"
    assert window.live.facts(s.FlowAgentBegan)
    window.live.until(lambda: window.live.view.phase == "terminal_wait")
    window.live.hear("Yes.")
    window.live.until(lambda: window.live.view.reason == "end_call" and window.live.view.phase == "ended")
    assert files.outcome() is None, "the call is still up"
    kept = link.Recording(path="a.flac", sample_rate=16000, samples=1)
    window.tell(out("ended", answered_at=1.0, recording=kept))
    window.live.until(lambda: files.outcome() is not None)
    assert window.outcome(files) == Outcome(
        answered=True, reason="end_call", node="one", turns=1, recording="a.flac"
    )
    first, *lines = list(files.lines())
    assert isinstance(first, Head)
    assert any(isinstance(line, Line) and isinstance(line.event, e.Ended) for line in lines)
    assert list(files.lines()) == [], "each once"


def test_nobody_answers(open_window: Callable[..., Window], tmp_path: Path) -> None:
    window, files = open_window(), placed(tmp_path)
    window.take(files)
    window.tell(out("early"))
    window.live.until(lambda: window.live.lines)
    window.live.seat.still()
    window.tell(out("ended", reason="Busy."))
    assert window.outcome(files) == Outcome(reason="Busy.")
    window.live.seat.still()
    assert window.live.line.did == ["close"]


NOT_DONE = {
    "locked": "Nobody has signed in",
    "a call": "a call or an open session",
    "another order": "already",
    "for help": "calls for help",
    "no order": "no such order",
    "broken": "must not speak",
}


@pytest.mark.parametrize("why", NOT_DONE)
def test_what_a_window_does_not_do_is_said_at_the_door(
    why: str, open_window: Callable[..., Window], tmp_path: Path
) -> None:
    window = open_window()
    window.locked = why == "locked"
    if why == "a call":
        window.live.seat.take()
    if why == "another order":
        window.take(placed(tmp_path))
    files = placed(tmp_path, to="112" if why == "for help" else "+15550142")
    if why == "no order":
        files.remove()
    if why == "broken":
        files = placed(tmp_path, document=dict(agent(node("one", to={"on": "nowhere"})).source))
    dialled = len(window.live.seat.phone.of(link.Dial))
    with pytest.raises(HaloDeskError, match=NOT_DONE[why]):
        window.take(files)
    assert len(window.live.seat.phone.of(link.Dial)) == dialled


@pytest.mark.parametrize("name", ["", "../call-0123456789abcdef", "call-x", "/etc"])
def test_a_name_that_is_none_opens_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such order"):
        OrderFiles.taken(tmp_path, name)


def test_what_cannot_speak_ends_the_call_and_is_told(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    window, files = open_window(), placed(tmp_path)
    window.live.refuse = SettingsError("Nothing here speaks.", "Install a voice.")
    window.take(files)
    window.tell(out("outgoing"))
    window.live.until(lambda: files.outcome() is not None)
    assert window.outcome(files).problem == "Nothing here speaks."
    assert window.live.seat.phone.of(link.HangUp)[0].call == "k9"


def test_a_window_that_closes_says_so(open_window: Callable[..., Window], tmp_path: Path) -> None:
    window, files = open_window(), placed(tmp_path)
    window.take(files)
    window.orders.close()
    window.closed = True
    assert "closed" in window.outcome(files).problem


def test_what_a_kill_has_left_is_away_at_the_next_start(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    left = placed(tmp_path)
    left.log(head(DOCUMENT, Manner()))
    open_window()
    assert not left.path.exists()


def test_the_files_are_for_their_owner_and_go(tmp_path: Path) -> None:
    files = placed(tmp_path)
    assert stat.S_IMODE(files.path.stat().st_mode) == 0o700
    files.remove()
    files.log(head(DOCUMENT, Manner()))
    files.finish(Outcome())
    assert not files.path.exists(), "a command that has gone gets nothing more"


# the command


class Door:
    """A window that takes an order and does with it what a test says."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path, does: Callable[[OrderFiles], None]
    ) -> None:
        (folder / "door.json").write_text("{}")

        def hand_over(data: Path, link: str, order: str) -> bool:
            does(OrderFiles.taken(data, order)[0])
            return True

        monkeypatch.setattr(command, "hand_over", hand_over)
        monkeypatch.setattr(command, "LOOK_S", 0.001)


async def by_window(folder: Path, shown: list[e.AnyEvent]) -> Talked | None:
    def watch(line: Head | Line, state: State) -> None:
        if isinstance(line, Line) and line.event is not None:
            assert state.began
            shown.append(line.event)

    async with asyncio.timeout(10):
        return await command.by_window(folder, sample_flow(), "+1", {}, watch)


@in_loop
async def test_the_command_prints_as_it_goes_and_gives_the_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    began = e.Began(agent="a", call=i.CallMeta(id="c"), context={}, colleague=True, models=1)

    def does(files: OrderFiles) -> None:
        files.log(head(DOCUMENT, Manner()))
        files.log(Line(seq=1, at=0.0, event=began))
        files.finish(Outcome(answered=True, reason="end_call", turns=2))

    Door(monkeypatch, tmp_path, does)
    shown: list[e.AnyEvent] = []
    assert await by_window(tmp_path, shown) == Talked(answered=True, reason="end_call", turns=2)
    assert shown == [began]
    assert list((tmp_path / "run").iterdir()) == []


@in_loop
async def test_a_window_that_is_gone_or_says_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert await by_window(tmp_path, []) is None, "none is open"
    Door(monkeypatch, tmp_path, lambda files: files.finish(Outcome(problem="No line.")))
    with pytest.raises(PhoneRefusedError, match="No line"):
        await by_window(tmp_path, [])
    Door(monkeypatch, tmp_path, lambda files: None)
    with pytest.raises(PhoneAwayError, match="has ended"):
        await by_window(tmp_path, [])
