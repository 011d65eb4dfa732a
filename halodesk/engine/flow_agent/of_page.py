"""What a language model may do on a page of a halo flow: its ways on as functions, and back again.

Rules:
- Pure: a page in, functions and data out; a validated call in, commands of the engine out. The engine
  decides them like a person's: what it refuses is told to the model in the engine's own words.
- Every button of the page is a function, and what can be filled in now its properties, in the words of
  the page. One more, `note_answers`, fills in without going on; `go_back` goes back where that is allowed.
- Encrypted fields and their values appear nowhere, not even by name. A page that takes secrets, one that
  is masked, locked, for a role, or at work has no ways at all: it is a human's, or nobody's just now.
- What the page says is data: it is handed out as a value, for a fence, never as an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any, Literal

import msgspec

from halodesk.engine import commands as c
from halodesk.engine.conditions import is_empty
from halodesk.engine.flow import Field
from halodesk.engine.flow_agent.document import END_CALL
from halodesk.engine.page import ChoiceView, FieldView, Page
from halodesk.engine.page_cart import CartView
from halodesk.engine.registry import field_types

NOTE, BACK = "note_answers", "go_back"
NOTE_WORDS = (
    "Writes down what the caller has said so far and stays on this page. Call it as soon as you know a"
    " value; leave out what you do not know."
)
BACK_WORDS = (
    "Returns to the page before. Call it only when the caller wants to change something that was settled"
    " there."
)
LONGEST_NAME = 60
LONGEST_SCRIPT = 4_000
"""Characters of a page's text that a model is shown."""
_WORD = re.compile(r"[^a-z0-9]+")
_BLOCKS = frozenset(("p", "li", "br", "tr", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "div"))


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One function of a page. `title` is the button's label; `schema` a JSON Schema of an object.

    `choice` goes into `commands.Submit`. `fields` may be filled in by it.
    """

    name: str
    kind: Literal["on", "note", "back"]
    title: str
    description: str
    schema: dict[str, Any]
    choice: str = ""
    fields: tuple[str, ...] = ()


def workable(page: Page) -> bool:
    """Whether a model may do anything on this page now."""
    return not (page.ended or page.sensitive or page.waiting or page.for_role or page.call_left)


def ways(page: Page) -> tuple[Way, ...]:
    """All functions of a page, its buttons first; none where a model may do nothing."""
    if not workable(page):
        return ()
    askable = [field for field in page.fields if _askable(field)]
    names = _Names()
    found = [_on(page, choice, askable, names) for choice in page.choices]
    if askable:
        found.append(
            Way(
                name=NOTE,
                kind="note",
                title="Fill in",
                description=NOTE_WORDS,
                schema=_schema(askable, required=()),
                fields=tuple(field.name for field in askable),
            )
        )
    if page.can_go_back:
        found.append(
            Way(
                name=BACK,
                kind="back",
                title="Back",
                description=BACK_WORDS,
                schema={"type": "object", "properties": {}, "required": []},
            )
        )
    return tuple(found)


def commands(page: Page, name: str, given: Mapping[str, Any]) -> tuple[c.Command, ...] | c.Refused:
    """What the engine is asked for by a call: answers in the order of the page, then the way on.

    `given` has passed the way's schema. What is empty, or on the page already, is left out.
    """
    way = next((way for way in ways(page) if way.name == name), None)
    if way is None:
        return c.Refused(code="no_such_choice", message="The page has no such way on.")
    if way.kind == "back":
        return (c.Back(),)
    shown = {field.name: field.value for field in page.fields}
    answers = tuple(
        c.Answer(field=field, raw=given[field])
        for field in way.fields
        if field in given and not _nothing(given[field]) and given[field] != shown.get(field)
    )
    return answers if way.kind == "note" else (*answers, c.Submit(choice=way.choice))


def data(page: Page) -> dict[str, Any]:
    """What a model is told of a page: the script, what stands in it so far, the cart."""
    found: dict[str, Any] = {"page": page.title, "script": plain(page.html)[:LONGEST_SCRIPT]}
    fields = [_told(field) for field in page.fields if field.type != "encrypted"]
    if fields:
        found["fields"] = fields
    buttons = [choice.label for choice in page.choices] if not page.waiting else []
    if buttons:
        found["buttons"] = buttons
    for name, value in (("problem", page.problem), ("waiting", page.waiting)):
        if value:
            found[name] = value
    if page.cart.lines:
        found["cart"] = _cart(page.cart)
    return found


def plain(html: str) -> str:
    """The text of a page without its mark-up, a line a block; what is said to the caller begins with `>`."""
    reader = _Plain()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line not in ("", ">"))


def _on(page: Page, choice: ChoiceView, askable: list[FieldView], names: _Names) -> Way:
    # a button of the step's own may lead away from fields that are still empty: the engine says which
    must = [field for field in askable if field.required and is_empty(field.value)]
    strict = choice.key == "" or "=" in choice.key
    label = choice.label or "Continue"
    only = len(page.choices) == 1
    words = f"Leaves the page “{page.title}” by “{label}”."
    words += (
        " Call it when this page is done and the caller has answered what it asks."
        if only
        else f" Call it only when the caller's answer means “{label}”."
    )
    return Way(
        name=names.free(_slug(label) or _slug(choice.key.rpartition("=")[2]) or "go_on"),
        kind="on",
        title=label,
        description=words,
        schema=_schema(askable, required=[field.name for field in must] if strict else ()),
        choice=choice.key,
        fields=tuple(field.name for field in askable),
    )


def _askable(field: FieldView) -> bool:
    return field.type != "encrypted" and not (field.read_only or field.locked) and bool(_value(field))


def _schema(fields: Iterable[FieldView], required: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": list(required),
    }


def _property(field: FieldView) -> dict[str, Any]:
    schema = _value(field)
    parts = (field.label, field.help, schema.get("description", ""))
    words = " ".join(_sentence(part) for part in parts if part)
    return {**schema, "description": words}


def _value(field: FieldView) -> dict[str, Any]:
    known = field_types().get(field.type)
    declared = Field(
        name=field.name, type=field.type, label=field.label, options=field.options, config=field.config
    )
    return known.schema(declared) if known is not None else {}


def _told(field: FieldView) -> dict[str, Any]:
    found: dict[str, Any] = {"name": field.name, "label": field.label, "value": field.value}
    if field.required:
        found["required"] = True
    if field.read_only:
        found["read_only"] = True
    for name, value in (("hint", field.hint), ("reads", field.reads)):
        if value:
            found[name] = value
    return found


def _cart(cart: CartView) -> dict[str, Any]:
    return {
        "lines": [{"name": line.name, "quantity": line.quantity, "total": line.total} for line in cart.lines],
        "subtotal": cart.subtotal,
        "discount": cart.discount,
        "shipping": cart.shipping,
        "tax": cart.tax,
        "total": cart.total,
        "paid": cart.paid,
    }


def _nothing(value: Any) -> bool:
    return value is None or value == "" or value == []


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."


def _slug(text: str) -> str:
    return _WORD.sub("_", text.casefold()).strip("_")[:LONGEST_NAME].strip("_")


class _Names:
    """Function names, none twice, and none of the system's own."""

    def __init__(self) -> None:
        self._taken = {NOTE, BACK, END_CALL}

    def free(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._said = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._said += tag == "blockquote"
        self._line(tag)

    def handle_endtag(self, tag: str) -> None:
        self._said -= tag == "blockquote"
        self._line(tag)

    def _line(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n> " if self._said else "\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data.replace("\n", " "))
