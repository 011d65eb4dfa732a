"""States of versions: what may follow what, one active version, forks."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from halodesk.engine import lifecycle
from halodesk.engine.commands import Refused
from halodesk.engine.errors import DocumentError
from halodesk.engine.lifecycle import NEXT, Lifecycle, State, content_of, fork, move, published
from tests.fakes.order import sample

EMPTY = Lifecycle(flow="f")


def moved(known: Lifecycle, content: str, *states: State, number: int = 0) -> Lifecycle:
    for state in states:
        found = move(known, content, state, at=1.0, by="Ann", number=number)
        assert isinstance(found, Lifecycle), found
        known = found
    return known


def test_the_whole_way() -> None:
    known = moved(EMPTY, "c1", "testing", "active", "archived", number=1)
    version = known.of("c1")
    assert (version.state, version.number) == ("archived", 1)
    assert [one.to for one in version.moves] == ["testing", "active", "archived"]
    assert known.active is None


@pytest.mark.parametrize(("state", "to"), list(itertools.product(NEXT, NEXT)))
def test_only_these_moves_and_every_other_in_words(state: State, to: State) -> None:
    way: dict[State, tuple[State, ...]] = {
        "draft": (),
        "testing": ("testing",),
        "active": ("testing", "active"),
        "archived": ("testing", "active", "archived"),
    }
    known = moved(EMPTY, "c1", *way[state], number=1)
    found = move(known, "c1", to, at=2.0, by="Ann", number=1)
    assert isinstance(found, Refused) == (to not in NEXT[state])
    if isinstance(found, Refused):
        assert found.message.endswith(".")


def test_active_needs_a_number() -> None:
    known = moved(EMPTY, "c1", "testing")
    found = move(known, "c1", "active", at=2.0, by="Ann")
    assert isinstance(found, Refused)
    assert "publish" in found.todo


def test_one_version_is_active() -> None:
    known = published(published(EMPTY, "c1", 1, at=1.0, by="Ann"), "c2", 2, at=2.0, by="Ann")
    assert [(one.content, one.state) for one in known.versions] == [("c1", "archived"), ("c2", "active")]
    back = published(known, "c1", 3, at=3.0, by="Ann")
    assert back.active is not None
    assert (back.active.content, back.active.number) == ("c1", 3)
    assert published(back, "c1", 3, at=4.0, by="Ann") == back


def test_an_edit_is_a_draft_again_and_a_number_is_no_edit() -> None:
    flow = sample()
    assert content_of(flow) == content_of(replace(flow, version=77))
    known = moved(EMPTY, content_of(flow), "testing")
    assert known.of(content_of(replace(flow, name="Other"))).state == "draft"


def test_a_fork_is_a_draft_that_knows_where_it_came_from() -> None:
    flow = sample()
    copy, known = fork(flow, "spanish")
    assert (copy.key, copy.version, copy.steps) == ("spanish", 0, flow.steps)
    assert known.forked_from is not None
    assert (known.forked_from.flow, known.forked_from.version) == (flow.key, flow.version)
    assert known.of(content_of(copy)).state == "draft"


def test_the_file_survives() -> None:
    known = moved(fork(sample(), "x")[1], "c1", "testing")
    assert lifecycle.load(lifecycle.dump(known)) == known
    for data in (
        b"{",
        b"[]",
        b'{"flow": "x", "schema": 9}',
        b'{"flow": "x", "versions": [{"state": "lost"}]}',
    ):
        with pytest.raises(DocumentError):
            lifecycle.load(data)
