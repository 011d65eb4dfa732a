"""The ear over `audio/transcriptions`: what is cut out and sent, in which order words come, what fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent_ports import Expected
from halodesk.voice.offline_tts import OfflineTTS
from halodesk.voice.openai_stt import EAR, OpenAISTT
from halodesk.voice.provider import SpeechAccount, SpeechAwayError
from tests.fakes.audio_server import AudioServer, Text, audio_server
from tests.fakes.loops import in_loop

FRAME = 640
PAUSE = bytes(2 * 16_000)


async def spoken(text: str) -> bytes:
    return b"".join([pcm async for pcm in OfflineTTS().stream(text)])


def account(server: AudioServer, **other: object) -> SpeechAccount:
    given: dict[str, object] = {"provider": "openai", "url": server.url, "api_key": "k", **other}
    return SpeechAccount(**given)  # type: ignore[arg-type]  # a test's own keywords


def feed(ear: OpenAISTT, pcm: bytes) -> None:
    for at in range(0, len(pcm), FRAME):
        ear.feed(pcm[at : at + FRAME])


@asynccontextmanager
async def listening(server: AudioServer, **other: object) -> AsyncIterator[OpenAISTT]:
    ear = OpenAISTT(account(server, **other))
    try:
        yield ear
    finally:
        await ear.close()


async def until_heard(news: AsyncIterator[object]) -> list[object]:
    """All news up to the first words."""
    found: list[object] = []
    async with asyncio.timeout(10):
        async for one in news:
            found.append(one)
            if isinstance(one, i.Heard):
                break
    return found


@in_loop
async def test_an_utterance_is_cut_out_and_its_words_come_after_the_voice() -> None:
    said = await spoken("I would like to speak with somebody.")
    with audio_server() as server:
        async with listening(server, model="whisper-1", language="en") as ear:
            ear.expect(Expected(phrases=("somebody",)))
            feed(ear, PAUSE + said + PAUSE)
            news = await until_heard(ear.news())
        (upload,) = server.uploads
    assert news == [i.VoiceBegan(), i.VoiceEnded(), i.Heard(text="Yes please.")]
    assert upload.fields == {"model": "whisper-1", "language": "en", "response_format": "json"}
    assert upload.rate == 16_000
    assert 0.6 * len(said) < len(upload.pcm) < len(said) + 20_000, "the utterance, not the pauses"


@in_loop
async def test_the_voice_is_told_while_it_speaks() -> None:
    said = await spoken("I would like to speak with somebody.")
    with audio_server() as server:
        async with listening(server) as ear:
            feed(ear, said[: len(said) // 3])
            async with asyncio.timeout(5):
                assert await anext(ear.news()) == i.VoiceBegan()
            assert not server.uploads


@in_loop
async def test_words_come_in_the_order_they_were_said() -> None:
    said = await spoken("Good morning to you.")
    with audio_server() as server:
        server.texts = [Text("first", after=1), Text("second")]
        async with listening(server) as ear:
            feed(ear, said + PAUSE)
            await asyncio.to_thread(server.wait_for_uploads, 1)
            feed(ear, said + PAUSE)
            news = ear.news()
            heard = [(await until_heard(news))[-1] for _ in range(2)]
    assert heard == [i.Heard(text="first"), i.Heard(text="second")]


@pytest.mark.parametrize("fault", ["500", "429", "drop"])
@in_loop
async def test_what_fails_in_passing_is_sent_again(fault: str) -> None:
    said = await spoken("Good morning to you.")
    with audio_server() as server:
        server.texts = [Text(fault=fault), Text("again")]
        async with listening(server) as ear:
            feed(ear, said + PAUSE)
            assert (await until_heard(ear.news()))[-1] == i.Heard(text="again")
        assert len(server.uploads) == 2
        assert server.uploads[0].pcm == server.uploads[1].pcm


@pytest.mark.parametrize(("fault", "times"), [("401", 1), ("500", 2), ("hang", 1), ("nonsense", 1)])
@in_loop
async def test_what_fails_for_good_is_a_sound_without_words(fault: str, times: int) -> None:
    said = await spoken("Good morning to you.")
    with audio_server() as server:
        server.texts = [Text(fault=fault)]
        async with listening(server, answer_s=0.4) as ear:
            feed(ear, said + PAUSE)
            assert (await until_heard(ear.news()))[-1] == i.Heard(text="", confidence=0.0)
        assert len(server.uploads) == times


@in_loop
async def test_final_gives_what_is_being_said() -> None:
    said = await spoken("I would like to speak with somebody.")
    with audio_server() as server:
        async with listening(server) as ear:
            assert await ear.final() is None
            feed(ear, said[: len(said) * 2 // 3])
            assert await ear.final() == i.Heard(text="Yes please.")
            assert (await until_heard(ear.news()))[-1] == i.Heard(text="Yes please.")


@in_loop
async def test_who_talks_without_end_is_heard_in_parts() -> None:
    said = await spoken("and so on and on and on and on it goes and goes")
    with audio_server() as server:
        async with listening(server) as ear:
            feed(ear, said * (35 * 32_000 // len(said) + 1))
            assert (await until_heard(ear.news()))[-1] == i.Heard(text="Yes please.")
        assert len(server.uploads[0].pcm) <= 30 * 32_000 + 2000


@in_loop
async def test_closing_lets_go_of_what_is_under_way() -> None:
    said = await spoken("Good morning to you.")
    with audio_server() as server:
        server.texts = [Text(fault="hang")]
        async with asyncio.timeout(5), listening(server, answer_s=30) as ear:
            feed(ear, said + PAUSE)
            await asyncio.to_thread(server.wait_for_uploads, 1)
        assert [one async for one in ear.news()] == [i.VoiceBegan(), i.VoiceEnded()]


@pytest.mark.parametrize(("fault", "words"), [("401", "refused the key"), ("404", "answered 404")])
@in_loop
async def test_at_the_start_it_says_why_it_cannot(fault: str, words: str) -> None:
    with audio_server() as server:
        server.texts = [Text(fault=fault)]
        with pytest.raises(SpeechAwayError, match=words):
            await EAR.open(account(server))


@in_loop
async def test_an_utterance_costs_its_seconds() -> None:
    with audio_server() as server:
        async with listening(server, price_minute=0.6) as ear:
            feed(ear, PAUSE + await spoken("Yes please.") + PAUSE)
            async with asyncio.timeout(10):
                async for news in ear.news():
                    if isinstance(news, i.Heard):
                        break
        seconds = len(server.uploads[0].pcm) / 32_000
    assert ear.cost == pytest.approx(seconds * 0.01, rel=0.01)
