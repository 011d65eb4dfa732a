"""Calls of the seat's own phone as lines of flow agents: what the phone tells goes to them first.

Rules:
- Io thread only. A notice is taken here before it is posted to the main thread: sound and the end of a
  speech must not wait for a busy window.
- Hanging up is the Desk's: its session is to say who ended the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from halodesk.app.speech import Speech, open_speech
from halodesk.engine.errors import PhoneAwayError, PhoneError
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import (
    CallInfo,
    Done,
    FarSound,
    HangUp,
    Notice,
    Reply,
    Request,
    SpeechEnded,
    SpeechStarted,
)
from halodesk.runtime.call_voice import CallVoice
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.sip.call_voice import PhoneCallVoice
from halodesk.sip.keeper import PhoneKeeper
from halodesk.voice.call_duplex import CallDuplex


class LiveLines:
    """Opens lines, and hands them what the phone tells."""

    def __init__(
        self,
        speech: Mapping[str, Any],
        keeper: Callable[[], PhoneKeeper],
        *,
        hang_up: Callable[[str], None],
        hung_up: Callable[[str], bool],
    ) -> None:
        """`speech`: of the settings. `hang_up` asks the Desk to end a call, `hung_up` whether it has."""
        self._speech, self._keeper, self._hang_up, self._hung_up = speech, keeper, hang_up, hung_up
        self._voices: list[PhoneCallVoice] = []

    def first(self, then: Callable[[Notice], None]) -> Callable[[Notice], None]:
        """Takes each notice of the phone before `then`, which gets no sound."""

        def take(notice: Notice) -> None:
            for voice in tuple(self._voices):
                voice.take(notice)
            if not isinstance(notice, FarSound | SpeechStarted | SpeechEnded):
                then(notice)

        return take

    def first_away(self, then: Callable[[PhoneError], None]) -> Callable[[PhoneError], None]:
        """The phone has died: its successor may fetch the calls back."""

        def away(error: PhoneError) -> None:
            for voice in tuple(self._voices):
                voice.fell_silent()
            then(error)

        return away

    async def open(self, call: CallInfo) -> CallLine:
        """Ears and mouth on a call. Raises `SettingsError` where nothing hears or speaks."""
        speech = await open_speech(self._speech)
        voice = self.voice(call)
        return CallLine(voice, speech, lambda: self.forget(voice))

    def voice(self, call: CallInfo) -> PhoneCallVoice:
        """The voice of a call; `forget` it in the end."""

        async def ask(request: Request) -> Reply:
            if isinstance(request, HangUp):
                self._hang_up(request.call)
                return Done()
            client = self._keeper().client
            if client is None:
                raise PhoneAwayError("The phone is away.", "Wait: HaloDesk starts it again by itself.")
            return await client.request(request)

        voice = PhoneCallVoice(call, ask, ours=lambda: self._hung_up(call.key))
        self._voices.append(voice)
        return voice

    def forget(self, voice: CallVoice) -> None:
        """It needs no notices any more."""
        self._voices = [known for known in self._voices if known is not voice]


class CallLine(CallDuplex):
    """See `runtime.flow_agent.live_line.LiveLine`."""

    def __init__(self, voice: PhoneCallVoice, speech: Speech, forget: Callable[[], None]) -> None:
        super().__init__(voice, speech.stt, speech.tts, played=speech.played)
        self._line, self._opened, self._forget = voice, speech, forget
        self._left: Callable[[], None] = lambda: None
        self._keeps_call = False

    @property
    def said(self) -> tuple[str, ...]:
        """In words: what is not as the settings ask for."""
        return self._opened.said

    @property
    def model(self) -> ChatLLM | None:
        """See `LiveLine`."""
        return self._opened.model

    async def begin(self, *, keeps_call: bool, left: Callable[[], None]) -> None:
        """See `LiveLine`."""
        self._keeps_call, self._left = keeps_call, left
        await self.start()

    async def hang_up(self) -> None:
        """Ends the call, or the conversation alone."""
        if self._keeps_call:
            self._news.put_nowait(i.HungUp(by="agent"))
        else:
            await super().hang_up()

    def ended(self, by: Literal["human", "caller", "network"], reason: str) -> None:
        """The call is over."""
        self._line.ended(by, reason)

    async def close(self) -> None:
        """Gives the microphone back, if the call is still up, and ends."""
        try:
            await super().close()
            await self._opened.close()
        finally:
            self._forget()
            self._left()
