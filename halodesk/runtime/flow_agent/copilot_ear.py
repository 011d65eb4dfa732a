"""The co-pilot's ears on one call: sound of the phone in, words of both speakers out. On the io loop.

Rules:
- A recogniser hears one speaker. It is replaced by a fresh one when listening pauses: what was said
  before, or half said, reaches nobody after it.
- While it pauses no sound reaches a recogniser, and no word is told.
- What fails is told in words; nothing is raised, and the call is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

import msgspec
import structlog

from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import FarSound
from halodesk.runtime.call_hearing import CallHearing
from halodesk.runtime.flow_agent_ports import STT, Expected, Priced

_log = structlog.get_logger("copilot")

Who = Literal["caller", "human"]


class Ear(msgspec.Struct, frozen=True, kw_only=True):
    """A recogniser that is open."""

    stt: STT
    away: bool = False
    """The sound leaves this computer: a provider hears it."""
    said: str = ""
    """In words: what is not as the settings ask for."""


OpenEar = Callable[[], Awaitable[Ear]]
"""Raises `HaloDeskError` where nothing can be opened."""


class Listens(msgspec.Struct, frozen=True, kw_only=True):
    """The call is heard from now on."""

    away: bool
    said: str = ""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A final utterance."""

    who: Who
    text: str
    confidence: float
    pauses: int = 0
    """How often listening had paused before it was said."""
    cost: float = 0.0
    """What listening has cost so far, in units of the price list."""


class Deaf(msgspec.Struct, frozen=True, kw_only=True):
    """It has ended. Without a problem: with the call, or as it was asked to."""

    problem: str = ""
    todo: str = ""


Told = Listens | Words | Deaf


class Listener:
    """`run` until the call is over or it is cancelled; the other methods on the loop, too."""

    def __init__(
        self,
        hearing: Callable[[], CallHearing],
        open_ear: OpenEar,
        tell: Callable[[Told], None],
        *,
        near: bool,
    ) -> None:
        """`hearing` is called on the loop."""
        self._open_hearing, self._open, self._tell = hearing, open_ear, tell
        self._hearing: CallHearing | None = None
        self._who: tuple[Who, ...] = ("caller", "human") if near else ("caller",)
        self._ears: dict[Who, STT] = {}
        self._tasks: dict[Who, asyncio.Task[None]] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._expected = Expected()
        self._paused = False
        self._pauses = 0
        self._spent = 0.0
        """By ears that are closed."""

    @property
    def cost(self) -> float:
        """What listening has cost so far."""
        return self._spent + _cost(self._ears.values())

    async def run(self) -> None:
        """Listens. Tells `Deaf` at its end, whatever happens."""
        problem, todo = "", ""
        try:
            listens = await self._open_ears()
            self._hearing = self._open_hearing()
            await self._hearing.start()
            self._tell(listens)
            async for sound in self._hearing.sounds():
                who: Who = "caller" if isinstance(sound, FarSound) else "human"
                ear = self._ears.get(who)
                if ear is not None and not self._paused:
                    ear.feed(sound.pcm)
        except HaloDeskError as error:
            problem, todo = error.message, error.todo
        finally:
            await asyncio.shield(self._close())
            self._tell(Deaf(problem=problem, todo=todo))

    def expect(self, expected: Expected) -> None:
        """What the caller may say from now on."""
        self._expected = expected
        if (ear := self._ears.get("caller")) is not None:
            ear.expect(expected)

    def pause(self, paused: bool) -> None:
        """Whether nothing is to be heard."""
        if paused and not self._paused:
            self._pauses += 1
            if self._ears:  # those that are just being opened have heard nothing yet
                for task in self._tasks.values():
                    task.cancel()
                self._spent = self.cost
                old, self._ears, self._tasks = tuple(self._ears.values()), {}, {}
                self._renewing = asyncio.create_task(self._renew(old))
        self._paused = paused

    async def _renew(self, old: tuple[STT, ...]) -> None:
        for ear in old:
            await ear.close()
        try:
            self._tell(await self._open_ears())
        except HaloDeskError as error:
            _log.warning("copilot_ear_lost", error=type(error).__name__, message=error.message)
            self._tell(Deaf(problem=error.message, todo=error.todo))

    async def _open_ears(self) -> Listens:
        opened: list[tuple[Who, Ear]] = []
        try:
            for who in self._who:
                if who not in self._ears:
                    opened.append((who, await self._open()))
        except BaseException:
            for _, ear in opened:
                await ear.stt.close()
            raise
        for who, ear in opened:
            self._ears[who] = ear.stt
            self._tasks[who] = asyncio.create_task(self._words(who, ear.stt))
        self.expect(self._expected)
        said = next((ear.said for _, ear in opened), "")
        return Listens(away=any(ear.away for _, ear in opened), said=said)

    async def _words(self, who: Who, ear: STT) -> None:
        async for news in ear.news():
            if isinstance(news, i.Heard) and news.final and news.text.strip():
                self._tell(
                    Words(
                        who=who,
                        text=news.text,
                        confidence=news.confidence,
                        pauses=self._pauses,
                        cost=self.cost,
                    )
                )

    async def _close(self) -> None:
        if self._hearing is not None:
            await self._hearing.stop()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for ear in self._ears.values():
            await ear.close()


def _cost(ears: Iterable[STT]) -> float:
    return sum(ear.cost for ear in ears if isinstance(ear, Priced))
