"""The line on which a program speaks."""

from __future__ import annotations

import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import FarSound, Notice, SpeechEnded, SpeechStarted
from halodesk.sip.phone.audio.talker import LONGEST_S, Talker

FRAME = 320
SECOND = b"\x01\x00" * 16_000


class Own:
    """The agent's line: a microphone that hums, an ear that keeps what it gets."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.read_count = 0
        self.closed = False

    def read(self, samples: int) -> bytes:
        self.read_count += 1
        return b"\x7f\x00" * samples

    def hear(self, sound: bytes) -> None:
        self.heard.append(sound)

    def close(self) -> None:
        self.closed = True


class Desk:
    """A talker, what it told, and a mask to hold."""

    def __init__(self) -> None:
        self.own = Own()
        self.news: list[Notice] = []
        self.masked = False
        self.talker = Talker("a", self.own, self.news.append, lambda: self.masked)

    def tick(self, heard: bytes = b"\x05\x00" * FRAME) -> bytes:
        said = self.talker.read(FRAME)
        self.talker.hear(heard)
        return said

    def told(self) -> list[Notice]:
        return [notice for notice in self.news if not isinstance(notice, FarSound)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_microphone_is_read_and_never_said(desk: Desk) -> None:
    assert desk.tick() == b""
    assert desk.own.read_count == 1


def test_a_speech_goes_out_in_frames_and_is_told(desk: Desk) -> None:
    desk.talker.speak(7, b"\x02\x00" * (FRAME + 10), last=True)
    assert desk.tick() == b"\x02\x00" * FRAME
    assert desk.told() == [SpeechStarted(call="a", speech=7)]
    assert desk.tick() == b"\x02\x00" * 10
    assert desk.told()[1:] == [SpeechEnded(call="a", speech=7, played_ms=20, whole=True)]


def test_speeches_follow_each_other_without_a_gap(desk: Desk) -> None:
    desk.talker.speak(1, b"\x01\x00" * 100, last=True)
    desk.talker.speak(2, b"\x02\x00" * 400, last=True)
    assert desk.tick() == b"\x01\x00" * 100 + b"\x02\x00" * 220


def test_a_piece_that_is_late_is_waited_for(desk: Desk) -> None:
    desk.talker.speak(1, b"\x01\x00" * FRAME, last=False)
    desk.talker.speak(2, b"\x02\x00" * FRAME, last=True)
    assert desk.tick() == b"\x01\x00" * FRAME
    assert desk.tick() == b""
    desk.talker.speak(1, b"\x03\x00" * FRAME, last=False)
    assert desk.tick() == b"\x03\x00" * FRAME
    desk.talker.speak(1, b"", last=True)
    assert desk.tick() == b"\x02\x00" * FRAME
    ended = [notice for notice in desk.told() if isinstance(notice, SpeechEnded)]
    assert [(end.speech, end.played_ms) for end in ended] == [(1, 40), (2, 20)]


def test_a_cut_takes_one_frame_and_says_what_was_heard(desk: Desk) -> None:
    desk.talker.speak(1, SECOND, last=True)
    desk.talker.speak(2, SECOND, last=True)
    for _ in range(5):
        desk.tick()
    desk.talker.stop((1, 2))
    assert desk.tick() == b""
    assert desk.told()[1:] == [
        SpeechEnded(call="a", speech=1, played_ms=100, whole=False),
        SpeechEnded(call="a", speech=2, played_ms=0, whole=False),
    ]


def test_more_of_a_cut_speech_is_thrown_away(desk: Desk) -> None:
    desk.talker.speak(1, SECOND, last=False)
    desk.talker.stop(())
    desk.talker.speak(1, SECOND, last=True)
    assert desk.tick() == b""


def test_the_agent_hears_both_and_the_program_the_far_end_alone(desk: Desk) -> None:
    desk.talker.speak(1, b"\x02\x00" * FRAME, last=True)
    desk.tick(heard=b"\x05\x00" * FRAME)
    assert desk.own.heard == [b"\x07\x00" * FRAME]
    assert [notice.pcm for notice in desk.news if isinstance(notice, FarSound)] == [b"\x05\x00" * FRAME]


def test_while_a_mask_is_held_the_program_hears_nothing(desk: Desk) -> None:
    desk.masked = True
    desk.tick()
    assert desk.news == []
    assert desk.own.heard == [b"\x05\x00" * FRAME]


def test_too_much_speech_is_refused(desk: Desk) -> None:
    for number in range(LONGEST_S):
        desk.talker.speak(number, SECOND, last=True)
    with pytest.raises(PhoneRefusedError, match="seconds of speech"):
        desk.talker.speak(LONGEST_S, SECOND, last=True)


def test_a_speech_ends_once(desk: Desk) -> None:
    desk.talker.speak(1, SECOND, last=True)
    with pytest.raises(PhoneRefusedError, match="last piece"):
        desk.talker.speak(1, SECOND, last=True)


def test_the_end_of_the_call_ends_all_speeches(desk: Desk) -> None:
    desk.talker.speak(1, SECOND, last=True)
    desk.talker.close()
    assert desk.told() == [SpeechEnded(call="a", speech=1, played_ms=0, whole=False)]
    assert desk.own.closed
    assert not desk.talker.here
