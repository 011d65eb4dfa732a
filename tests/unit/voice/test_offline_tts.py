"""The mouth of this computer: what it makes first, and what it keeps running."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from halodesk.voice import offline_tts
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
    started: asyncio.Queue[Any] = asyncio.Queue()
    start = offline_tts._Speaker.started

    async def kept(program: str) -> Any:
        found = await start(program)
        started.put_nowait(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offline_tts._Speaker, "started", kept)
        mouth = OfflineTTS()
        mouth.warm()
        first: Any = await asyncio.wait_for(started.get(), 20)
        ends = [first._process.returncode]
        assert [pcm async for pcm in mouth.stream("Yes.")]
        ends.append(first._process.returncode)
        assert ends == [None, 0], "it waits, and has spoken"
        second: Any = await asyncio.wait_for(started.get(), 20)
        ends = [second._process.returncode]
        await mouth.close()
        ends.append(second._process.returncode)
        assert ends[0] is None, "the next one waits"
        assert ends[1] not in (None, 0), "and nothing is left running"
        assert [pcm async for pcm in mouth.stream("Yes.")], "closed, it still speaks"
        assert started.qsize() == 1
