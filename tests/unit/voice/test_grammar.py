"""What a caller may say at a node, as a grammar, and numbers as figures."""

from __future__ import annotations

import pytest

from halodesk.voice.grammar import complete, grammar_of, spoken, with_figures
from halodesk.voice.messages import Expect


def known(word: str) -> bool:
    return word != "zzyzx"


def test_a_node_that_lists_nothing_has_no_grammar() -> None:
    assert grammar_of(Expect(), known).text == ""


def test_phrases_and_yes_and_no_are_alternatives() -> None:
    built = grammar_of(Expect(phrases=("pay_in_full", "payment plan")), known)
    assert "pay in full | payment plan | yes" in built.text
    assert built.text.startswith("#JSGF V1.0;")
    assert "<amount>" not in built.text
    assert built.whole


def test_numbers_are_spelled_out() -> None:
    assert "<amount> =" in grammar_of(Expect(numbers=True), known).text


def test_a_word_nobody_can_hear_leaves_its_phrase_out() -> None:
    built = grammar_of(Expect(phrases=("call zzyzx", "goodbye")), known)
    assert "zzyzx" not in built.text
    assert built.phrases[0] == "goodbye"
    assert not built.whole


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("pay_in_full", "pay in full"),
        ("callBack", "call back"),
        ("25", "twenty five"),
        ("300", "three hundred"),
        ("12045", "twelve thousand forty five"),
        ("0", "zero"),
        ("that's right", "that's right"),
        ("<script>;|()", "script"),
        ("", ""),
    ],
)
def test_phrases_are_said_as_people_say_them(phrase: str, words: str) -> None:
    assert " ".join(spoken(phrase)) == words


@pytest.mark.parametrize(
    ("said", "figures"),
    [
        ("two hundred and five dollars", "205 dollars"),
        ("four oh two nine", "4029"),
        ("nine", "9"),
        ("twenty one thousand three hundred", "21300"),
        ("a hundred percent", "100 percent"),
        ("yes please", "yes please"),
        ("a person please", "a person please"),
        ("ten dollars and fifty cents", "10 dollars and 50 cents"),
        ("seventeen and a half", "17 and a half"),
    ],
)
def test_numbers_become_figures(said: str, figures: str) -> None:
    assert with_figures(said) == figures


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("yes", True),
        ("well yes please", True),
        ("no", True),
        ("no thank you", True),
        ("four", True),
        ("call me back", True),
        ("call me", False),
        ("pay", False),
        ("twenty", False),
        ("", False),
    ],
)
def test_what_needs_no_more_words_is_known(words: str, whole: bool) -> None:
    expect = Expect(phrases=("4", "call me back", "pay", "pay in full", "20", "25"), numbers=True)
    assert complete(grammar_of(expect, known), words) is whole
