"""A flow agent at the pages of a real Desk, in writing: its model follows a script, its caller the test."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.log import Head, Line, encode
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent.halo_driver import HaloDriver
from halodesk.runtime.flow_agent.halo_live import DeskSession
from halodesk.runtime.flow_agent.runner import Runner
from halodesk.runtime.flow_agent.scripted import Completion, Said, ScriptedLLM
from halodesk.runtime.flow_agent.text import TextDuplex
from tests.fakes.flow_agent import CALL
from tests.fakes.seat import Seat


def does(name: str, text: str = "", **arguments: Any) -> Completion:
    """A completion that calls one function."""
    return Completion(text=text, calls=(Said(name=name, arguments=arguments),))


def says(text: str) -> Completion:
    """A completion of words alone."""
    return Completion(text=text)


class Drive:
    """One conversation over a seat whose call is up."""

    def __init__(
        self, seat: Seat, *script: Completion, patience_s: float = 15.0, colleague: bool = True
    ) -> None:
        self.seat = seat
        assert seat.desk.session is not None
        session = DeskSession(seat.desk, seat.desk.session)
        self.driver = HaloDriver(session, post=seat.posted.put, patience_s=patience_s)
        self.model, self.duplex = ScriptedLLM(script), TextDuplex()
        self.lines: list[Line] = []
        self.log = b""
        self.runner = Runner(
            self.driver.document,
            models=[self.model],
            duplex=self.duplex,
            tools=self.driver,
            call=CALL,
            colleague=colleague,
            manner=Manner(human_s=300, terminal_s=300, cap_s=300, quiet_s=300),
            watch=[self._keep],
        )
        self.driver.tell = self.tell
        self.running: Future[State] = seat.io.submit(self.runner.run())
        self.running.add_done_callback(lambda _: seat.posted.put(lambda: None))

    def _keep(self, line: Head | Line, state: State) -> None:
        self.log += encode(line)
        if isinstance(line, Line):
            self.lines.append(line)
        self.seat.posted.put(lambda: None)

    def tell(self, news: i.AnyNews) -> None:
        self.seat.io.call(self.runner.tell, news)

    def hear(self, text: str) -> None:
        """The caller says it."""
        self.seat.io.call(self.duplex.type, text)

    def until(self, condition: Callable[[], Any]) -> None:
        self.seat.until(lambda: condition() or self.running.done())
        assert condition(), self.state

    def turn(self, text: str, node: str = "") -> None:
        """The caller says it, and the agent is through with it."""
        asked = self.of(e.CallerSaid)
        self.hear(text)
        self.until(lambda: len(self.of(e.CallerSaid)) > len(asked))
        self.waits(node)

    def waits(self, node: str = "") -> None:
        """The caller has the word, at that page."""
        self.until(lambda: self.runner.idle and node in ("", self.state.node))

    def take_over(self) -> None:
        self.tell(i.TakenOver(by="Ann"))
        self.until(lambda: self.state.human)

    def hand_back(self, note: str = "") -> None:
        self.tell(i.HandedBack(by="Ann", note=note))
        self.until(lambda: not self.state.human)

    def end(self) -> State:
        self.until(self.running.done)
        return self.running.result(0)

    @property
    def state(self) -> State:
        return self.runner.state

    def of(self, kind: type[Any]) -> list[Any]:
        return [line.event for line in self.lines if isinstance(line.event, kind)]

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.of(e.SpeechQueued)]

    @property
    def refused(self) -> list[str]:
        return [event.message for event in self.of(e.CallRefused)]

    def prompts(self) -> str:
        """All that the model was ever shown."""
        return "\n".join(str(request) for request in self.model.requests)
