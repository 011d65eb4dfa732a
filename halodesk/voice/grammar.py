"""What a caller may say at a node, as a JSGF grammar.

Rules:
- A grammar lists whole utterances: a phrase, a number, yes or no, with polite words around it.
- It holds only words the recogniser's dictionary knows (`knows`); a phrase with another one is left
  out, and `Built.whole` says so, so that the free recogniser takes part.
- Numbers are spelled as they are said: up to a million, and digit by digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from halodesk.engine.flow_agent.figures import TEENS, TENS, UNITS
from halodesk.engine.flow_agent.figures import with_figures as with_figures
from halodesk.voice.messages import Expect

YES = ("yes", "yeah", "yep", "sure", "okay", "correct", "that is right", "that's right", "i agree", "i do")
NO = ("no", "nope", "no thank you", "no thanks", "that is wrong", "that's wrong", "i don't", "i do not")
_BEFORE = "[well | um | uh | okay | so]"
_AFTER = "[please | thank you | thanks]"
_polite = re.compile(r"^(?:well|um|uh|okay|so) (?=.)|(?<=.) (?:please|thank you|thanks)$")

_NUMBERS = f"""
<unit> = {" | ".join(UNITS)};
<teen> = {" | ".join(TEENS)};
<ten> = {" | ".join(TENS)};
<below100> = <unit> | <teen> | <ten> [<unit>];
<below1000> = <below100> | (a | <unit>) hundred [[and] <below100>];
<number> = zero | <below1000> | <below1000> thousand [[and] <below1000>];
<digits> = (zero | oh | <unit>)+;
<amount> = (<number> | <digits>) [dollars | dollar | percent] [[and] <below100> cents];
"""


class Built(msgspec.Struct, frozen=True):
    """`text` (JSGF) is empty where nothing is listed. `whole`: no phrase was left out."""

    text: str
    phrases: tuple[str, ...]
    whole: bool


def grammar_of(expected: Expect, knows: Callable[[str], bool]) -> Built:
    """The grammar of a node."""
    phrases, whole = _sayable((*expected.phrases, *YES, *NO), knows)
    alternatives = [*phrases, *(["<amount>"] if expected.numbers else [])]
    if not expected.phrases and not expected.numbers:
        return Built("", (), True)
    rules = _NUMBERS if expected.numbers else ""
    said = " | ".join(alternatives)
    top = f"<said> = {said};\npublic <top> = {_BEFORE} <said> {_AFTER};\n"
    return Built(f"#JSGF V1.0;\ngrammar node;\n{rules}{top}", tuple(phrases), whole)


def complete(built: Built, words: str) -> bool:
    """Whether these are whole words of the list, and no longer ones begin with them.

    Who says "no" and then "no thank you" has said the same; a number may always go on.
    """
    said = _polite.sub("", words).strip()
    if said not in built.phrases:
        return False
    if said in YES or said in NO:
        return True
    return not any(phrase.startswith(f"{said} ") for phrase in built.phrases)


def _sayable(phrases: Iterable[str], knows: Callable[[str], bool]) -> tuple[list[str], bool]:
    found: dict[str, None] = {}
    whole = True
    for phrase in phrases:
        words = spoken(phrase)
        if words and all(map(knows, words)):
            found[" ".join(words)] = None
        elif words:
            whole = False
    return list(found), whole


def spoken(phrase: str) -> list[str]:
    """The words of a phrase as one says them: `pay_in_full` as pay in full, 25 as twenty five."""
    parts = re.findall(r"[a-z]+(?:'[a-z]+)?|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", phrase).lower())
    words: list[str] = []
    for part in parts:
        words += _number_words(int(part)) if part.isdigit() and len(part) <= 6 else [part]
    return words


def _number_words(number: int) -> list[str]:
    if number >= 1000:
        rest = number % 1000
        return [*_number_words(number // 1000), "thousand", *(_number_words(rest) if rest else [])]
    if number >= 100:
        rest = number % 100
        return [UNITS[number // 100 - 1], "hundred", *(_number_words(rest) if rest else [])]
    if number >= 20:
        unit = [UNITS[number % 10 - 1]] if number % 10 else []
        return [TENS[number // 10 - 2], *unit]
    if number >= 10:
        return [TEENS[number - 10]]
    return [UNITS[number - 1]] if number else ["zero"]
