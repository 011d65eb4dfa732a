"""`runtime.call_hearing.CallHearing` over the link to the phone process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from halodesk.engine.errors import PhoneError
from halodesk.protocol.phone_link import (
    CallChanged,
    FarSound,
    HearCall,
    NearSound,
    Notice,
    Reply,
    Request,
    StopHearing,
)
from halodesk.runtime.call_hearing import Sound

_MOST_SOUND = 250
"""Frames that may wait, 20 ms each; older ones are of no use to anybody who listens to a call."""


class PhoneCallHearing:
    """One call that is only listened to. Loop thread only; `take` gets every notice of the phone."""

    def __init__(self, call: str, ask: Callable[[Request], Awaitable[Reply]], *, near: bool = False) -> None:
        """`call`: its key. `near`: the agent is heard, too."""
        self._call, self._ask, self._near = call, ask, near
        self._sounds: asyncio.Queue[Sound | None] = asyncio.Queue()
        self.over = False

    def take(self, notice: Notice) -> None:
        """A notice of the phone; those of other calls change nothing."""
        match notice:
            case FarSound(call=self._call) | NearSound(call=self._call):
                if not self.over and self._sounds.qsize() < _MOST_SOUND:
                    self._sounds.put_nowait(notice)
            case CallChanged(call=call) if call.key == self._call and call.state == "ended":
                self.end()

    def end(self) -> None:
        """Nothing more comes: the call is over, or the phone is away."""
        if not self.over:
            self.over = True
            self._sounds.put_nowait(None)

    async def start(self) -> None:
        """See `CallHearing`."""
        await self._ask(HearCall(call=self._call, near=self._near))

    async def stop(self) -> None:
        """See `CallHearing`."""
        if not self.over:
            self.end()
            with contextlib.suppress(PhoneError):
                await self._ask(StopHearing(call=self._call))

    async def sounds(self) -> AsyncIterator[Sound]:
        """See `CallHearing`."""
        while (sound := await self._sounds.get()) is not None:
            yield sound
