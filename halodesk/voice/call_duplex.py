"""Ears and mouth of a flow agent on a call: recogniser and voice over the sound of the phone.

Rules:
- Speeches are spoken in turn by one task, so that the sound of the next is ready when the last ends.
- Every speech that was asked for is reported over exactly once, cut or not, heard or not.
- What was heard of a cut speech is told by its sound: whole words of that share of its text.
- Muted, the recogniser gets silence: its clock runs on, and what was being said ends there. Keys count.
- What ear and mouth cost is told when words or a speech are over.
- Keys are gathered until there is a pause or a `#`: an answer by keypad is one answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from halodesk.engine.errors import PhoneError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import FarSound, SpeechEnded, SpeechStarted
from halodesk.runtime.call_voice import CallOver, CallVoice, Pressed
from halodesk.runtime.flow_agent_ports import SAMPLE_RATE, STT, TTS, Expected, Priced

_log = structlog.get_logger("voice")

KEYS_PAUSE_S = 1.5
_BYTES_A_MS = 2 * SAMPLE_RATE // 1000


class CallDuplex:
    """See `runtime.flow_agent_ports.Duplex`. `start` before use."""

    def __init__(
        self,
        voice: CallVoice,
        stt: STT,
        tts: TTS,
        *,
        keys_pause_s: float = KEYS_PAUSE_S,
        played: Callable[[str, int, bool], None] | None = None,
    ) -> None:
        """`played` is told of each speech that is over: text, milliseconds, whether it was whole."""
        self._voice, self._stt, self._tts, self._keys_pause_s = voice, stt, tts, keys_pause_s
        self._played = played
        self._news: asyncio.Queue[i.AnyNews | None] = asyncio.Queue()
        self._to_say: asyncio.Queue[e.SpeechQueued] = asyncio.Queue()
        self._asked: dict[int, e.SpeechQueued] = {}
        self._made_ms: dict[int, int] = {}
        self._whole: set[int] = set()
        self._speaking: tuple[int, asyncio.Task[None]] | None = None
        self._muted = False
        self._charged = 0.0
        self._keys = ""
        self._keys_timer: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False

    async def start(self) -> None:
        """Takes the voice of the call. Raises `PhoneError`."""
        await self._voice.lend()
        for work in (self._hear_call(), self._hear_words(), self._speak()):
            self._tasks.append(asyncio.create_task(work))

    async def say(self, speech: e.SpeechQueued) -> None:
        """Queues it."""
        self._asked[speech.speech] = speech
        self._to_say.put_nowait(speech)

    async def cut(self, speeches: Sequence[int]) -> None:
        """Silence at once."""
        wanted = [number for number in speeches if number in self._asked]
        if self._speaking is not None and self._speaking[0] in wanted:
            self._speaking[1].cancel()
        with contextlib.suppress(PhoneError):
            await self._voice.stop(speeches)
        for number in wanted:
            if number not in self._made_ms:  # nothing of it has reached the phone
                self._tell_over(number, "", whole=False)

    async def mute(self, on: bool) -> None:
        """Whether the recogniser hears the caller."""
        self._muted = on

    def expect(self, expected: Expected) -> None:
        """To the recogniser."""
        self._stt.expect(expected)

    async def news(self) -> AsyncIterator[i.AnyNews]:
        """What happens, until `close`."""
        while (news := await self._news.get()) is not None:
            yield news

    async def step_aside(self) -> None:
        """The microphone speaks at once; the caller is heard on. Raises `PhoneError`."""
        if self._speaking is not None:
            self._speaking[1].cancel()
        await self._voice.step_aside()

    async def step_in(self) -> None:
        """Speaks again. Raises `PhoneError`."""
        await self._voice.lend()

    async def hang_up(self) -> None:
        """Ends the call."""
        with contextlib.suppress(PhoneError):
            await self._voice.hang_up()

    async def close(self) -> None:
        """Gives the microphone back, if the call is still up, and ends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._keys_timer is not None:
            self._keys_timer.cancel()
        if not self._over:
            with contextlib.suppress(PhoneError):
                await self._voice.give_back()
        await self._stt.close()
        await self._tts.close()
        self._news.put_nowait(None)

    # tasks

    async def _hear_call(self) -> None:
        async for news in self._voice.news():
            match news:
                case FarSound(pcm=pcm):
                    self._stt.feed(bytes(len(pcm)) if self._muted else pcm)
                case SpeechStarted(speech=number):
                    self._news.put_nowait(i.SpeechBegan(speech=number))
                case SpeechEnded(speech=number, played_ms=played, whole=whole):
                    self._ended(number, played, whole=whole)
                case Pressed(keys=keys):
                    self._pressed(keys)
                case CallOver(by=by):
                    self._over = True
                    self._news.put_nowait(i.HungUp(by=by))

    async def _hear_words(self) -> None:
        async for news in self._stt.news():
            self._news.put_nowait(news)
            if isinstance(news, i.Heard) and news.final:
                self._tell_cost()

    async def _speak(self) -> None:
        while True:
            speech = await self._to_say.get()
            if speech.speech not in self._asked:
                continue  # cut before its turn
            task = asyncio.create_task(self._speak_one(speech))
            self._speaking = (speech.speech, task)
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
                self._speaking = None

    async def _speak_one(self, speech: e.SpeechQueued) -> None:
        number = speech.speech
        try:
            async for pcm in self._tts.stream(speech.text):
                self._made_ms[number] = self._made_ms.get(number, 0) + len(pcm) // _BYTES_A_MS
                await self._voice.speak(number, pcm, last=False)
            if number in self._made_ms:
                self._whole.add(number)
                await self._voice.speak(number, b"", last=True)
            else:
                _log.error("nothing_to_say", speech=number)
                self._tell_over(number, "", whole=False)
        except PhoneError as error:
            _log.warning("speech_not_taken", error=type(error).__name__)
            self._tell_over(number, "", whole=False)

    # news

    def _ended(self, number: int, played_ms: int, *, whole: bool) -> None:
        speech = self._asked.get(number)
        if speech is None:
            return
        if self._played is not None:
            self._played(speech.text, played_ms, whole)
        made = self._made_ms.get(number, 0)
        words = speech.text if whole else heard_part(speech.text, played_ms, made, number in self._whole)
        self._tell_over(number, words, whole=whole)

    def _tell_over(self, number: int, played: str, *, whole: bool) -> None:
        if self._asked.pop(number, None) is not None:
            self._made_ms.pop(number, None)
            self._whole.discard(number)
            self._news.put_nowait(i.SpeechOver(speech=number, played=played, whole=whole))
            self._tell_cost()

    def _tell_cost(self) -> None:
        cost = sum(part.cost for part in (self._stt, self._tts) if isinstance(part, Priced))
        if cost > self._charged:
            self._news.put_nowait(i.SpeechCharged(cost=cost - self._charged))
            self._charged = cost

    def _pressed(self, keys: str) -> None:
        self._keys += keys
        if self._keys_timer is not None:
            self._keys_timer.cancel()
            self._keys_timer = None
        if self._keys.endswith("#"):
            self._tell_keys()
        else:
            loop = asyncio.get_running_loop()
            self._keys_timer = loop.call_later(self._keys_pause_s, self._tell_keys)

    def _tell_keys(self) -> None:
        keys, self._keys = self._keys, ""
        self._news.put_nowait(i.Heard(text=keys.rstrip("#") or "#", kind="dtmf"))


def heard_part(text: str, played_ms: int, made_ms: int, whole_made: bool) -> str:
    """The words of `text` that went out in `played_ms` of `made_ms`.

    Where the sound was not all made yet, its length is guessed at 15 letters a second.
    """
    length = made_ms if whole_made else max(made_ms, 1000 * len(text) // 15)
    if played_ms <= 0 or length <= 0:
        return ""
    letters = int(len(text) * min(1.0, played_ms / length))
    if letters >= len(text):
        return text
    cut = text[:letters]
    return cut if text[letters] == " " else cut[: cut.rfind(" ") + 1].rstrip() if " " in cut else ""
