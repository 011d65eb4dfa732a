"""The voice of a call, lent to a program: the seam between the phone and a flow agent's ears and mouth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from halodesk.protocol.phone_link import FarSound, SpeechEnded, SpeechStarted


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """Keys the far end pressed since the last news of it."""

    keys: str


class CallOver(msgspec.Struct, frozen=True, kw_only=True):
    """The call has ended, or the phone has. `reason` in words."""

    by: Literal["caller", "agent", "human", "network"]
    """`agent`: the program hung up; `human`: somebody at this seat."""
    reason: str = ""


VoiceNews = FarSound | SpeechStarted | SpeechEnded | Pressed | CallOver


class CallVoice(Protocol):
    """One call, active. Every coroutine raises `PhoneError` where the phone says no or is away."""

    async def lend(self) -> None:
        """A program speaks from now on; the microphone is shut out."""
        ...

    async def give_back(self) -> None:
        """The microphone speaks again."""
        ...

    async def step_aside(self) -> None:
        """The microphone speaks again; the program goes on hearing the far end."""
        ...

    async def speak(self, speech: int, pcm: bytes, *, last: bool) -> None:
        """Some more of a speech, 16-bit mono at 16 kHz; a second at most."""
        ...

    async def stop(self, speeches: Sequence[int]) -> None:
        """Silence at once."""
        ...

    async def hang_up(self) -> None: ...

    def news(self) -> AsyncIterator[VoiceNews]:
        """What happens on the call; ends after `CallOver`."""
        ...
