"""A conversation's hold on a call: who speaks, changed one after the other. Loop thread, but for `why`.

The line itself (recogniser, voice, the phone) is opened outside; here is what one conversation does with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from halodesk.engine.errors import PhoneError
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent.runner import Runner
from halodesk.runtime.flow_agent_ports import ChatLLM, Duplex


class LiveLine(Duplex, Protocol):
    """Ears and mouth on one call of the seat's phone, and the way to step aside for a human."""

    @property
    def said(self) -> tuple[str, ...]:
        """In words: what is not as the settings ask for."""
        ...

    @property
    def model(self) -> ChatLLM | None:
        """One that hears and speaks on the same line: it goes before those of the settings."""
        ...

    async def begin(self, *, keeps_call: bool, left: Callable[[], None]) -> None:
        """Take the voice of the call. Raises `PhoneError`.

        `keeps_call`: `hang_up` ends the conversation, not the call. `left` hears that it is closed.
        """
        ...

    async def step_aside(self) -> None:
        """The microphone speaks at once; the caller is heard on. Raises `PhoneError`."""
        ...

    async def step_in(self) -> None:
        """Speak again. Raises `PhoneError`."""
        ...

    def ended(self, by: Literal["human", "caller", "network"], reason: str) -> None:
        """The call is over."""
        ...


OpenLine = Callable[[CallInfo], Awaitable[LiveLine]]


class LiveTalk:
    """One conversation's hold on its call."""

    def __init__(self, call: CallInfo, *, keeps_call: bool) -> None:
        self.key = call.key
        self.why = ""
        """Why a human took over, where it was no wish of theirs. Main thread."""
        self.over = False
        self.left = asyncio.Event()
        """It speaks and hears no more; another one may."""
        self._keeps_call = keeps_call
        self._line: LiveLine | None = None
        self._runner: Runner | None = None
        self._turn = asyncio.Lock()
        self.sent_away = False
        self.ran = False
        """It had the word, and whoever ran it has closed the line."""

    async def start(self, line: LiveLine, runner: Runner) -> bool:
        """Whether it may speak; not where it was sent away while it got ready. Raises `PhoneError`."""
        self._line = line
        if not self.sent_away:
            await line.begin(keeps_call=self._keeps_call, left=self.left.set)
        if self.sent_away:
            return False
        self._runner, self.ran = runner, True
        return True

    def tell(self, news: i.AnyNews) -> None:
        """News for the machine, once it runs."""
        if self._runner is not None:
            self._runner.tell(news)

    async def take_over(self, by: str) -> None:
        """A human speaks. Raises `PhoneError`; the machine knows it all the same.

        Of one that has not said a word yet nothing is left.
        """
        async with self._turn:
            self.sent_away = self.sent_away or self._runner is None
            self.tell(i.TakenOver(by=by))
            await self._aside()

    async def hand_back(self, by: str, note: str) -> None:
        """The flow agent speaks. Raises `PhoneError`: then the human goes on."""
        async with self._turn:
            if self._line is not None and self._runner is not None and not self.over:
                await self._line.step_in()
                self._runner.tell(i.HandedBack(by=by, note=note))

    async def dismiss(self) -> None:
        """It leaves; the human goes on."""
        async with self._turn:
            self.sent_away = True
            self.tell(i.HungUp(by="human"))
            with contextlib.suppress(PhoneError):
                await self._aside()

    async def listen_again(self) -> None:
        """The call is in another phone now: hear its caller. Raises `PhoneError`."""
        async with self._turn:
            await self._aside()

    def gone(self, reason: str) -> None:
        """The call is over; the phone may not have told so."""
        if self._line is not None:
            self._line.ended("network", reason)

    def end(self) -> None:
        """Nothing is left of it on the call."""
        self.over = True
        self.left.set()

    async def _aside(self) -> None:
        if self._line is not None and self._runner is not None and not self.over:
            await self._line.step_aside()
