"""Utterances cut out of the sound of a caller, and the voice told before they are."""

from __future__ import annotations

import asyncio

import pytest

from halodesk.voice import cutter
from halodesk.voice.cutter import Cutter
from halodesk.voice.offline_tts import OfflineTTS

PAUSE = bytes(2 * 16_000)


async def _spoken(text: str) -> bytes:
    return b"".join([pcm async for pcm in OfflineTTS().stream(text)])


SAID = asyncio.run(_spoken("I would like to speak with somebody."))
NO = asyncio.run(_spoken("No."))
YES = asyncio.run(_spoken("Yes."))


class Heard:
    """What a cutter told, pieces of speech in a row counted as one."""

    def __init__(self, *, complete: bool = False) -> None:
        self.told: list[str] = []
        self.speech = bytearray()
        self.cutter = Cutter(
            voice=lambda on: self.told.append("on" if on else "off"),
            speech=self._piece,
            end=lambda: self.told.append("end"),
            complete=lambda: complete,
        )

    def hush_at_end(self, said: bytes) -> int:
        """Milliseconds of silence after `said` until the utterance ended."""
        self.cutter.feed(said)
        for frame in range(100):
            if "end" in self.told:
                return 20 * frame
            self.cutter.feed(bytes(640))
        return 2000

    def _piece(self, pcm: bytes) -> None:
        self.speech += pcm
        if "speech" not in [one for one in self.told if one in ("speech", "end")][-1:]:
            self.told.append("speech")


def test_two_utterances_are_two_in_pieces_of_any_length() -> None:
    sound = SAID + PAUSE + SAID + PAUSE
    found = []
    for size in (641, 5000, len(sound)):
        heard = Heard()
        for at in range(0, len(sound), size):
            heard.cutter.feed(sound[at : at + size])
        assert heard.told.count("speech") == heard.told.count("end") == 2
        assert heard.told.count("on") == heard.told.count("off") == 2
        assert not heard.cutter.speaking
        found.append(bytes(heard.speech))
    assert found[0] == found[1] == found[2], "however the sound comes in, the same is cut out"
    assert len(found[0]) < len(sound) - len(PAUSE)


def test_an_utterance_is_under_way_as_long_as_somebody_speaks() -> None:
    heard = Heard()
    for at in range(0, len(SAID), 640):
        heard.cutter.feed(SAID[at : at + 640])
    assert heard.told == ["on", "speech"]
    assert heard.cutter.speaking


def test_a_soft_beginning_is_given_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Heard()
    whole.cutter.feed(PAUSE + SAID + PAUSE)
    monkeypatch.setattr(cutter, "BEFORE_FRAMES", 0)
    bare = Heard()
    bare.cutter.feed(PAUSE + SAID + PAUSE)
    more = len(whole.speech) - len(bare.speech)
    assert more == 5 * 640, "five frames of 20 ms"
    assert whole.speech.endswith(bare.speech)


def test_silence_is_nothing() -> None:
    heard = Heard()
    heard.cutter.feed(PAUSE * 3)
    heard.cutter.finish()
    assert heard.told == []


def test_finished_by_hand_what_goes_on_is_the_next() -> None:
    heard = Heard()
    half = len(SAID) // 2 // 640 * 640
    heard.cutter.feed(SAID[:half])
    heard.cutter.finish()
    heard.cutter.finish()
    assert heard.told == ["on", "speech", "end"]
    heard.cutter.feed(SAID[half:] + PAUSE)
    assert heard.told.count("end") == heard.told.count("speech") == 2


def test_what_is_complete_ends_after_a_short_hush_and_anything_else_after_a_longer_one() -> None:
    tail = len(SAID) - 2 * 16 * 100  # the mouth leaves 100 ms of silence
    soon, late = Heard(complete=True), Heard()
    assert soon.hush_at_end(SAID[:tail]) <= cutter.SOON_MS + 40
    assert cutter.SOON_MS + 60 < late.hush_at_end(SAID[:tail]) <= cutter.PAUSE_MS + 40


def test_who_goes_on_after_a_short_hush_is_heard_again_from_the_first_word() -> None:
    heard = Heard(complete=True)
    heard.cutter.feed(PAUSE + YES + bytes(2 * 16 * 100))
    first = len(heard.speech)
    assert heard.told == ["on", "speech", "end", "off"]
    heard.cutter.feed(YES + PAUSE)
    assert heard.told == ["on", "speech", "end", "off"] * 2
    assert abs(len(heard.speech) - 2 * first) < 2 * 16 * 150


def test_a_short_word_is_an_utterance_and_a_click_is_none() -> None:
    heard = Heard()
    heard.cutter.feed(PAUSE + NO + PAUSE)
    assert heard.told == ["on", "speech", "end", "off"]
    click = Heard()
    click.cutter.feed(PAUSE + SAID[6400 : 6400 + 2 * 16 * 60] + PAUSE)
    assert "speech" not in click.told
