"""The offline recogniser on a synthetic voice: how sure it is, and how soon it answers."""

from __future__ import annotations

import asyncio

import pytest

from halodesk.voice.messages import Expect, Told, Words
from halodesk.voice.offline_tts import OfflineTTS
from halodesk.voice.sphinx import Recogniser

PAUSE = bytes(2 * 16 * 700)


async def _spoken(text: str) -> bytes:
    return b"".join([pcm async for pcm in OfflineTTS().stream(text)])


def said(text: str) -> bytes:
    return asyncio.run(_spoken(text))


@pytest.fixture(scope="module")
def told() -> list[Told]:
    return []


@pytest.fixture(scope="module")
def recogniser(told: list[Told]) -> Recogniser:
    return Recogniser(told.append)


def heard(recogniser: Recogniser, told: list[Told], sound: bytes) -> tuple[list[Words], int]:
    """What was final, and milliseconds of sound until the first of it."""
    told.clear()
    first = 0
    for at in range(0, len(sound), 640):
        recogniser.feed(sound[at : at + 640])
        if not first and any(isinstance(one, Words) and one.final for one in told):
            first = at // 32
    return [one for one in told if isinstance(one, Words) and one.final], first


def test_words_come_with_how_sure_they_are(recogniser: Recogniser, told: list[Told]) -> None:
    recogniser.expect(Expect())
    found, _ = heard(recogniser, told, PAUSE + said("I would like to speak with somebody.") + PAUSE)
    assert [one.text for one in found] == ["i would like to speak with somebody"]
    assert 0 < found[0].confidence <= 1


def test_a_listed_answer_is_told_sooner_than_the_same_words_where_nothing_is_listed(
    recogniser: Recogniser, told: list[Told]
) -> None:
    sound = PAUSE + said("Yes.") + PAUSE
    recogniser.expect(Expect())
    free, late = heard(recogniser, told, sound)
    recogniser.expect(Expect(phrases=("call me back",)))
    listed, soon = heard(recogniser, told, sound)
    assert [one.text for one in listed] == [one.text for one in free] == ["yes"]
    assert listed[0].confidence > 0
    assert late - soon >= 100
