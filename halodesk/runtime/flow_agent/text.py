"""A conversation in writing: the simulator's, the terminal's and the tests' way to an agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent_ports import Expected


class TextDuplex:
    """What is said is read at once; what is typed is final."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[i.AnyNews | None] = asyncio.Queue()
        self.said: list[e.SpeechQueued] = []
        self.expected = Expected()
        self.heard = 0
        """How many utterances of the caller the agent has been given."""

    def type(self, text: str) -> None:
        """The caller's next words."""
        self._news.put_nowait(i.Heard(text=text, kind="text"))

    def press(self, keys: str) -> None:
        """The caller presses keys of the telephone."""
        self._news.put_nowait(i.Heard(text=keys, kind="dtmf"))

    def leave(self) -> None:
        """The caller hangs up."""
        self._news.put_nowait(i.HungUp(by="caller"))

    async def say(self, speech: e.SpeechQueued) -> None:
        """Read at once."""
        self.said.append(speech)
        self._news.put_nowait(i.SpeechOver(speech=speech.speech, played=speech.text))

    async def cut(self, speeches: Sequence[int]) -> None:
        """What was said is read already; its report is under way."""

    async def mute(self, on: bool) -> None:
        """There is no voice."""

    def expect(self, expected: Expected) -> None:
        """Kept for whoever offers choices."""
        self.expected = expected

    async def news(self) -> AsyncIterator[i.AnyNews]:
        """What the caller does."""
        while (news := await self._news.get()) is not None:
            self.heard += isinstance(news, i.Heard)
            yield news

    async def hang_up(self) -> None:
        """The agent ends it."""
        self._news.put_nowait(i.HungUp(by="agent"))

    async def close(self) -> None:
        """No more news."""
        self._news.put_nowait(None)
