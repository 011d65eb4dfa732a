"""A page of a halo flow and a caller: what may be said there, and what is certain without a model.

Rules:
- Certain is an utterance that is, but for polite words around it, one enum value, a yes, a no or a number,
  and that fits one open field or one button alone. Two that it fits: nothing is certain.
- A field that is locked, read-only or secret is never open, and a sensitive page has none at all.
- Whether a value is taken is the engine's word alone (`fits`); nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from halodesk.engine.conditions import is_empty
from halodesk.engine.flow import Field
from halodesk.engine.flow_agent.figures import with_figures
from halodesk.engine.page import ChoiceView, FieldView, Page
from halodesk.engine.registry import field_types
from halodesk.runtime.flow_agent_ports import Expected

YES = frozenset(
    ("yes", "yeah", "yep", "sure", "correct", "right", "that is right", "that's right", "i agree", "i do")
)
NO = frozenset(
    (
        "no",
        "nope",
        "wrong",
        "that is wrong",
        "that's wrong",
        "i don't",
        "i do not",
        "no thank you",
        "no thanks",
    )
)
MOST_LISTED = 100
"""Options of a field that a recogniser, or a model, is told; of a longer list it is told none."""
_ESCAPES = ("yes", "no", "call me back", "not interested")
_BEFORE = frozenset(("well", "um", "uh", "okay", "so", "oh", "hm", "just"))
_AFTER = frozenset(("please", "thank", "you", "thanks"))
_UNITS = frozenset(("dollars", "dollar", "euros", "euro", "percent", "years", "year", "times"))
_LISTED = ("dropdown", "radio_group")
_NUMBERS = ("number", "currency", "phone")
_FREE = ("text", "text_area", "email", "address", "date", "date_time")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*")
_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Idea(msgspec.Struct, frozen=True, kw_only=True):
    """What might be done on the page: fill fields, then press a button where `choice` is not None."""

    values: dict[str, Any] = {}
    choice: str | None = None
    because: str
    """The caller's words it is taken from."""
    source: str = "words"
    """A model's name; `words` where these words alone said it."""


def open_fields(page: Page) -> tuple[FieldView, ...]:
    """Fields a machine may propose something for."""
    if page.sensitive or page.ended or page.waiting:
        return ()
    return tuple(
        field
        for field in page.fields
        if not field.locked and not field.read_only and not field.role and field.type != "encrypted"
    )


def expected_on(page: Page, *, free: bool) -> Expected:
    """What a recogniser may expect here. `free`: somebody makes use of other words, too."""
    fields = open_fields(page)
    words = [label for field in fields if len(field.options) <= MOST_LISTED for label, _ in _options(field)]
    words += [choice.label for choice in page.choices]
    return Expected(
        node=f"{page.step}/{page.visit}",
        phrases=tuple(dict.fromkeys([*_ESCAPES, *(word for word in words if word)])),
        numbers=any(field.type in _NUMBERS for field in fields),
        free=free or any(field.type in _FREE or len(field.options) > MOST_LISTED for field in fields),
    )


def certain(page: Page, text: str, fits: Callable[[Idea], bool]) -> Idea | None:
    """What these words alone answer, if it is one thing that the engine would take."""
    said = plain(text)
    if not said:
        return None
    found = [idea for idea in _readings(page, said, text.strip()) if fits(idea)]
    return found[0] if len(found) == 1 else None


def _readings(page: Page, said: str, text: str) -> Iterator[Idea]:
    for field in open_fields(page):
        if not is_empty(field.value):
            continue
        for label, value in _options(field):
            if said in (plain(label), plain(str(value))) or (
                isinstance(value, bool) and said in (YES if value else NO)
            ):
                yield Idea(values={field.name: value}, because=text)
                break
        if field.type in _NUMBERS and (number := number_in(said, field.label)):
            yield Idea(values={field.name: number}, because=text)
    if page.sensitive or page.ended:
        return
    for choice in page.choices:
        if said in _ways_to_say(choice):
            yield Idea(choice=choice.key, because=text)


def _ways_to_say(choice: ChoiceView) -> set[str]:
    _, _, value = choice.key.partition("=")
    words = {plain(choice.label), *([plain(value)] if value else [])}
    if value == "true" or plain(value) in YES or plain(choice.label) in YES:
        words |= YES
    elif value == "false" or plain(value) in NO or plain(choice.label) in NO:
        words |= NO
    return words - {""}


def _options(field: FieldView) -> list[tuple[str, Any]]:
    if field.type == "boolean":
        yes, no = field.config.get("true_label", "Yes"), field.config.get("false_label", "No")
        return [(str(yes), True), (str(no), False)]
    if field.type not in _LISTED:
        return []
    return [(option.label or option.value, option.value) for option in field.options]


def plain(text: str) -> str:
    """Bare words without the polite ones around them, numbers as figures."""
    words = _WORD.findall(_BREAK.sub(" ", text).lower().replace("’", "'"))
    while len(words) > 1 and words[0] in _BEFORE:
        words = words[1:]
    while len(words) > 1 and words[-1] in _AFTER and " ".join(words) not in NO:
        words = words[:-1]
    return with_figures(" ".join(words))


def number_in(said: str, label: str = "") -> str:
    """The number that plain words are, alone or with a unit, or the label's word, behind it; else nothing."""
    words = said.split()
    named = plain(label).split()
    units = {form for word in named for form in (word, word.removesuffix("s"), word.removesuffix("es"))}
    if len(words) == 2 and words[1] in _UNITS | units:
        words = words[:1]
    return words[0] if len(words) == 1 and words[0][0].isdigit() else ""


def was_said(quote: str, transcript: str) -> bool:
    """Whether these words stand in the transcript, in this order; signs and case do not count."""
    wanted, said = _bare(quote), _bare(transcript)
    return bool(wanted) and f" {wanted} " in f" {said} "


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold().replace("’", "'").replace("'", "")))


def label_of(page: Page, name: str) -> str:
    """What the page calls a field."""
    return next((field.label for field in page.fields if field.name == name), name)


def in_words(page: Page, name: str, value: Any) -> str:
    """A field's value as the page would say it."""
    view = next((field for field in page.fields if field.name == name), None)
    if view is None or view.type not in field_types():
        return str(value)
    declared = Field(name=view.name, type=view.type, options=view.options, config=view.config)
    return field_types()[view.type].show(declared, value)
