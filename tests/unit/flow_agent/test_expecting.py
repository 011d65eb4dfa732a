"""What a recogniser is told to expect at a node."""

from __future__ import annotations

from halodesk.runtime.flow_agent.expecting import expected
from tests.fakes.flow_agent import agent, node


def test_the_values_of_a_rating_are_listed_and_those_of_an_amount_are_not() -> None:
    properties = {
        "rating": {"type": "integer", "description": "Of 5", "minimum": 1, "maximum": 5},
        "amount": {"type": "integer", "description": "In euros", "minimum": 1, "maximum": 5000},
        "children": {"type": "integer", "description": "How many"},
    }
    rate = {"name": "rate", "description": "Call it.", "next_node_key": "ask", "properties": properties}
    found = expected(agent(node("ask", is_initial=True, functions=[rate])), "ask")
    assert [phrase for phrase in found.phrases if phrase.isdigit()] == ["1", "2", "3", "4", "5"]
    assert found.numbers
    assert not found.free
