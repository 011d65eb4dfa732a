"""A halo flow driven by a flow agent without a call: for its author, in the terminal and in tests.

Rules:
- The session is a simulated one (`engine.simulate`): functions really run, time is virtual, and work
  outside succeeds with something fitting. Nothing leaves the machine.
- What is a human's a stand-in does, with whatever the pages take, and hands back; secure fields fill
  themselves, as in `flow simulate`.
- All of it runs on the loop of the conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from halodesk.engine import commands as c
from halodesk.engine.drivers import driven
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow import Flow
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.of_flow import form_of
from halodesk.engine.flow_agent.state import State
from halodesk.engine.page import Page, page
from halodesk.engine.session import Session
from halodesk.engine.simulate import AnyTurn, Fill, FunctionPort, Pass, Settle, begin, command, play
from halodesk.engine.simulate_answers import Answers, Guide
from halodesk.runtime.flow_agent.callers import Caller, Script
from halodesk.runtime.flow_agent.halo_driver import HaloDriver
from halodesk.runtime.flow_agent.runner import Runner, Watch
from halodesk.runtime.flow_agent.simulate import MANNER, Talked, converse
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.ports import Unsubscribe

STAND_IN = "The stand-in"
MOST_TURNS = 200
"""Turns the stand-in may take at one go."""


class RehearsedSession:
    """A simulated session as the driver wants one (`halo_driver.HaloSession`)."""

    def __init__(self, flow: Flow, functions: FunctionPort, given: Answers) -> None:
        self._flow, self._functions = flow, functions
        self._guide = Guide(flow, given, seed=0)
        self._listeners: list[Callable[[], None]] = []
        self._played = begin(flow, given.begin, functions)
        self._page: tuple[Session, Page] | None = None
        self._outside()

    @property
    def flow(self) -> Flow:
        """The flow."""
        return self._flow

    @property
    def state(self) -> Session:
        """Where the session stands."""
        return self._played.state

    @property
    def page(self) -> Page | None:
        """What a person would see."""
        if self._page is None or self._page[0] is not self.state:
            self._page = (self.state, page(self._flow, self.state, self._played.roles))
        return self._page[1]

    @property
    def drafts(self) -> Mapping[str, Any]:
        """Nobody types."""
        return {}

    def do(self, wanted: c.Command) -> c.Refused | None:
        """A wish, and what the outside makes of it."""
        self._played = command(self._flow, self._played, wanted, self._functions)
        refused = self._played.refused
        self._outside()
        self._tell()
        return refused

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Be told after each change."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def stand_in(self) -> bool:
        """Do what is a human's; whether that led anywhere."""
        before = len(self.state.path)
        for _ in range(MOST_TURNS):
            here = self.page
            if here is None or not form_of(self._flow, here).human:
                break
            turn = self._guide.next(self.state)
            if turn is None:
                break
            self._turn(turn)
        self._outside()
        self._tell()
        return len(self.state.path) != before

    def _outside(self) -> None:
        """Work under way succeeds, and a wait that nobody can end is over at once."""
        for _ in range(MOST_TURNS):
            turn = self._guide.next(self.state) if self.state.status == "running" else None
            waits = self.state.here is not None and isinstance(turn, Settle | Fill)
            if turn is None or not (waits or isinstance(turn, Pass)):
                return
            self._turn(turn)

    def _turn(self, turn: AnyTurn) -> None:
        self._played = play(self._flow, self._played, turn, self._functions)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


async def rehearse(
    flow: Flow,
    script: Script,
    functions: FunctionPort,
    *,
    models: Sequence[ChatLLM] = (),
    manner: Manner = MANNER,
    watch: Sequence[Watch] = (),
    caller: Caller | None = None,
    given: Answers | None = None,
) -> tuple[Talked, Session]:
    """One conversation along the flow to its end, and the session at that time.

    `given`: what the stand-in fills in and what comes of work outside. Raises `SettingsError` for a flow
    of which no step is for a flow agent.
    """
    if not driven(flow):
        raise SettingsError(
            "No step of this flow is for a flow agent.", 'Say "driver": "either" on the flow or on a step.'
        )
    given = given or Answers()
    facts = msgspec.structs.replace(given.begin.call, number=script.number)
    prefill = {"phone": script.number, **given.begin.prefill, **script.parameters}  # as on a call
    start = msgspec.structs.replace(given.begin, call=facts, prefill=prefill)
    session = RehearsedSession(flow, functions, msgspec.structs.replace(given, begin=start))
    loop = asyncio.get_running_loop()

    def post(work: Callable[[], None]) -> None:
        loop.call_soon(work)

    driver = HaloDriver(session, post=post)
    beside = _Beside(session, post)

    def began(runner: Runner) -> None:
        driver.tell = beside.tell = runner.tell

    run = await converse(
        driver.document,
        msgspec.structs.replace(script, parameters={}),
        models=models,
        tools=driver,
        manner=manner,
        watch=[beside, *watch],
        caller=caller,
        name=script.name,
        began=began,
    )
    driver.stop()
    return run, session.state


class _Beside:
    """The stand-in: takes over where a page is a human's, does it, hands back."""

    def __init__(self, session: RehearsedSession, post: Callable[[Callable[[], None]], None]) -> None:
        self._session, self._post = session, post
        self.tell: Callable[[i.AnyNews], None] = lambda news: None

    def __call__(self, line: Head | Line, state: State) -> None:
        if isinstance(line, Line) and isinstance(line.event, e.HumanWanted):
            self._post(self._come if line.event.page else self._leave)

    def _come(self) -> None:
        self.tell(i.TakenOver(by=STAND_IN))
        if self._session.stand_in():
            self.tell(i.HandedBack(by=STAND_IN))
        else:
            self._leave()

    def _leave(self) -> None:
        """Nobody can go on here."""
        self.tell(i.HungUp(by="human"))
