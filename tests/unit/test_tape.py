"""Several legs on one recording: who is on which side, frame by frame."""

from __future__ import annotations

import numpy as np

from halodesk.sip.phone.audio.bridge import SILENCE, Sink
from halodesk.sip.phone.recorder import FRAME_SAMPLES
from halodesk.sip.phone.tape import Tape, Tapes, added


def sound(level: int) -> bytes:
    """A frame of one value."""
    return np.full(FRAME_SAMPLES, level, dtype="<i2").tobytes()


class File:
    """Keeps the first sample of each side of each frame."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int]] = []

    def push(self, agent: bytes, caller: bytes) -> None:
        """`Sink`."""
        assert len(agent) == len(caller) == len(SILENCE)
        self.frames.append((int.from_bytes(agent[:2], "little", signed=True), _first(caller)))


def _first(data: bytes) -> int:
    return int.from_bytes(data[:2], "little", signed=True)


def test_a_tape_alone_is_the_call_itself() -> None:
    file = File()
    Tape(file).push(sound(5), sound(7))
    assert file.frames == [(5, 7)]


def test_all_far_ends_are_added_and_the_agent_is_there_once() -> None:
    file = File()
    tape = Tape(file)
    leg = tape.join()
    leg.push(sound(5), sound(100))
    tape.push(sound(5), sound(7))
    assert file.frames == [(5, 107)], "the agent says the same to both"
    leg.push(sound(6), sound(100))
    tape.push(SILENCE, SILENCE)
    assert file.frames[-1] == (6, 100), "on hold the call is silent, and the consultation is there"


def test_the_call_s_own_clock_makes_the_frames() -> None:
    file = File()
    tape = Tape(file)
    leg = tape.join()
    tape.push(SILENCE, sound(7))
    for level in (1, 2, 3):  # the leg's clock ran ahead: the oldest is late
        leg.push(SILENCE, sound(level))
    tape.push(SILENCE, SILENCE)
    tape.push(SILENCE, SILENCE)
    tape.push(SILENCE, SILENCE)
    assert [right for _, right in file.frames] == [7, 2, 3, 0]
    leg.leave()
    leg.push(SILENCE, sound(9))
    tape.push(SILENCE, SILENCE)
    assert file.frames[-1] == (0, 0)


def test_loud_voices_are_held_at_full_scale() -> None:
    assert _first(added([sound(30_000), sound(30_000)])) == 32_767
    assert _first(added([sound(-30_000), sound(-30_000)])) == -32_768
    assert len(added([b"", sound(1)])) == len(SILENCE)


def test_a_leg_is_on_its_own_tape_and_on_those_of_a_conference() -> None:
    mine, other = File(), File()
    fed: list[Sink | None] = []
    tapes = Tapes("a", "")
    tapes.connect(fed.append)
    assert fed == [None]
    tapes.begin(mine)
    theirs = Tape(other)
    tapes.join("b", theirs)
    tapes.join("a", theirs)  # its own key: never twice
    sink = fed[-1]
    assert sink is not None
    sink.push(sound(5), sound(7))
    theirs.push(sound(5), sound(8))
    assert (mine.frames, other.frames) == ([(5, 7)], [(5, 15)])
    tapes.leave("b")
    sink = fed[-1]
    assert sink is not None
    sink.push(sound(5), sound(7))
    theirs.push(sound(5), sound(8))
    assert other.frames[-1] == (5, 8)


def test_a_leg_made_for_a_call_stays_on_its_tape_when_a_conference_ends() -> None:
    file = File()
    host = Tape(file)
    fed: list[Sink | None] = []
    tapes = Tapes("leg", "a")
    tapes.join("a", host)
    tapes.connect(fed.append)
    tapes.leave("a")
    assert fed[-1] is not None
    fed[-1].push(SILENCE, sound(3))
    host.push(SILENCE, SILENCE)
    assert file.frames == [(0, 3)]
    tapes.end()
    host.push(SILENCE, SILENCE)
    assert file.frames[-1] == (0, 0)
