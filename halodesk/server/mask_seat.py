"""One seat's line, as the masks see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import structlog

from halodesk.protocol.mask import MaskAnswer, MaskNews
from halodesk.server.access import Holder

_log = structlog.get_logger("mask")


class Line:
    """One connected seat. `send` sends bytes, `close` ends the connection."""

    def __init__(
        self, holder: Holder, send: Callable[[bytes], Awaitable[None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        self.holder, self._send, self._close = holder, send, close
        self.waiting = 0

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and seat."""
        return self.holder.tenant, self.holder.subject

    async def say(self, message: MaskAnswer | MaskNews) -> None:
        """Send it; a seat that cannot be reached asks again."""
        try:
            await self._send(msgspec.json.encode(message))
        except Exception as error:  # of the socket, whatever it is
            _log.info("answer_not_sent", seat=self.holder.subject, error=type(error).__name__)

    async def end(self) -> None:
        """Hang up."""
        try:
            await self._close()
        except Exception as error:  # of the socket, whatever it is: it has gone already
            _log.info("line_gone", seat=self.holder.subject, error=type(error).__name__)
