"""The picture of a flow: nothing covers anything, and it reads from left to right."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.picture import picture
from tests.fakes.flow_agent import agent, node

SAMPLES = sorted((Path(__file__).resolve().parents[3] / "resources" / "flow_agents").glob("*.json"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples(path: Path) -> None:
    document = loads(path.read_bytes())
    found = picture(document)
    assert found == picture(document)
    assert [box.node for box in found.boxes] == [one.key for one in document.nodes]
    for one, other in itertools.combinations(found.boxes, 2):
        apart = abs(one.x - other.x) >= one.width or abs(one.y - other.y) >= one.height
        assert apart, (one, other)
    places = {box.node: box for box in found.boxes}
    (first,) = (box for box in found.boxes if box.initial)
    assert first.x == 0
    assert max(found.boxes, key=lambda box: box.x).terminal
    named = {(arrow.source, name) for arrow in found.arrows for name in arrow.functions}
    assert named == {(one.key, function.name) for one in document.nodes for function in one.functions}
    for arrow in found.arrows:
        assert arrow.back == (places[arrow.target].x <= places[arrow.source].x)


def test_loops_and_lost_nodes_have_a_place_too() -> None:
    found = picture(
        agent(
            node("a", is_initial=True, to={"f": "b", "again": "a", "nowhere": "x"}),
            node("b", to={"g": "a", "h": "end"}),
            node("island", to={"i": "end"}),
            node("end", is_terminal=True),
        )
    )
    assert {box.node: box.x for box in found.boxes} == {"a": 0, "b": 300, "island": 0, "end": 600}
    assert {(arrow.source, arrow.target) for arrow in found.arrows if arrow.back} == {("a", "a"), ("b", "a")}
    assert found.height > 0


def test_a_simple_agent_has_none() -> None:
    assert picture(agent()).boxes == ()
