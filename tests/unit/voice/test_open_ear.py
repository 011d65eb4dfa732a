"""The ear alone: who hears the call, and that nobody goes on hearing when it was not wanted after all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from halodesk.app.speech import open_ear
from halodesk.engine.errors import SettingsError
from halodesk.voice.offline_stt import OfflineSTT
from halodesk.voice.openai_stt import OpenAISTT
from tests.fakes.audio_server import Text, audio_server
from tests.fakes.loops import in_loop


@in_loop
async def test_a_providers_ear_is_told_of_and_one_that_is_away_is_none() -> None:
    with audio_server() as server:
        one = {"ear": {"provider": "openai", "url": server.url}}
        found = await open_ear(one)
        await found.stt.close()
        assert (type(found.stt), found.away, found.said) == (OpenAISTT, True, "")
        server.texts = [Text(fault="503")]
        found = await open_ear(one)
        await found.stt.close()
    assert (type(found.stt), found.away) == (OfflineSTT, False), "then the sound stays here"
    assert "in its place" in found.said


@in_loop
async def test_settings_without_sense_are_said() -> None:
    with pytest.raises(SettingsError, match="telepathy"):
        await open_ear({"ear": {"provider": "telepathy"}})


@in_loop
async def test_one_that_is_not_wanted_after_all_leaves_no_process() -> None:
    begun, processes = asyncio.Event(), list[asyncio.subprocess.Process]()
    spawn = asyncio.create_subprocess_exec

    async def noted(*argv: Any, **more: Any) -> asyncio.subprocess.Process:
        processes.append(await spawn(*argv, **more))
        begun.set()
        return processes[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", noted)
        opening = asyncio.create_task(open_ear({}))
        await begun.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert processes[0].returncode is not None
