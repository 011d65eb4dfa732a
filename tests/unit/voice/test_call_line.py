"""A call of the seat's phone as the line of a flow agent, where ear, mouth and model share one line."""

from __future__ import annotations

from halodesk.app.live_lines import CallLine
from halodesk.app.speech import Speech
from halodesk.protocol.phone_link import CallInfo, Done, Reply, Request
from halodesk.runtime.flow_agent.scripted import ScriptedLLM
from halodesk.sip.call_voice import PhoneCallVoice
from halodesk.voice.offline_tts import OfflineTTS
from halodesk.voice.provider import Talks
from tests.fakes.loops import in_loop
from tests.unit.voice.test_call_duplex import Ear

CALL = CallInfo(key="a", sip_call_id="x", account="main", direction="out", state="active")


@in_loop
async def test_it_brings_the_lines_model_and_lets_go_of_the_line_with_the_call() -> None:
    did: list[str] = []

    async def ask(request: Request) -> Reply:
        return Done()

    async def close() -> None:
        did.append("closed")

    ear, mouth, model = Ear(), OfflineTTS(), ScriptedLLM(())
    talks = Talks(stt=ear, tts=mouth, model=model, played=lambda text, ms, whole: None, close=close)
    speech = Speech(stt=ear, tts=mouth, model=model, played=talks.played, line=talks)
    line = CallLine(PhoneCallVoice(CALL, ask), speech, lambda: did.append("forgotten"))
    assert line.model is model
    await line.begin(keeps_call=False, left=lambda: did.append("left"))
    await line.close()
    assert did == ["closed", "forgotten", "left"]
