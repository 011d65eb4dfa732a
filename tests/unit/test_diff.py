"""The semantic diff: what changed in the flow's own terms, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from halodesk.engine.diff import Change, diff, renames
from halodesk.engine.flow import dump, from_builtins, load
from tests.fakes.order import sample, sample_document

Document = dict[str, Any]


def changed(bend: Callable[[Document], object]) -> list[Change]:
    document = sample_document()
    bend(document)
    return diff(sample(), from_builtins(document))


def step(document: Document, key: str) -> Document:
    return next(one for one in document["steps"] if one["key"] == key)


def rename(document: Document, old: str, new: str) -> None:
    text = json.dumps(document["steps"]).replace(f'"{old}"', f'"{new}"')
    document["steps"] = json.loads(text)


def test_the_same_flow_has_no_differences_whatever_its_spelling() -> None:
    assert diff(sample(), load(dump(sample()))) == []
    assert changed(lambda d: d.update(version=99)) == []
    assert changed(lambda d: step(d, "upsell").update(position={"x": 1, "y": 2})) == []


@pytest.mark.parametrize(
    ("bend", "kind", "what", "place", "name"),
    [
        (lambda d: d.update(name="Other"), "changed", "flow", "", "name"),
        (lambda d: step(d, "upsell").update(title="More"), "changed", "text", "upsell", "title"),
        (lambda d: step(d, "upsell")["config"].update(body="Hi"), "changed", "text", "upsell", "body"),
        (lambda d: step(d, "upsell").update(target_seconds=9), "changed", "step", "upsell", "target_seconds"),
        (lambda d: step(d, "upsell").update(fallback="payment"), "changed", "route", "upsell", "fallback"),
        (
            lambda d: step(d, "attempts_left")["routes"][0]["when"][0].update(value=2),
            "changed", "route", "attempts_left", "0: Attempts left",
        ),
        (lambda d: step(d, "declined")["routes"].pop(), "removed", "route", "declined", "0: Try again"),
        (
            lambda d: step(d, "upsell").update(routes=[{"to": "end", "label": "Now"}]),
            "added", "route", "upsell", "0: Now",
        ),
        (lambda d: step(d, "gather")["fields"].pop(), "removed", "field", "gather", "email"),
        (
            lambda d: step(d, "gather")["fields"][0].update(required=False),
            "changed", "field", "gather", "first_name.required",
        ),
        (
            lambda d: step(d, "gather")["fields"][0].update(label="Name"),
            "changed", "text", "gather", "first_name.label",
        ),
        (lambda d: step(d, "gather")["fields"].reverse(), "moved", "field", "gather", "order"),
        (
            lambda d: step(d, "attempts_left")["functions"][0].update(expression="7"),
            "changed", "function", "attempts_left", "0: attempts",
        ),
        (
            lambda d: step(d, "upsell")["cart_actions"].pop(),
            "removed", "cart_action", "upsell", "0: add_item",
        ),
        (
            lambda d: step(d, "payment")["config"].update(attempts=2),
            "changed", "config", "payment", "attempts",
        ),
        (lambda d: d["variables"][0].update(default=1), "changed", "variable", "", "attempts"),
        (lambda d: d["catalogue"]["products"][0].update(price="1"), "changed", "catalogue", "", "products"),
        (
            lambda d: d["steps"].append({"key": "new", "type": "script", "fallback": "end"}),
            "added", "step", "new", "",
        ),
        (lambda d: d["steps"].remove(step(d, "is_it_safe")), "removed", "step", "is_it_safe", ""),
    ],
)  # fmt: skip
def test_one_change_is_one_difference(bend: Any, kind: str, what: str, place: str, name: str) -> None:
    (found,) = changed(bend)
    assert (found.kind, found.what, found.step, found.name) == (kind, what, place, name)


def test_a_route_that_moved_is_not_a_new_one() -> None:
    found = changed(lambda d: step(d, "start")["routes"].reverse())
    assert {(one.kind, one.what) for one in found} == {("moved", "route")}


def test_a_renamed_step_is_one_difference() -> None:
    (found,) = changed(lambda d: rename(d, "gather", "caller"))
    assert (found.kind, found.what, found.old, found.new) == ("renamed", "step", "gather", "caller")
    document = sample_document()
    rename(document, "gather", "caller")
    assert renames(sample(), from_builtins(document)) == {"gather": "caller"}


def test_a_step_that_was_renamed_and_edited_is_still_known() -> None:
    def bend(document: Document) -> None:
        rename(document, "gather", "caller")
        step(document, "caller")["title"] = "Who is calling?"

    assert [(one.kind, one.name) for one in changed(bend)] == [("renamed", ""), ("changed", "title")]


def test_a_renamed_field_is_one_difference() -> None:
    found = changed(lambda d: step(d, "gather")["fields"][0].update(name="given_name"))
    assert [(one.kind, one.what, one.old, one.new) for one in found] == [
        ("renamed", "field", "first_name", "given_name")
    ]


def test_another_step_is_no_rename() -> None:
    def bend(document: Document) -> None:
        document["steps"].remove(step(document, "is_it_safe"))
        document["steps"].append({"key": "z", "type": "decision", "fallback": "end"})

    assert {one.kind for one in changed(bend)} == {"added", "removed"}
