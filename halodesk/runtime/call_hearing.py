"""A call that a program only listens to: the seam between the phone and the co-pilot's ear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from halodesk.protocol.phone_link import FarSound, NearSound

Sound = FarSound | NearSound


class CallHearing(Protocol):
    """One call; the microphone stays open. On the io loop."""

    async def start(self) -> None:
        """Listen from now on. Raises `PhoneError` where the phone says no or is away."""
        ...

    async def stop(self) -> None:
        """Listen no more; `sounds` ends. Never raises."""
        ...

    def sounds(self) -> AsyncIterator[Sound]:
        """What is said, 20 ms at a time; ends with the call."""
        ...
