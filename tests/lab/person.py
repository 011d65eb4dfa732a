"""The person at the other end of a flow agent's call: a phone that answers, and a synthetic voice.

A line that the recogniser does not take is pressed as a key, as a person would who is told "or press one".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import (
    AnswerCall,
    CallChanged,
    HangUp,
    LendVoice,
    Notice,
    Request,
    SendDtmf,
    Speak,
    SpeechEnded,
)
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.flow_agent_ports import ChatRequest, Piece
from halodesk.voice.offline_tts import OfflineTTS
from tests.lab.phones import Seat

PATIENCE_S = 5.0
"""After the end of a line: how long the person waits for any sign of having been heard."""
KEY = "1"


class Person:
    """Answers, and says its lines when the agent gives it the word. `watch` is a watcher of the runner."""

    def __init__(self, seat: Seat, lines: tuple[str, ...]) -> None:
        self._seat, self._left = seat, list(lines)
        self._voice = OfflineTTS()
        self._key = ""
        self._speech = 0
        self.word = asyncio.Event()
        self._reaction = asyncio.Event()
        self._taken = self._ending = False
        self.lines = 0
        """How many lines were begun."""
        self.pressed = 0
        """How often a key stood in for words."""

    def watch(self, line: Head | Line, state: State) -> None:
        """The person hears when the agent is silent, and whether it understood."""
        if not isinstance(line, Line) or line.event is None:
            return
        match line.event:
            case e.SpeechPlayed() if state.phase in ("listening", "terminal_wait"):
                # A caller who waits for the end of what is said to him.
                self._ending = state.phase == "terminal_wait"
                self.word.set()
            case e.CallerSaid():
                self._taken = True
                self._reaction.set()
            case e.Ignored():
                self._reaction.set()

    async def ask(self, *requests: Request) -> None:
        """Of the person's phone, one after the other."""
        for request in requests:
            await asyncio.to_thread(self._seat.ask, request)

    async def answer(self) -> str:
        """Takes the next call; its key."""

        def incoming(notice: Notice) -> str | None:
            match notice:
                case CallChanged(call=call) if call.state == "incoming":
                    return call.key
            return None

        self._key = await asyncio.to_thread(self._seat.wait, "call", incoming, 30.0)
        await self.ask(AnswerCall(call=self._key))
        await asyncio.to_thread(self._seat.call, "active", self._key)
        await self.ask(LendVoice(call=self._key))
        return self._key

    async def live(self) -> None:
        """Says all its lines; who has none left hangs up."""
        await self.answer()
        while True:
            await self.word.wait()
            self.word.clear()
            self._taken = False
            if not self._left:
                if not self._ending:
                    await self.ask(HangUp(call=self._key))
                return  # in a terminal node the agent ends the call
            self.lines += 1
            line = self._left.pop(0)
            if line.startswith("dtmf:"):
                await self.press(line.removeprefix("dtmf:"))
                continue
            self._reaction.clear()
            await self.say(line)
            if not await self._understood():
                self.pressed += 1
                await self.press(KEY)

    async def press(self, keys: str) -> None:
        """As RFC 4733 events."""
        await self.ask(SendDtmf(call=self._key, digits=keys))

    async def say(self, text: str) -> None:
        """Says it; returns when it is queued."""
        await self.play([pcm async for pcm in self._voice.stream(text)])

    async def play(self, sound: list[bytes]) -> None:
        """Says sound that is made already."""
        self._speech += 1
        for pcm in sound:
            await self.ask(Speak(call=self._key, speech=self._speech, pcm=pcm))
        await self.ask(Speak(call=self._key, speech=self._speech, last=True))
        speech = self._speech

        def over(notice: Notice) -> bool | None:
            return True if isinstance(notice, SpeechEnded) and notice.speech == speech else None

        await asyncio.to_thread(self._seat.wait, "end of the line", over, 30.0)

    async def _understood(self) -> bool:
        """Whether words of the line were taken."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not self._taken:
                    await self._reaction.wait()
                    self._reaction.clear()
        return self._taken


class InStep(ScriptedLLM):
    """A script that stays in step with the person's lines.

    A line that reaches the model in two pieces, as spoken words do, gets the same answer twice: it does not
    use up the answer to the next line.
    """

    def __init__(self, completions: Sequence[Completion], lines: Callable[[], int]) -> None:
        super().__init__(completions)
        self._lines, self._line, self._last = lines, -1, Completion()
        self._whole = True

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """The next completion, or the last one again."""
        again = self._whole and self._line == self._lines()
        if not again:
            self._line = self._lines()
            self._last = self.next
            self._whole = not self._last.calls
        async for piece in ScriptedLLM([self._last]).stream(request) if again else super().stream(request):
            yield piece
