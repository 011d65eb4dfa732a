"""The co-pilot of the seat, wired: its ears on the phone, its models, its part of the window's view."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from halodesk.app.speech import open_ear
from halodesk.engine.errors import PhoneAwayError, PhoneError
from halodesk.engine.flow_agent.manner import Manner
from halodesk.protocol.phone_link import NearSound, Notice, Reply, Request
from halodesk.runtime.flow_agent.copilot import Copilot, CopilotDesk
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.settings import Settings
from halodesk.runtime.threads import IoThread, Post
from halodesk.sip.call_hearing import PhoneCallHearing
from halodesk.sip.keeper import PhoneKeeper


class Hearings:
    """Calls that are only listened to. Io thread only."""

    def __init__(self, keeper: Callable[[], PhoneKeeper]) -> None:
        self._keeper = keeper
        self._open: list[PhoneCallHearing] = []

    def first(self, then: Callable[[Notice], None]) -> Callable[[Notice], None]:
        """Takes each notice of the phone before `then`, which is told nothing of our own sound."""

        def take(notice: Notice) -> None:
            for hearing in self._open:
                hearing.take(notice)
            if not isinstance(notice, NearSound):
                then(notice)

        return take

    def first_away(self, then: Callable[[PhoneError], None]) -> Callable[[PhoneError], None]:
        """The phone has died, and with it every ear in it."""

        def away(error: PhoneError) -> None:
            for hearing in self._open:
                hearing.end()
            then(error)

        return away

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
    settings: Settings,
    *,
    io: IoThread,
    post: Post,
    models: Callable[[], Sequence[ChatLLM]],
    manner: Manner,
    locked: Callable[[], bool],
) -> Copilot | None:
    """The assistant of `live`, and its part of that one's view; None where the settings want none.

    `locked`: nobody sits there whom it could advise.
    """
    if settings.copilot is False:
        return None
    copilot = Copilot(
        desk,
        io=io,
        post=post,
        hearing=hearings.open,
        open_ear=lambda: open_ear(settings.speech),
        open_models=models,
        has_models=bool(settings.llm),
        manner=manner,
        always=bool(settings.copilot),
        free=lambda: live.view.mode in ("", "copilot") and not locked(),
    )
    own = ("mode", "call", "said", "proposals", "tokens", "cost", "copilot")

    def show() -> None:
        view = copilot.view
        if view.mode == "copilot":
            live.change(**{name: getattr(view, name) for name in own}, agent="", problem="", todo="")
        elif live.view.mode == "copilot":
            live.change(mode="", call="", said=(), proposals=(), copilot=view.copilot)
        else:
            live.change(copilot=view.copilot)

    copilot.subscribe(show)
    live.assistant = copilot
    return copilot
