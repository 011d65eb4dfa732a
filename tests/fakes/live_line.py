"""A call's ears and mouth in writing, that step aside and in and keep what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from halodesk.engine.errors import PhoneAwayError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent_ports import ChatLLM, Expected


class FakeLine:
    """See `runtime.flow_agent.live_line.LiveLine`. `plays`: what is said is heard at once."""

    def __init__(self, call: CallInfo) -> None:
        self.call = call
        self.did: list[str] = []
        self.spoken: list[str] = []
        self.said: tuple[str, ...] = ()
        self.model: ChatLLM | None = None
        self.plays = True
        self.away = False
        self.keeps_call = False
        self._left: Callable[[], None] = lambda: None
        self._news: asyncio.Queue[i.AnyNews | None] = asyncio.Queue()

    # what happens on the call; on the loop

    def hear(self, text: str, confidence: float = 1.0) -> None:
        """The caller says something."""
        self._news.put_nowait(i.Heard(text=text, confidence=confidence))

    def tell(self, news: i.AnyNews) -> None:
        """Any other news."""
        self._news.put_nowait(news)

    # `LiveLine`

    async def begin(self, *, keeps_call: bool, left: Callable[[], None]) -> None:
        self.keeps_call, self._left = keeps_call, left
        self._do("begin")

    async def step_aside(self) -> None:
        self._do("aside")

    async def step_in(self) -> None:
        self._do("in")

    def ended(self, by: Literal["human", "caller", "network"], reason: str) -> None:
        self._news.put_nowait(i.HungUp(by=by))

    async def say(self, speech: e.SpeechQueued) -> None:
        self.spoken.append(speech.text)
        if self.plays:
            self._news.put_nowait(i.SpeechOver(speech=speech.speech, played=speech.text))

    async def cut(self, speeches: Sequence[int]) -> None:
        for speech in speeches:
            self._news.put_nowait(i.SpeechOver(speech=speech, played="", whole=False))

    async def mute(self, on: bool) -> None:
        pass

    def expect(self, expected: Expected) -> None:
        pass

    async def news(self) -> AsyncIterator[i.AnyNews]:
        while (news := await self._news.get()) is not None:
            yield news

    async def hang_up(self) -> None:
        self.did.append("hang_up")
        self._news.put_nowait(i.HungUp(by="agent"))

    async def close(self) -> None:
        self.did.append("close")
        self._news.put_nowait(None)
        self._left()

    def _do(self, what: str) -> None:
        self.did.append(what)
        if self.away:
            raise PhoneAwayError("The phone is away.", "Wait.")
