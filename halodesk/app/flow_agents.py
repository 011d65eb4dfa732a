"""Flow agents of the seat, wired: the library, the models of the settings, the simulator, live calls."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from halodesk.app.copilot import Hearings, open_copilot
from halodesk.app.live_lines import LiveLines
from halodesk.connectors.llm import accounts, open_llm
from halodesk.connectors.webhook_tools import WebhookTools
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.manner import Manner
from halodesk.runtime.flow_agent.answering import Answering, AnsweringDesk
from halodesk.runtime.flow_agent.copilot import Copilot, CopilotDesk
from halodesk.runtime.flow_agent.halo_live import HaloAgents, HaloDesk
from halodesk.runtime.flow_agent.library import IMPORT, Library, unknown_agents
from halodesk.runtime.flow_agent.live import IDLE_S, LiveAgents
from halodesk.runtime.flow_agent.simulator import Simulator
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.phone_settings import flow_agents_of
from halodesk.runtime.ports import DeskNotice
from halodesk.runtime.settings import FlowAgentLine, Settings
from halodesk.runtime.threads import IoThread, Post
from halodesk.ui.flow_agents.page import flow_agents_entry
from halodesk.ui.pages import PageEntry


class CallsDesk(AnsweringDesk, HaloDesk, Protocol):
    """The Desk, as far as flow agents on its calls need it."""


class FlowAgents:
    """A model that is set wrongly is told of when somebody talks to it: calls come in without one.

    `may`: whether who works here now may see flow agents.
    """

    def __init__(
        self, settings: Settings, folder: Path, *, io: IoThread, post: Post, may: Callable[[], bool]
    ) -> None:
        self._settings, self._io, self._post = settings, io, post
        self._library = library = Library(folder)
        try:
            self._wanted = bool(settings.llm) or bool(library.names())
        except OSError:  # the page says what is the matter with the folder
            self._wanted = True
        try:
            chain = accounts(settings.llm)
        except SettingsError:
            chain = ()
        manner = Manner()
        if chain:
            manner = msgspec.structs.replace(
                manner, most_cost=chain[0].most_cost, most_tokens=chain[0].most_tokens
            )
        self._manner = manner
        self.live: LiveAgents | None = None
        self.copilot: Copilot | None = None
        self._answering: Answering | None = None
        self._halo: HaloAgents | None = None
        self.simulator = Simulator(
            library,
            io=io,
            post=post,
            models=tuple(f"{one.get('provider', 'openai')}/{one.get('model', '?')}" for one in settings.llm),
            open_models=self.open_models,
            manner=manner,
            may=may,
        )

    def on_calls(
        self,
        desk: CallsDesk,
        lines: LiveLines,
        *,
        ready: Callable[[], bool],
        attended: Callable[[], bool],
        attention: Callable[[str], None],
    ) -> LiveAgents:
        """Flow agents on the calls of this Desk. `lines` get what the phone tells.

        `ready`, `attended`: whether the agent takes calls, and whether somebody is there at all.
        """
        self.live = LiveAgents(
            self._library,
            desk,
            io=self._io,
            post=self._post,
            open_line=lines.open,
            open_models=self.open_models,
            tools=WebhookTools(self._settings.tool_hosts),
            manner=msgspec.structs.replace(self._manner, idle_s=IDLE_S),
            attended=attended,
            attention=attention,
        )
        self._halo = HaloAgents(self.live, desk, post=self._post, models=lambda: bool(self._settings.llm))
        answer = flow_agents_of(self._settings)
        if answer:
            self._answering = Answering(self.live, desk, answer, ready=ready, attended=attended)
            self._name_unknown(desk, answer)
        return self.live

    def open_models(self) -> Sequence[ChatLLM]:
        """The chain of the settings. Raises `SettingsError`."""
        return [open_llm(one) for one in accounts(self._settings.llm)]

    def beside_calls(self, desk: CopilotDesk, hearings: Hearings, locked: Callable[[], bool]) -> None:
        """The co-pilot on the calls of this Desk; after `on_calls`. `hearings` get what the phone tells."""
        if self.live is not None:
            self.copilot = open_copilot(
                self.live,
                desk,
                hearings,
                self._settings,
                io=self._io,
                post=self._post,
                models=self.open_models,
                manner=self._manner,
                locked=locked,
            )

    def look_again(self) -> None:
        """Whether somebody sits there has changed."""
        if self.copilot is not None:
            self.copilot.look()

    def _name_unknown(self, desk: AnsweringDesk, answer: Mapping[str, FlowAgentLine]) -> None:
        with contextlib.suppress(OSError):  # the page says what is the matter with the folder
            for words in unknown_agents(self._library, answer.values()):
                desk.notice(DeskNotice(level="warning", message=words, todo=IMPORT))

    def pages(self) -> Sequence[PageEntry]:
        """The entry of the rail, at a seat that has models or agents; else it would be in agents' way."""
        return [flow_agents_entry(self.simulator)] if self._wanted else []

    def close(self) -> None:
        """End what runs; before the io thread does."""
        self.simulator.close()
        if self.copilot is not None:
            self.copilot.close()
        if self._answering is not None:
            self._answering.close()
        if self._halo is not None:
            self._halo.close()
        if self.live is not None:
            self.live.close()
