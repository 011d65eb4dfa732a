"""The co-pilot of the seat, wired: its ears on the phone, its models, its part of the window's view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from halodesk.app.speech import open_ear
from halodesk.engine.errors import PhoneAwayError
from halodesk.engine.flow_agent.manner import Manner
from halodesk.protocol.phone_link import Notice, Reply, Request
from halodesk.runtime.flow_agent.copilot import Copilot, CopilotDesk
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.threads import IoThread, Post
from halodesk.sip.call_hearing import PhoneCallHearing
from halodesk.sip.keeper import PhoneKeeper


class Hearings:
    """Calls that are only listened to. Io thread only."""

    def __init__(self, keeper: Callable[[], PhoneKeeper]) -> None:
        self._keeper = keeper
        self._open: list[PhoneCallHearing] = []

    def take(self, notice: Notice) -> None:
        """A notice of the phone."""
        for hearing in self._open:
            hearing.take(notice)

    def away(self) -> None:
        """The phone has died, and with it every ear in it."""
        for hearing in self._open:
            hearing.end()

    def open(self, call: str, near: bool) -> PhoneCallHearing:
        """To listen to the call of this key."""
        self._open = [one for one in self._open if not one.over]
        self._open.append(PhoneCallHearing(call, self._ask, near=near))
        return self._open[-1]

    async def _ask(self, request: Request) -> Reply:
        client = self._keeper().client
        if client is None:
            raise PhoneAwayError("The phone is away.", "Wait: HaloDesk starts it again by itself.")
        return await client.request(request)


def open_copilot(
    live: LiveAgents,
    desk: CopilotDesk,
    hearings: Hearings,
    *,
    io: IoThread,
    post: Post,
    speech: Mapping[str, Any],
    models: Callable[[], Sequence[ChatLLM]],
    has_models: bool,
    manner: Manner,
    always: bool,
) -> Copilot:
    """The assistant of `live`, and its part of that one's view."""
    copilot = Copilot(
        desk,
        io=io,
        post=post,
        hearing=hearings.open,
        open_ear=lambda: open_ear(speech),
        open_models=models,
        has_models=has_models,
        manner=manner,
        always=always,
        free=lambda: live.view.mode in ("", "copilot"),
    )
    live.assistant = copilot
    own = ("mode", "call", "said", "proposals", "tokens", "cost", "copilot")

    def show() -> None:
        view = copilot.view
        if view.mode == "copilot":
            live.change(**{name: getattr(view, name) for name in own}, agent="", problem="", todo="")
        elif live.view.mode == "copilot":
            live.change(mode="", proposals=(), copilot=view.copilot)
        else:
            live.change(copilot=view.copilot)

    copilot.subscribe(show)
    return copilot
