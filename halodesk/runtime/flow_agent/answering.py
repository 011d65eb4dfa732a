"""Calls that a flow agent answers: by a setting of their line, with whoever sits there beside it.

Rules:
- Only where a human could take the call: somebody is signed in, there is no other call and no open
  session. Else the call rings as any other.
- Ear, voice and model are there before the call is answered: a caller is never answered by silence. Where
  they are not to be had the call goes on ringing, and the agent is told why.
- Whoever answers by hand meanwhile has the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from halodesk.engine.flow_agent.document import Document
from halodesk.engine.screen_pop import popped
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent.live_desk import LiveDesk
from halodesk.runtime.flow_agent.live_run import Prepared
from halodesk.runtime.ports import DeskNotice, Topic, Unsubscribe
from halodesk.runtime.settings import FlowAgentLine

_log = structlog.get_logger("live_agent")

_LONGEST = 200
"""Characters of a header that are of use to a conversation."""


class AnsweringDesk(LiveDesk, Protocol):
    """What is needed of the Desk."""

    def answer_call(self) -> None: ...

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe: ...


class Answering:
    """Main thread only."""

    def __init__(
        self,
        live: LiveAgents,
        desk: AnsweringDesk,
        lines: Mapping[str, FlowAgentLine],
        *,
        ready: Callable[[], bool],
        attended: Callable[[], bool],
    ) -> None:
        """`lines`: by account key. `ready`: whether the agent takes calls now."""
        self._live, self._desk, self._lines = live, desk, dict(lines)
        self._ready, self._attended = ready, attended
        self._asked: set[str] = set()
        self._prepared: Prepared | None = None
        self._leave = desk.subscribe(self._told)

    def close(self) -> None:
        """Answer no more."""
        self._leave()
        self._drop()

    def _told(self, topic: Topic) -> None:
        if topic != "call":
            return
        call, prepared = self._desk.call, self._prepared
        if prepared is not None and (call is None or call.key != prepared.key or call.state == "ended"):
            self._drop()
        elif prepared is not None and call is not None and call.state == "active":
            self._prepared = None
            context = context_of(prepared.document, call)
            self._live.begin_with(prepared.document, parameters=context, prepared=prepared)
        elif call is not None and self._due(call):
            self._asked.add(call.key)
            wanted = self._lines[call.account].answers
            _log.info("flow_agent_prepares", call=call.key)
            self._live.prepare(wanted, call, self._may_answer, self._cannot)

    def _due(self, call: CallInfo) -> bool:
        rule = self._lines.get(call.account)
        if rule is None or call.state != "incoming" or call.key in self._asked:
            return False
        return self._free(call) and (rule.when == "always" or not self._ready())

    def _free(self, call: CallInfo) -> bool:
        alone = [leg.key for leg in self._desk.legs] == [call.key]
        return alone and self._desk.session is None and self._attended()

    def _may_answer(self, prepared: Prepared) -> None:
        call = self._desk.call
        rings = call is not None and call.key == prepared.key and call.state == "incoming"
        self._prepared = prepared
        if call is not None and rings and self._free(call):
            _log.info("flow_agent_answers", call=prepared.key)
            self._desk.answer_call()
        else:
            self._drop()

    def _cannot(self, message: str, todo: str) -> None:
        words = f"No flow agent answers this call: {message}"
        self._desk.notice(DeskNotice(level="warning", message=words, todo=todo))

    def _drop(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            self._live.drop(prepared)


def context_of(document: Document, call: CallInfo) -> dict[str, Any]:
    """What the call's headers say, for a conversation: what the PBX vouches for, and what is declared.

    Of the `X-` headers only those that the document declares as context variables count:
    `X-Customer-Id` is `customer_id`.
    """
    found: dict[str, Any] = {name: value for name, value in popped(call.headers).items() if value}
    declared = {variable.name for variable in document.variables}
    for header, value in call.headers.items():
        name = header.lower().removeprefix("x-").replace("-", "_")
        if header.lower().startswith("x-") and name in declared:
            found[name] = value[:_LONGEST]
    return found
