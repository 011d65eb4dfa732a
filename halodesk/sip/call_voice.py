"""`runtime.call_voice.CallVoice` over the link to the phone process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal

from halodesk.engine.errors import PhoneError, PhoneRefusedError
from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    FarSound,
    HangUp,
    HearCall,
    LendVoice,
    Notice,
    Reply,
    Request,
    ReturnVoice,
    Speak,
    SpeechEnded,
    SpeechStarted,
    StopHearing,
    StopSpeech,
)
from halodesk.runtime.call_voice import CallOver, Pressed, VoiceNews

_MOST_SOUND = 250
"""Frames of the far end that may wait, 20 ms each; what is older is of no use to a conversation."""

Ask = Callable[[Request], Awaitable[Reply]]


class PhoneCallVoice:
    """One call's voice. Loop thread only; `take` gets every notice of the phone."""

    def __init__(self, call: CallInfo, ask: Ask, *, ours: Callable[[], bool] = lambda: False) -> None:
        """`ours`: whether somebody at this seat hung up."""
        self._key, self._ask, self._ours = call.key, ask, ours
        self._keys = call.keys_heard
        self._news: asyncio.Queue[VoiceNews] = asyncio.Queue()
        self._sounds = 0
        self._speeches: set[int] = set()
        """At the phone, and not told to be over."""
        self._hears = False
        self._left = False
        self._over = False

    def take(self, notice: Notice) -> None:
        """A notice of the phone; those of other calls change nothing."""
        match notice:
            case FarSound(call=self._key) if self._sounds < _MOST_SOUND:
                self._sounds += 1
                self._news.put_nowait(notice)
            case SpeechStarted(call=self._key):
                self._news.put_nowait(notice)
            case SpeechEnded(call=self._key):
                self._speeches.discard(notice.speech)
                self._news.put_nowait(notice)
            case CallChanged(call=call) if call.key == self._key:
                self._changed(call)

    def lost(self, error: PhoneError) -> None:
        """The phone is away, and the call with it."""
        self._end(CallOver(by="network", reason=error.message))

    def fell_silent(self) -> None:
        """The phone is away and its call may be fetched back: nothing of what was to be said is heard."""
        for number in sorted(self._speeches):
            self._news.put_nowait(SpeechEnded(call=self._key, speech=number, played_ms=0, whole=False))
        self._speeches.clear()

    def ended(self, by: Literal["agent", "human", "caller", "network"], reason: str) -> None:
        """The call is over, and the phone has not told so."""
        self._end(CallOver(by=by, reason=reason))

    async def lend(self) -> None:
        """See `CallVoice`."""
        await self._ask(LendVoice(call=self._key))
        self._hears = False  # as a listener: it hears as the one who speaks

    async def give_back(self) -> None:
        """See `CallVoice`."""
        await self._ask(ReturnVoice(call=self._key))
        if self._hears:
            self._hears = False
            await self._ask(StopHearing(call=self._key))

    async def step_aside(self) -> None:
        """See `CallVoice`."""
        await self._ask(ReturnVoice(call=self._key))
        self._hears = True
        await self._ask(HearCall(call=self._key))

    async def speak(self, speech: int, pcm: bytes, *, last: bool) -> None:
        """See `CallVoice`."""
        self._speeches.add(speech)
        await self._ask(Speak(call=self._key, speech=speech, pcm=pcm, last=last))

    async def stop(self, speeches: Sequence[int]) -> None:
        """See `CallVoice`."""
        await self._ask(StopSpeech(call=self._key, speeches=tuple(speeches)))

    async def hang_up(self) -> None:
        """See `CallVoice`; a call that is over is left alone."""
        self._left = True
        try:
            await self._ask(HangUp(call=self._key))
        except PhoneRefusedError:
            self._end(CallOver(by="agent"))

    async def news(self) -> AsyncIterator[VoiceNews]:
        """See `CallVoice`."""
        while True:
            news = await self._news.get()
            if isinstance(news, FarSound):
                self._sounds -= 1
            yield news
            if isinstance(news, CallOver):
                return

    def _changed(self, call: CallInfo) -> None:
        if call.keys_heard != self._keys:
            fresh = newly(self._keys, call.keys_heard)
            self._keys = call.keys_heard
            if fresh:
                self._news.put_nowait(Pressed(keys=fresh))
        if call.state == "ended":
            self._end(CallOver(by=self._by(), reason=call.reason))

    def _by(self) -> Literal["agent", "human", "caller"]:
        return "agent" if self._left else "human" if self._ours() else "caller"

    def _end(self, over: CallOver) -> None:
        if not self._over:
            self._over = True
            self._news.put_nowait(over)


def newly(before: str, now: str) -> str:
    """What was pressed since `before`; the phone keeps the last keys alone, so the front may be gone."""
    for cut in range(len(before) + 1):
        if now.startswith(before[cut:]):
            return now[len(before) - cut :]
    return now
