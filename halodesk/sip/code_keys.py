"""The keypad of the phone's own calls, for recording controls that press a code of the PBX."""

from __future__ import annotations

from collections.abc import Callable

from halodesk.engine.errors import PhoneError, RecorderError
from halodesk.protocol.phone_link import SendDtmf
from halodesk.sip.client import PhoneClient


class CodeKeys:
    """Presses a code on the call that has a SIP Call-ID. On the io loop only."""

    def __init__(self, client: Callable[[], PhoneClient | None]) -> None:
        self._client = client

    async def __call__(self, sip_call_id: str, code: str) -> None:
        """All digits in one go. Raises `RecorderError`: refused, no such call, or the phone is away."""
        client = self._client()
        if client is None:
            raise RecorderError("The phone is away.", "Wait: HaloDesk starts the phone again by itself.")
        calls = [call for call in client.snapshot.calls if call.sip_call_id == sip_call_id]
        if not calls:
            raise RecorderError("This phone has no such call.")
        try:
            await client.request(SendDtmf(call=calls[0].key, digits=code, code=True))
        except PhoneError as error:
            raise RecorderError(error.message, error.todo) from None
