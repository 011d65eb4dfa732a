"""OpenAI's Realtime as ear, mouth and model in one: three ports over one socket (docs/adr/0030)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from halodesk.runtime.flow_agent_ports import STT, TTS
from halodesk.voice.openai_stt import MODEL as EAR_MODEL
from halodesk.voice.openai_tts import VOICE
from halodesk.voice.provider import RealtimeAccount, Talker, Talks
from halodesk.voice.realtime_ear import SERVED_RATE, RealtimeEar
from halodesk.voice.realtime_line import RealtimeLine
from halodesk.voice.realtime_model import RealtimeModel
from halodesk.voice.realtime_mouth import RealtimeMouth


def session_of(account: RealtimeAccount) -> dict[str, Any]:
    """What a session begins with. Nothing answers by itself: there is no turn detection over there."""
    sound = {"type": "audio/pcm", "rate": SERVED_RATE}
    reader = {"model": EAR_MODEL} | ({"language": account.language} if account.language else {})
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": sound, "turn_detection": None, "transcription": reader},
            "output": {"format": sound, "voice": account.voice or VOICE},
        },
        "include": ["item.input_audio_transcription.logprobs"],
        "tool_choice": "auto",
    }


async def _open(account: RealtimeAccount, ear: Callable[[], Awaitable[STT]], mouth: TTS | None) -> Talks:
    line = RealtimeLine(account)
    model = RealtimeModel(line, account)
    hears = RealtimeEar(line, account, ear, model.heard)
    speaks = RealtimeMouth(line, mouth, model.cut)

    async def close() -> None:
        await hears.close()
        await speaks.close()
        await line.close()

    try:
        await line.open(session_of(account))
    except BaseException:
        await hears.close()
        await line.close()
        raise
    return Talks(stt=hears, tts=speaks, model=model, played=speaks.played, close=close)


TALKER = Talker(key="openai", label="OpenAI Realtime, or a server that speaks its language", open=_open)
