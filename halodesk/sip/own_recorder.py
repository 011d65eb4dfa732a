"""Our own recorder as one of the recorders a mask lease asks."""

from __future__ import annotations

from collections.abc import Callable

from halodesk.engine.errors import PhoneError
from halodesk.protocol.phone_link import Mask, MaskState, Request, Unmask
from halodesk.runtime.ports import RecorderAnswer
from halodesk.sip.client import PhoneClient

NAME = "HaloDesk recorder"
_TODO = "Wait: HaloDesk starts the phone again by itself."
TIMEOUT_S = 0.8


class OwnRecorder:
    """Masks the recorder of the phone process; its reply is proof, since it holds the gate itself."""

    name = NAME

    def __init__(self, client: Callable[[], PhoneClient | None]) -> None:
        self._client = client

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Confirmed when the recorder says it is silent under this lease."""
        return await self._ask(Mask(lease=lease), lease, masked=True)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Confirmed when this lease no longer holds the recorder."""
        return await self._ask(Unmask(lease=lease), lease, masked=False)

    def moved(self, old: str, new: str) -> None:
        """Nothing to do: the phone's gates belong to lease names, whatever call they shut."""

    async def _ask(self, request: Request, lease: str, *, masked: bool) -> RecorderAnswer:
        client = self._client()
        if client is None:
            return RecorderAnswer(recorder=NAME, verdict="failed", detail="The phone is away.", todo=_TODO)
        try:
            reply = await client.request(request, timeout_s=TIMEOUT_S)
        except PhoneError as error:
            return RecorderAnswer(recorder=NAME, verdict="failed", detail=error.message, todo=error.todo)
        proven = isinstance(reply, MaskState) and (
            reply.masked and lease in reply.leases if masked else lease not in reply.leases
        )
        if not proven or not isinstance(reply, MaskState):
            return RecorderAnswer(
                recorder=NAME,
                verdict="failed",
                detail="Our own recorder did not follow.",
                todo="Report this.",
            )
        return RecorderAnswer(recorder=NAME, verdict="confirmed", positions=reply.positions)
