"""The mouth of this computer: what it makes first, and what it keeps running."""

from __future__ import annotations

import asyncio

import numpy as np
import psutil
import pytest

from halodesk.voice.offline_tts import OfflineTTS, clauses, unpadded
from tests.fakes.loops import in_loop


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Thank you.", ["Thank you."]),
        ("Good morning, Mr. Holt.", ["Good morning, Mr. Holt."]),
        (
            "There is half past nine, eleven, or a quarter past four. Which one suits you?",
            ["There is half past nine,", "eleven, or a quarter past four.", "Which one suits you?"],
        ),
        ("It costs 1,200 dollars, which you may pay in three parts.",
         ["It costs 1,200 dollars,", "which you may pay in three parts."]),
        ("a" * 60, ["a" * 60]),
        ("  ", []),
    ],
)  # fmt: skip
def test_a_long_sentence_is_made_clause_by_clause(text: str, made: list[str]) -> None:
    assert clauses(text) == made


def test_silence_before_the_first_word_is_left_out() -> None:
    word = np.full(1600, 3000, dtype="<i2")
    pcm = np.concatenate([np.zeros(3200), word, np.zeros(8000)]).astype("<i2").tobytes()
    assert len(unpadded(pcm)) // 2 == 160 + 1600 + 1600, "10 ms before, 100 ms after"
    assert unpadded(bytes(640)) == bytes(640), "what has no word at all is left alone"


@in_loop
async def test_the_clauses_are_the_sentence() -> None:
    mouth = OfflineTTS()
    whole = "We are open on Saturday, and somebody is always glad to help you."
    made = sum([len(pcm) async for pcm in mouth.stream(whole)])
    parts = 0
    for clause in clauses(whole):
        parts += sum([len(pcm) async for pcm in mouth.stream(clause)])
    assert len(clauses(whole)) == 2
    assert made == parts


@in_loop
async def test_a_process_waits_for_its_text_until_the_mouth_closes() -> None:
    def running() -> set[int]:
        found = psutil.Process().children()
        return {one.pid for one in found if one.status() != psutil.STATUS_ZOMBIE}

    before = running()
    mouth = OfflineTTS()
    mouth.warm()
    async with asyncio.timeout(20):
        while not (waits := running() - before):
            await asyncio.sleep(0.01)
    assert [pcm async for pcm in mouth.stream("Yes.")]
    async with asyncio.timeout(20):
        while waits & running() or not running() - before:
            await asyncio.sleep(0.01)
    await mouth.close()
    assert running() == before
    assert [pcm async for pcm in mouth.stream("Yes.")], "closed, it still speaks"
    assert running() == before
