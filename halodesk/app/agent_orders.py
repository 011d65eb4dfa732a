"""Calls of flow agents that a command asks for, made by the window that is open.

Rules:
- One at a time, and only where the agent could dial: nothing of theirs is put aside for it.
- Ear and voice are made ready while it rings; whoever sits there watches and takes over as ever.
- However it ends, the command hears it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.lints import findings
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.agent_order import Order, OrderFiles, Outcome
from halodesk.runtime.desk import Desk
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent.live_run import Prepared
from halodesk.runtime.phone_settings import MAIN
from halodesk.runtime.ports import Topic
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("live_agent")

DIALLED_S = 10.0
"""After which a call that the phone does not make is given up."""


class AgentOrders:
    """Main thread only."""

    def __init__(
        self,
        folder: Path,
        live: LiveAgents,
        desk: Desk,
        *,
        io: IoThread,
        post: Post,
        locked: Callable[[], bool],
    ) -> None:
        self._folder, self._live, self._desk = folder, live, desk
        self._io, self._post, self._locked = io, post, locked
        self._order: _Order | None = None
        OrderFiles.sweep(folder)
        self._leave = desk.subscribe(self._told)

    def close(self) -> None:
        """The window closes: the command hears it."""
        self._leave()
        self._finish(Outcome(problem="HaloDesk was closed.", todo="The call ended with it."))

    def take(self, name: str) -> None:
        """An order from the door. Raises `HaloDeskError`: the command says why not."""
        files, order, document = OrderFiles.taken(self._folder, name)
        wrong = [one for one in findings(document) if one.severity == "error"]
        if wrong:
            raise SettingsError(f"This flow agent must not speak with anybody: {wrong[0].message}")
        why = self._hindered(order)
        if why:
            raise SettingsError(why, "Try again when the desk is free.")
        _log.info("flow_agent_ordered")
        self._order = wanted = _Order(files, order, document)
        self._desk.dial(order.to, account=MAIN)
        self._io.call(
            self._io.loop.call_later, DIALLED_S, lambda: self._post(partial(self._too_late, wanted))
        )

    def _hindered(self, order: Order) -> str:
        if self._locked():
            return "Nobody has signed in at this window."
        if self._order is not None:
            return "A flow agent makes a call from this window already."
        if self._desk.legs or self._desk.session is not None:
            return "There is a call or an open session on the desk."
        return "No flow agent makes calls for help." if self._desk.is_emergency(order.to) else ""

    def _too_late(self, order: _Order) -> None:
        if order is self._order and not order.key:
            words = "The phone did not make the call."
            self._finish(Outcome(problem=words, todo="Look at the line: halodesk doctor."))

    def _told(self, topic: Topic) -> None:
        order, call = self._order, self._desk.call
        if topic != "call" or order is None or call is None:
            return
        if not order.key and call.direction == "out" and call.state != "ended":
            order.key = call.key
            failed = partial(self._cannot, order)
            self._live.prepare(order.document, call, partial(self._ready, order), failed)
        if call.key != order.key:
            return
        order.call = call
        if call.state == "active" and order.prepared is not None:
            self._begin(order, order.prepared)
        elif call.state == "ended":
            self._ended(order, call)

    def _ready(self, order: _Order, prepared: Prepared) -> None:
        if order is not self._order:
            self._live.drop(prepared)
            return
        order.prepared = prepared
        if order.call is not None and order.call.state == "active":
            self._begin(order, prepared)

    def _begin(self, order: _Order, prepared: Prepared) -> None:
        order.prepared, order.begun = None, True
        self._live.begin_with(
            order.document,
            parameters=order.wish.parameters,
            over=partial(self._over, order),
            prepared=prepared,
            watch=(order.watch,),
        )

    def _cannot(self, order: _Order, message: str, todo: str) -> None:
        if order is self._order:
            self._finish(Outcome(problem=message, todo=todo))
            if order.key:
                self._desk.hang_up_leg(order.key)

    def _over(self, order: _Order, state: State) -> None:
        order.state = state
        if not state.began and order is self._order:
            self._finish(Outcome(answered=True, problem=self._live.view.problem or "It did not begin."))
        elif order.call is not None and order.call.state == "ended":
            self._ended(order, order.call)

    def _ended(self, order: _Order, call: CallInfo) -> None:
        if order.begun and order.state is None:
            return  # the conversation is about to end, too
        if order.prepared is not None:
            self._live.drop(order.prepared)
        if order.state is None:
            self._finish(Outcome(reason=call.reason or "Nobody answered."))
            return
        self._finish(
            Outcome(
                answered=True,
                reason=order.reason,
                node=order.state.node,
                turns=order.state.turn,
                recording=call.recording.path if call.recording is not None else "",
            )
        )

    def _finish(self, outcome: Outcome) -> None:
        order, self._order = self._order, None
        if order is not None:
            with contextlib.suppress(OSError):
                order.files.finish(outcome)


class _Order:
    """One that is under way."""

    def __init__(self, files: OrderFiles, wish: Order, document: Document) -> None:
        self.files, self.wish, self.document = files, wish, document
        self.key = self.reason = ""
        self.call: CallInfo | None = None
        self.prepared: Prepared | None = None
        self.begun = False
        self.state: State | None = None

    def watch(self, line: Head | Line, state: State) -> None:
        """One line of the log; on the io loop."""
        if isinstance(line, Line) and isinstance(line.event, e.Ended):
            self.reason = line.event.reason
        with contextlib.suppress(OSError):
            self.files.log(line)
