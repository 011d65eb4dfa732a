"""Ears and mouth on a call, over a phone, a recogniser and a voice that do as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import FarSound, SpeechEnded, SpeechStarted
from halodesk.runtime.call_voice import CallOver, Pressed, VoiceNews
from halodesk.runtime.flow_agent_ports import Expected
from halodesk.voice.call_duplex import CallDuplex, heard_part
from tests.fakes.loops import in_loop

SECOND = b"\x01\x00" * 16_000


class Phone:
    """A call's voice that keeps what it was told."""

    def __init__(self) -> None:
        self.happens: asyncio.Queue[VoiceNews] = asyncio.Queue()
        self.did: list[tuple[object, ...]] = []
        self.refuses = False
        self.more = asyncio.Event()

    def _do(self, *what: object) -> None:
        self.did.append(what)
        self.more.set()

    async def lend(self) -> None:
        self._do("lend")

    async def give_back(self) -> None:
        self._do("give_back")

    async def step_aside(self) -> None:
        self._do("step_aside")

    async def speak(self, speech: int, pcm: bytes, *, last: bool) -> None:
        if self.refuses:
            raise PhoneRefusedError("No.")
        self._do("speak", speech, len(pcm), last)

    async def stop(self, speeches: Sequence[int]) -> None:
        self._do("stop", *speeches)

    async def hang_up(self) -> None:
        self._do("hang_up")

    async def news(self) -> AsyncIterator[VoiceNews]:
        while True:
            news = await self.happens.get()
            yield news
            if isinstance(news, CallOver):
                return


class Ear:
    """A recogniser that keeps what it was fed."""

    def __init__(self) -> None:
        self.fed: list[bytes] = []
        self.heard: asyncio.Queue[i.VoiceBegan | i.VoiceEnded | i.Heard | None] = asyncio.Queue()
        self.expected = Expected()

    def feed(self, pcm: bytes) -> None:
        self.fed.append(pcm)

    async def final(self) -> i.Heard | None:
        return None

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        while (heard := await self.heard.get()) is not None:
            yield heard

    def expect(self, expected: Expected) -> None:
        self.expected = expected

    async def close(self) -> None:
        self.heard.put_nowait(None)


class Mouth:
    """A second of sound a text; `gate` holds the next piece back."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.silent = False

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        if self.silent:
            return
        yield SECOND
        await self.gate.wait()
        yield SECOND

    async def close(self) -> None:
        pass


class Talk:
    """A duplex that has begun, and its news."""

    def __init__(self) -> None:
        self.phone, self.ear, self.mouth = Phone(), Ear(), Mouth()
        self.duplex = CallDuplex(self.phone, self.ear, self.mouth, keys_pause_s=0.05)

    async def __aenter__(self) -> Talk:
        await self.duplex.start()
        self._news = self.duplex.news()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.duplex.close()

    async def next(self) -> i.AnyNews:
        async with asyncio.timeout(5):
            return await anext(self._news)

    async def did(self, *what: object) -> None:
        async with asyncio.timeout(5):
            while what not in self.phone.did:
                self.phone.more.clear()
                await self.phone.more.wait()


def speech(number: int, text: str = "Good morning, how are you?") -> e.SpeechQueued:
    return e.SpeechQueued(speech=number, text=text, kind="reply", interruptible=True)


@in_loop
async def test_a_speech_is_spoken_and_told() -> None:
    async with Talk() as talk:
        await talk.duplex.say(speech(1))
        await talk.did("speak", 1, 0, True)
        assert talk.phone.did[1:3] == [("speak", 1, 32_000, False), ("speak", 1, 32_000, False)]
        talk.phone.happens.put_nowait(SpeechStarted(call="a", speech=1))
        talk.phone.happens.put_nowait(SpeechEnded(call="a", speech=1, played_ms=2000, whole=True))
        assert await talk.next() == i.SpeechBegan(speech=1)
        assert await talk.next() == i.SpeechOver(speech=1, played="Good morning, how are you?")


@in_loop
async def test_a_cut_ends_the_one_that_is_made_and_those_that_wait() -> None:
    async with Talk() as talk:
        talk.mouth.gate.clear()
        await talk.duplex.say(speech(1))
        await talk.duplex.say(speech(2))
        await talk.did("speak", 1, 32_000, False)
        await talk.duplex.cut((1, 2))
        assert ("stop", 1, 2) in talk.phone.did
        assert await talk.next() == i.SpeechOver(speech=2, played="", whole=False)
        talk.phone.happens.put_nowait(SpeechEnded(call="a", speech=1, played_ms=400, whole=False))
        over = await talk.next()
        assert isinstance(over, i.SpeechOver)
        assert (over.speech, over.whole) == (1, False)
        assert over.played == "Good"
        talk.mouth.gate.set()
        await talk.duplex.say(speech(3))
        await talk.did("speak", 3, 0, True)
        assert ("speak", 2, 32_000, False) not in talk.phone.did


@in_loop
async def test_a_speech_is_over_once_however_often_it_is_cut() -> None:
    async with Talk() as talk:
        await talk.duplex.say(speech(1))
        await talk.did("speak", 1, 0, True)
        await talk.duplex.cut((1,))
        for _ in range(2):
            talk.phone.happens.put_nowait(SpeechEnded(call="a", speech=1, played_ms=0, whole=False))
        talk.phone.happens.put_nowait(SpeechStarted(call="a", speech=9))
        assert await talk.next() == i.SpeechOver(speech=1, played="", whole=False)
        assert await talk.next() == i.SpeechBegan(speech=9)


@pytest.mark.parametrize("fault", ["silent voice", "phone refuses"])
@in_loop
async def test_what_cannot_be_said_is_told(fault: str) -> None:
    async with Talk() as talk:
        talk.mouth.silent = fault == "silent voice"
        talk.phone.refuses = fault == "phone refuses"
        await talk.duplex.say(speech(1))
        assert await talk.next() == i.SpeechOver(speech=1, played="", whole=False)


@in_loop
async def test_muted_the_recogniser_hears_silence_of_the_same_length() -> None:
    async with Talk() as talk:
        await talk.duplex.mute(True)
        talk.phone.happens.put_nowait(FarSound(call="a", pcm=b"\x05\x00" * 320))
        talk.phone.happens.put_nowait(SpeechStarted(call="a", speech=1))
        await talk.next()
        await talk.duplex.mute(False)
        talk.phone.happens.put_nowait(FarSound(call="a", pcm=b"\x05\x00" * 320))
        talk.phone.happens.put_nowait(SpeechStarted(call="a", speech=2))
        await talk.next()
        assert talk.ear.fed == [bytes(640), b"\x05\x00" * 320]


@in_loop
async def test_keys_are_one_answer_and_count_when_muted() -> None:
    async with Talk() as talk:
        await talk.duplex.mute(True)
        for key in "42":
            talk.phone.happens.put_nowait(Pressed(keys=key))
        assert await talk.next() == i.Heard(text="42", kind="dtmf")
        talk.phone.happens.put_nowait(Pressed(keys="7#"))
        assert await talk.next() == i.Heard(text="7", kind="dtmf")
        talk.phone.happens.put_nowait(Pressed(keys="#"))
        assert await talk.next() == i.Heard(text="#", kind="dtmf")


@in_loop
async def test_the_microphone_comes_back_unless_the_call_is_over() -> None:
    async with Talk() as talk:
        pass
    assert talk.phone.did[-1] == ("give_back",)
    async with Talk() as talk:
        talk.phone.happens.put_nowait(CallOver(by="caller"))
        assert await talk.next() == i.HungUp(by="caller")
    assert ("give_back",) not in talk.phone.did


@in_loop
async def test_words_and_expectations_pass() -> None:
    async with Talk() as talk:
        talk.duplex.expect(Expected(phrases=("yes",)))
        assert talk.ear.expected.phrases == ("yes",)
        talk.ear.heard.put_nowait(i.Heard(text="hello"))
        assert await talk.next() == i.Heard(text="hello")


@pytest.mark.parametrize(
    ("played", "made", "whole", "words"),
    [
        (0, 2000, True, ""),
        (1000, 2000, True, "one two"),
        (2000, 2000, True, "one two three four"),
        (5000, 2000, True, "one two three four"),
        (100, 100, False, ""),
        (700, 100, False, "one two"),
    ],
)
def test_what_was_heard_of_a_cut_speech(played: int, made: int, whole: bool, words: str) -> None:
    assert heard_part("one two three four", played, made, whole) == words


@in_loop
async def test_stepping_aside_leaves_every_speech_told_and_the_ear_open() -> None:
    async with Talk() as talk:
        talk.mouth.gate.clear()
        await talk.duplex.say(speech(1))
        await talk.did("speak", 1, 32_000, False)
        await talk.duplex.step_aside()
        assert talk.phone.did[-1] == ("step_aside",)
        talk.mouth.gate.set()
        await talk.duplex.cut((1,))
        talk.phone.happens.put_nowait(SpeechEnded(call="a", speech=1, played_ms=0, whole=False))
        assert await talk.next() == i.SpeechOver(speech=1, played="", whole=False)
        talk.phone.happens.put_nowait(FarSound(call="a", pcm=b"\x05\x00" * 320))
        talk.ear.heard.put_nowait(i.Heard(text="Thank you."))
        assert await talk.next() == i.Heard(text="Thank you.")
        await talk.duplex.step_in()
        assert talk.phone.did[-1] == ("lend",)
        assert ("speak", 1, 0, True) not in talk.phone.did


class PricedEar(Ear):
    """Costs what it is set to."""

    cost = 0.0


@in_loop
async def test_what_speech_costs_is_told_once_when_words_are_over() -> None:
    phone, ear = Phone(), PricedEar()
    duplex = CallDuplex(phone, ear, Mouth())
    await duplex.start()
    news = duplex.news()
    charged: list[float] = []
    async with asyncio.timeout(5):
        for cost in (0.5, 0.5, 0.75):
            ear.cost = cost
            ear.heard.put_nowait(i.Heard(text="yes"))
            ear.heard.put_nowait(i.Heard(text="over"))
            async for one in news:
                if isinstance(one, i.SpeechCharged):
                    charged.append(one.cost)
                if isinstance(one, i.Heard) and one.text == "over":
                    break
    await duplex.close()
    assert charged == [0.5, 0.25]


@in_loop
async def test_who_made_the_sound_is_told_how_much_of_it_was_heard() -> None:
    phone, played = Phone(), list[tuple[str, int, bool]]()
    duplex = CallDuplex(
        phone, Ear(), Mouth(), played=lambda text, ms, whole: played.append((text, ms, whole))
    )
    await duplex.start()
    news = duplex.news()
    for number, whole in ((1, True), (2, False)):
        await duplex.say(speech(number, f"Speech {number}."))
        async with asyncio.timeout(5):
            while ("speak", number, 0, True) not in phone.did:
                phone.more.clear()
                await phone.more.wait()
            phone.happens.put_nowait(SpeechEnded(call="a", speech=number, played_ms=700, whole=whole))
            await anext(news)
    await duplex.close()
    assert played == [("Speech 1.", 700, True), ("Speech 2.", 700, False)]
