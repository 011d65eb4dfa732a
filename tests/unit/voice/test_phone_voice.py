"""The voice of a call over the link: which notices become news."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    Done,
    FarSound,
    HangUp,
    HearCall,
    LendVoice,
    Reply,
    Request,
    ReturnVoice,
    Speak,
    SpeechEnded,
    StopHearing,
)
from halodesk.runtime.call_voice import CallOver, Pressed, VoiceNews
from halodesk.sip.call_voice import PhoneCallVoice, newly
from tests.fakes.loops import in_loop

CALL = CallInfo(key="a", sip_call_id="x", account="main", direction="out", state="active")


class Link:
    """Takes every request; `refuses` hang-ups."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.refuses = False

    async def ask(self, request: Request) -> Reply:
        self.asked.append(request)
        if self.refuses and isinstance(request, HangUp):
            raise PhoneRefusedError("There is no such call.")
        return Done()


async def all_news(voice: PhoneCallVoice) -> list[VoiceNews]:
    async with asyncio.timeout(5):
        return [news async for news in voice.news()]


@in_loop
async def test_news_of_this_call_alone_until_it_is_over() -> None:
    voice = PhoneCallVoice(CALL, Link().ask)
    voice.take(FarSound(call="b", pcm=b"x"))
    voice.take(FarSound(call="a", pcm=b"y"))
    voice.take(CallChanged(call=replace(CALL, key="b", state="ended")))
    voice.take(CallChanged(call=replace(CALL, keys_heard="12")))
    voice.take(CallChanged(call=replace(CALL, keys_heard="12")))
    voice.take(CallChanged(call=replace(CALL, keys_heard="123", state="ended", reason="Ended there.")))
    assert await all_news(voice) == [
        FarSound(call="a", pcm=b"y"),
        Pressed(keys="12"),
        Pressed(keys="3"),
        CallOver(by="caller", reason="Ended there."),
    ]


@in_loop
async def test_sound_nobody_fetches_is_dropped_and_nothing_else() -> None:
    voice = PhoneCallVoice(CALL, Link().ask)
    for _ in range(1000):
        voice.take(FarSound(call="a", pcm=b"y"))
    voice.take(CallChanged(call=replace(CALL, state="ended")))
    assert len(await all_news(voice)) == 251


@in_loop
async def test_who_hung_up() -> None:
    link = Link()
    voice = PhoneCallVoice(CALL, link.ask)
    await voice.hang_up()
    voice.take(CallChanged(call=replace(CALL, state="ended")))
    assert await all_news(voice) == [CallOver(by="agent")]
    voice = PhoneCallVoice(CALL, link.ask)
    link.refuses = True
    await voice.hang_up()
    assert await all_news(voice) == [CallOver(by="agent")]
    voice = PhoneCallVoice(CALL, link.ask)
    voice.lost(PhoneAwayError("The phone has ended.", "Wait."))
    assert await all_news(voice) == [CallOver(by="network", reason="The phone has ended.")]


@in_loop
async def test_whoever_sits_here_may_hang_up_too() -> None:
    voice = PhoneCallVoice(CALL, Link().ask, ours=lambda: True)
    voice.take(CallChanged(call=replace(CALL, state="ended")))
    assert await all_news(voice) == [CallOver(by="human")]


@in_loop
async def test_a_human_speaks_and_the_program_hears_on() -> None:
    link = Link()
    voice = PhoneCallVoice(CALL, link.ask)
    await voice.lend()
    await voice.step_aside()
    await voice.lend()
    await voice.give_back()
    assert link.asked == [
        LendVoice(call="a"),
        ReturnVoice(call="a"),
        HearCall(call="a"),
        LendVoice(call="a"),
        ReturnVoice(call="a"),
    ]
    await voice.step_aside()
    await voice.give_back()
    assert link.asked[-1] == StopHearing(call="a")


@in_loop
async def test_a_phone_that_dies_has_played_nothing_more() -> None:
    voice = PhoneCallVoice(CALL, Link().ask)
    await voice.speak(1, b"xy", last=True)
    await voice.speak(2, b"xy", last=False)
    done = SpeechEnded(call="a", speech=1, played_ms=10, whole=True)
    voice.take(done)
    voice.fell_silent()
    voice.ended("network", "The phone process was lost.")
    assert await all_news(voice) == [
        done,
        SpeechEnded(call="a", speech=2, played_ms=0, whole=False),
        CallOver(by="network", reason="The phone process was lost."),
    ]


@in_loop
async def test_speech_goes_to_the_phone() -> None:
    link = Link()
    await PhoneCallVoice(CALL, link.ask).speak(3, b"xy", last=True)
    assert link.asked == [Speak(call="a", speech=3, pcm=b"xy", last=True)]


@pytest.mark.parametrize(
    ("before", "now", "fresh"),
    [("", "1", "1"), ("12", "123", "3"), ("1234", "2345", "5"), ("11", "111", "1"), ("12", "98", "98")],
)
def test_what_was_pressed_since(before: str, now: str, fresh: str) -> None:
    assert newly(before, now) == fresh
