"""Which ear and mouth a call gets, and what is said where it is not the one asked for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from halodesk.app.speech import open_speech
from halodesk.engine.errors import SettingsError
from halodesk.runtime import settings as s
from halodesk.voice.offline_stt import OfflineSTT
from halodesk.voice.offline_tts import OfflineTTS
from halodesk.voice.openai_stt import OpenAISTT
from halodesk.voice.openai_tts import OpenAITTS
from halodesk.voice.provider import ears, mouths
from tests.fakes.audio_server import Sound, Text, audio_server
from tests.fakes.loops import in_loop
from tests.fakes.realtime_server import realtime_server


def test_each_way_to_hear_and_to_speak_is_found_by_its_module() -> None:
    assert set(ears()) == set(mouths()) == {"offline", "openai"}


@in_loop
async def test_without_settings_it_is_offline() -> None:
    speech = await open_speech({})
    await speech.close()
    assert (type(speech.stt), type(speech.tts), speech.said) == (OfflineSTT, OfflineTTS, ())


@in_loop
async def test_the_provider_of_the_settings_with_its_key_from_the_environment() -> None:
    with pytest.MonkeyPatch.context() as patch, audio_server() as server:
        patch.setenv("SPEECH_KEY", "sesame")
        one = {"provider": "openai", "url": server.url, "api_key": "env:SPEECH_KEY"}
        speech = await open_speech({"ear": one, "mouth": one})
        await speech.close()
        await speech.close()  # the call closes them, too
        assert (type(speech.stt), type(speech.tts), speech.said) == (OpenAISTT, OpenAITTS, ())
        assert server.keys == ["Bearer sesame"] * 2


@in_loop
async def test_one_that_is_away_gives_way_to_the_offline_one_and_it_is_said() -> None:
    with audio_server() as server:
        server.texts, server.sounds = [Text(fault="503")], [Sound(fault="401")]
        one = {"provider": "openai", "url": server.url}
        speech = await open_speech({"ear": one, "mouth": one})
        await speech.close()
    assert (type(speech.stt), type(speech.tts)) == (OfflineSTT, OfflineTTS)
    assert speech.said == (
        "The speech server answered 503. The offline recogniser listens in its place.",
        "The speech server refused the key. The offline voice speaks in its place.",
    )


@in_loop
async def test_away_and_no_voice_here_is_an_error() -> None:
    with pytest.MonkeyPatch.context() as patch, audio_server() as server:
        patch.setattr("halodesk.voice.offline_tts.shutil.which", lambda name: None)
        server.sounds = [Sound(fault="503")]
        with pytest.raises(SettingsError, match=r"answered 503\. This computer has no voice"):
            await open_speech({"mouth": {"provider": "openai", "url": server.url}})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ear": {"provider": "telepathy"}}, "no ear of speech “telepathy”"),
        ({"mouth": {"provider": "openai"}}, "no key"),
        ({"mouth": {"voice": "caruso"}}, "no voice “caruso”"),
        ({"nose": {}}, "nose"),
        ({"realtime": {"provider": "telepathy"}}, "no realtime of speech “telepathy”"),
        ({"realtime": {"provider": "openai"}}, "no key"),
        ({"ear": {"provider": "openai", "answer_s": 0}}, "answer_s"),
        ({"ear": {"provider": "openai", "api_key": "env:NOT_SET_HERE"}}, "key of the ear in `speech`"),
    ],
)
@in_loop
async def test_wrong_settings_are_told_in_words(given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        await open_speech(given)


def test_a_file_with_a_key_of_speech_must_be_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    given = {"speech": {"ear": {"provider": "openai", "api_key": "sesame"}}}
    path.write_bytes(msgspec.json.encode(given))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        s.load(path)
    path.chmod(0o600)
    assert s.load(path).speech == given["speech"]


@in_loop
async def test_realtime_is_ear_mouth_and_first_model_in_one() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPEECH_KEY", "sesame")
        async with realtime_server() as server:
            server.key = "sesame"
            one = {"provider": "openai", "url": server.url, "api_key": "env:SPEECH_KEY", "model": "m"}
            speech = await open_speech({"realtime": one})
            assert speech.model is not None
            assert (speech.model.name, speech.said) == ("openai-realtime/m", ())
            await speech.close()
            await speech.close()


@in_loop
async def test_realtime_that_is_away_gives_way_to_ear_mouth_and_models_of_the_settings() -> None:
    async with realtime_server() as server:
        server.refuses_session = True
        speech = await open_speech({"realtime": {"provider": "openai", "url": server.url}})
        await speech.close()
    assert (type(speech.stt), type(speech.tts), speech.model) == (OfflineSTT, OfflineTTS, None)
    assert speech.said == (
        "The Realtime server refused the session. Ear, mouth and models of the settings do its work.",
    )
