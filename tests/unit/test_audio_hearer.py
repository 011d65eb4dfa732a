"""The line on which a program only hears, alone and with one that speaks beneath it."""

from __future__ import annotations

from halodesk.protocol.phone_link import FarSound, NearSound, Notice
from halodesk.sip.phone.audio.bridge import Line
from halodesk.sip.phone.audio.hearer import Hearer, beneath_hearers, without
from halodesk.sip.phone.audio.talker import Talker
from tests.unit.test_audio_talker import FRAME, Own

FAR = b"\x05\x00" * FRAME


def hearer(own: Line, news: list[Notice], *, masked: bool = False) -> Hearer:
    return Hearer("a", own, news.append, lambda: masked)


def test_the_microphone_speaks_on_and_the_program_hears() -> None:
    own, news = Own(), list[Notice]()
    line = hearer(own, news)
    assert line.read(FRAME) == b"\x7f\x00" * FRAME
    line.hear(FAR)
    assert own.heard == [FAR]
    assert news == [FarSound(call="a", pcm=FAR)]


def test_our_side_is_told_too_where_the_program_asks_for_it() -> None:
    own, news, masked = Own(), list[Notice](), False
    line = Hearer("a", own, news.append, lambda: masked, near=True)
    assert line.read(FRAME) == b"\x7f\x00" * FRAME
    assert news == [NearSound(call="a", pcm=b"\x7f\x00" * FRAME)]
    masked = True
    line.read(FRAME)
    assert len(news) == 1, "while a mask is held nothing is told"


def test_a_held_mask_leaves_it_deaf_and_the_agent_not() -> None:
    own, news = Own(), list[Notice]()
    hearer(own, news, masked=True).hear(FAR)
    assert own.heard == [FAR]
    assert news == []


def test_what_another_program_says_is_no_sound_of_the_far_end() -> None:
    own, heard, told = Own(), list[Notice](), list[Notice]()
    talker: list[Talker] = []

    def lend(line: Line) -> Line:
        talker.append(Talker("a", line, told.append, lambda: False))
        return talker[0]

    line = beneath_hearers(hearer(hearer(own, []), heard), lend)
    talker[0].speak(1, b"\x11\x00" * FRAME, last=True)
    assert line.read(FRAME) == b"\x11\x00" * FRAME
    line.hear(FAR)
    assert heard == [FarSound(call="a", pcm=FAR)]
    assert own.heard == [b"\x16\x00" * FRAME], "the agent hears both"


def test_each_is_taken_off_wherever_it_stands() -> None:
    own = Own()
    inner = hearer(own, [])
    middle = Talker("a", inner, lambda notice: None, lambda: False)
    outer = hearer(middle, [])
    line = without(outer, middle)
    assert line is outer
    assert outer.own is inner
    assert without(line, outer) is inner
    assert without(inner, inner) is own
    assert without(own, inner) is own, "one that is gone already changes nothing"


def test_it_ends_with_its_call() -> None:
    own = Own()
    line = hearer(own, [])
    line.close()
    assert not line.here
    assert own.closed
