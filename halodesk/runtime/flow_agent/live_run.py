"""Conversations on calls, run: what `live` asks for is done here, on the io loop.

Rules:
- Whatever happens, the line is closed, and with that the microphone speaks; models are closed after it.
- Nothing is raised to the main thread: how it ended is told in words.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog

from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.live_line import LiveLine, LiveTalk, OpenLine
from halodesk.runtime.flow_agent.runner import Runner, Watch
from halodesk.runtime.flow_agent_ports import ChatLLM, ToolCaller

_log = structlog.get_logger("live_agent")

Shown = Callable[[e.AnyEvent, State, float], None]
"""Each event, the state after it, and how sure the recogniser was of what the caller said last."""


class Prepared(NamedTuple):
    """A flow agent that is ready for a call that is not answered yet. `key`: the call's."""

    key: str
    document: Document
    line: LiveLine


class Wanted(NamedTuple):
    """One conversation. `colleague`: somebody is there who can take over."""

    call: CallInfo
    document: Document
    tools: ToolCaller
    parameters: Mapping[str, Any]
    colleague: bool
    line: LiveLine | None = None
    """Open already."""
    watch: tuple[Watch, ...] = ()


class How(NamedTuple):
    """How it ended. `problem`, `todo`: in words, where it was no proper end."""

    state: State
    problem: str = ""
    todo: str = ""


class LiveRun:
    """Opens what a conversation needs and runs it. Loop thread only."""

    def __init__(
        self,
        library: Library,
        *,
        open_line: OpenLine,
        open_models: Callable[[], Sequence[ChatLLM]],
        manner: Manner,
        tell: Callable[[str], None],
    ) -> None:
        """`tell` hears in words of what is not as the settings ask for."""
        self._library, self._open_line, self._open_models = library, open_line, open_models
        self._manner, self._tell = manner, tell
        self._met: set[str] = set()
        """SIP Call-IDs of calls that had a flow agent."""

    async def load(self, agent: str) -> Document:
        """The newest version of an agent. Raises `HaloDeskError`."""
        try:
            return await asyncio.to_thread(self._library.load, agent)
        except OSError as error:
            words = f"The flow agent “{agent}” cannot be read: {error.strerror}."
            raise SettingsError(words, "Look at the data folder.") from None

    async def prepare(self, agent: str | Document, call: CallInfo) -> Prepared:
        """All that can be had before the call is answered. Raises `HaloDeskError`."""
        document = await self.load(agent) if isinstance(agent, str) else agent
        chain = self._open_models()
        for llm in chain:
            await llm.close()
        line = await self._open_line(call)
        try:
            _models(line, chain)
        except SettingsError:
            await line.close()
            raise
        return Prepared(call.key, document, line)

    async def converse(self, wanted: Wanted, talk: LiveTalk, before: LiveTalk | None, shown: Shown) -> How:
        """From the first word to the last. `before`: who has to have left the call first."""
        chain: Sequence[ChatLLM] = ()
        line, call = wanted.line, wanted.call
        try:
            if before is not None:
                await before.left.wait()
            chain = self._open_models()
            line = line or await self._open_line(call)
            for words in line.said:
                self._tell(words)
            runner = Runner(
                wanted.document,
                models=_models(line, chain),
                duplex=line,
                tools=wanted.tools,
                call=i.CallMeta(
                    id=self._id(call),
                    direction=call.direction,
                    number=call.remote_number,
                    name=call.remote_name,
                    called=call.called,
                ),
                parameters=dict(wanted.parameters),
                manner=self._manner,
                colleague=wanted.colleague,
                watch=[_watch(shown), *wanted.watch],
            )
            if not await talk.start(line, runner):
                return How(State())
            return How(await runner.run())
        except HaloDeskError as error:
            return How(State(), error.message, error.todo)
        except Exception as error:
            _log.error("conversation_failed", error=type(error).__name__)
            return How(State(), "The flow agent broke off.", "You speak with the caller; the log says why.")
        finally:
            if line is not None and not talk.ran:
                await line.close()  # else its runner did
            talk.end()
            for llm in chain:
                await llm.close()

    def _id(self, call: CallInfo) -> str:
        """The keys of a tool's requests are made of it: another conversation on a call has others."""
        known = call.sip_call_id in self._met
        self._met.add(call.sip_call_id)
        return f"{call.sip_call_id}/{secrets.token_hex(4)}" if known else call.sip_call_id


def _models(line: LiveLine, chain: Sequence[ChatLLM]) -> Sequence[ChatLLM]:
    """Those of the settings, after the one that speaks by itself, where the line has one."""
    models = [*([line.model] if line.model is not None else []), *chain]
    if not models:
        raise SettingsError("There is no model that could speak.", "Put one into `llm` of the settings.")
    return models


def _watch(shown: Shown) -> Watch:
    sure = [1.0]

    def watch(line: Head | Line, state: State) -> None:
        if isinstance(line, Line):
            if isinstance(line.news, i.Heard):
                sure[0] = line.news.confidence
            if line.event is not None:
                shown(line.event, state, sure[0])

    return watch


def posted(post: Callable[[Callable[[], None]], None], shown: Shown) -> Shown:
    """The same, on the main thread."""
    return lambda event, state, sure: post(partial(shown, event, state, sure))
