"""The mouth over `audio/speech`: streamed, resampled, bounded in time, and the other mouth where it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from halodesk.engine.errors import SettingsError
from halodesk.voice.openai_tts import MOUTH, OpenAITTS
from halodesk.voice.provider import SpeechAccount, SpeechAwayError
from tests.fakes.audio_server import AudioServer, Sound, audio_server
from tests.fakes.loops import in_loop

SPARE = b"spare mouth "


class Spare:
    """Says `SPARE`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.closed = False

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        self.said.append(text)
        yield SPARE

    async def close(self) -> None:
        self.closed = True


def account(server: AudioServer, **other: object) -> SpeechAccount:
    given: dict[str, object] = {"provider": "openai", "url": server.url, "api_key": "k", **other}
    return SpeechAccount(**given)  # type: ignore[arg-type]  # a test's own keywords


def tone(hz: int, rate: int, seconds: float) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype("<i2")


async def all_of(mouth: OpenAITTS, text: str = "Good morning.") -> bytes:
    return b"".join([pcm async for pcm in mouth.stream(text)])


@in_loop
async def test_sound_comes_out_at_16_khz_whole_and_in_tune() -> None:
    with audio_server() as server:
        server.sounds = [Sound(pcm=tone(440, 24_000, 2.0).tobytes())]
        mouth = OpenAITTS(account(server, model="tts-1", voice="nova"))
        sound = np.frombuffer(await all_of(mouth), dtype="<i2")
        await mouth.close()
        assert server.asked == [
            {"input": "Good morning.", "model": "tts-1", "voice": "nova", "response_format": "pcm"}
        ]
        assert server.keys == ["Bearer k"]
    assert abs(len(sound) - 32_000) <= 2
    error = sound[400:-400] - tone(440, 16_000, 2.0)[400 : len(sound) - 400].astype(float)
    assert np.abs(error).max() < 100


@in_loop
async def test_the_first_sound_does_not_wait_for_the_last() -> None:
    with audio_server() as server:
        server.sounds = [Sound(fault="wait")]
        mouth = OpenAITTS(account(server))
        pieces = mouth.stream("Good morning.")
        first = await anext(pieces)
        assert not server.more.is_set()
        server.more.set()
        rest = b"".join([pcm async for pcm in pieces])
        await mouth.close()
    assert first
    assert abs(len(first + rest) - 32_000) <= 4


@pytest.mark.parametrize(
    "sound",
    [
        Sound(fault="500"),
        Sound(fault="401"),
        Sound(fault="429"),
        Sound(fault="drop"),
        Sound(fault="hang"),
        Sound(pcm=b""),
        Sound(kind="audio/mpeg"),
        Sound(kind="application/json"),
        Sound(pcm=b"RIFF" + bytes(9000)),
        Sound(pcm=b"ID3" + bytes(9000)),
    ],
)
@in_loop
async def test_what_the_server_does_not_say_the_other_mouth_says(sound: Sound) -> None:
    with audio_server() as server:
        server.sounds = [sound, sound, Sound()] if sound.fault == "drop" else [sound, Sound()]
        spare = Spare()
        mouth = OpenAITTS(account(server, first_sound_s=0.3), spare)
        assert await all_of(mouth) == SPARE
        assert spare.said == ["Good morning."]
        assert len(await all_of(mouth)) > 30_000  # the next one is the server's again
        await mouth.close()
        assert spare.closed


@in_loop
async def test_a_connection_that_grew_old_is_made_anew() -> None:
    with audio_server() as server:
        server.sounds = [Sound(fault="drop"), Sound()]
        spare = Spare()
        mouth = OpenAITTS(account(server), spare)
        assert len(await all_of(mouth)) > 30_000
        await mouth.close()
    assert not spare.said


@in_loop
async def test_a_sentence_cut_in_the_middle_is_said_again() -> None:
    with audio_server() as server:
        server.sounds = [Sound(fault="cut")]
        spare = Spare()
        mouth = OpenAITTS(account(server), spare)
        sound = await all_of(mouth)
        await mouth.close()
    assert sound.endswith(SPARE)
    assert len(sound) > 10_000


@in_loop
async def test_alone_it_is_silent_and_raises_nothing() -> None:
    with audio_server() as server:
        server.sounds = [Sound(fault="500")]
        mouth = OpenAITTS(account(server))
        assert await all_of(mouth) == b""
        assert await all_of(mouth, "  ") == b""
        assert len(server.asked) == 1
        await mouth.close()


@in_loop
async def test_closing_ends_the_request() -> None:
    with audio_server() as server:
        server.sounds = [Sound(fault="wait")]
        mouth = OpenAITTS(account(server))
        pieces = mouth.stream("Good morning.")
        await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]  # a generator, which the port does not say
        await mouth.close()
        assert not server.more.is_set()


@pytest.mark.parametrize(
    ("fault", "words"),
    [("401", "refused the key"), ("503", "answered 503"), ("drop", "cannot be reached"), ("hang", "in time")],
)
@in_loop
async def test_at_the_start_it_says_why_it_cannot(fault: str, words: str) -> None:
    with audio_server() as server:
        server.sounds = [Sound(fault=fault)]
        with pytest.raises(SpeechAwayError, match=words):
            await MOUTH.open(account(server, first_sound_s=0.3), None)


@in_loop
async def test_without_key_and_address_it_is_unusable() -> None:
    with pytest.raises(SettingsError, match="no key"):
        await MOUTH.open(SpeechAccount(provider="openai"), None)
    with pytest.raises(SettingsError, match="not encrypted"):
        await MOUTH.open(SpeechAccount(provider="openai", url="http://speech.example.com/v1"), None)


@in_loop
async def test_a_sentence_costs_its_letters() -> None:
    with audio_server() as server:
        mouth = OpenAITTS(account(server, price_letters=15.0))
        await all_of(mouth, "Good morning.")
        await mouth.close()
    assert mouth.cost == pytest.approx(13 * 15 / 1e6)
