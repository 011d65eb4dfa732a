"""Whether a silent call still has another side."""

from __future__ import annotations

from halodesk.sip.phone.vigil import LOST, SILENT_S, Vigil


def test_sound_needs_no_question() -> None:
    vigil = Vigil()
    assert not any(vigil.due(packets, now) for now, packets in enumerate(range(0, 5000, 50)))


def test_silence_is_asked_about_once_at_a_time() -> None:
    vigil = Vigil()
    assert not vigil.due(7, 100.0)
    assert not vigil.due(7, 100.0 + SILENT_S - 1)
    assert vigil.due(7, 100.0 + SILENT_S)
    vigil.asked(100.0 + SILENT_S)
    assert not vigil.due(7, 200.0), "the first question is still open"
    assert not vigil.answered(200)
    assert vigil.due(7, 200.0)


def test_no_such_call_ends_it_at_once() -> None:
    vigil = Vigil()
    vigil.asked(0.0)
    assert vigil.answered(481)


def test_nobody_answers_again_and_again() -> None:
    vigil = Vigil()
    for turn in range(LOST):
        vigil.asked(float(turn))
        assert vigil.answered(408) is (turn == LOST - 1)


def test_sound_that_comes_back_forgets_what_was_unanswered() -> None:
    vigil = Vigil()
    vigil.due(1, 0.0)
    vigil.asked(30.0)
    assert not vigil.answered(408)
    vigil.due(2, 40.0)
    vigil.asked(80.0)
    assert not vigil.answered(408)


def test_a_refusal_of_the_question_is_a_sign_of_life() -> None:
    vigil = Vigil()
    for code in (200, 405, 500, 501):
        vigil.asked(0.0)
        assert not vigil.answered(code)
