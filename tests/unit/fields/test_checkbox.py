"""checkbox: one tick or several; a tick that is asked for must be there."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine.fields.checkbox import TYPE
from tests.fakes.fields import OPTIONS, field, refuse, show, take
from tests.fakes.order import Run, small


@pytest.mark.parametrize(
    ("raw", "value"), [(True, True), ("yes", True), (False, False), (" NO ", False), (None, None), ("", None)]
)
def test_one_tick(raw: Any, value: Any) -> None:
    assert take(field("checkbox"), raw) is value


def test_what_is_no_tick() -> None:
    for raw in ("perhaps", 1, ["a"]):
        assert refuse(field("checkbox"), raw) == "Tick it or leave it."


def test_several_ticks_are_a_list() -> None:
    found = field("checkbox", options=OPTIONS, max=2)
    assert take(found, ["b", "a"]) == ["a", "b"]
    assert refuse(found, ["d"])
    assert refuse(found, True)
    assert "at most 2" in refuse(found, ["a", "b", "c"])
    assert show(found, ["a", "b"]) == "Alpha, Beta"
    assert show(field("checkbox"), True) == "Yes"
    assert show(field("checkbox"), False) == "No"


def test_a_required_tick_must_be_there() -> None:
    assert TYPE.lacks(field("checkbox"), False)
    assert TYPE.lacks(field("checkbox"), None)
    assert not TYPE.lacks(field("checkbox"), True)
    step = {
        "key": "terms",
        "type": "script",
        "fields": [{"name": "agrees", "type": "checkbox", "label": "Terms", "required": True}],
        "fallback": "end",
    }
    run = Run(small(step)).submit()
    run.answer(agrees=False)
    assert run.refuse(c.Submit()).errors == {"agrees": "Terms is still missing."}
    assert run.answer(agrees=True).submit().at == "end"
