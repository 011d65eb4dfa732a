"""A flow, and the ways in which a model misbehaves in it; for the tests and for the bench."""

from __future__ import annotations

from typing import NamedTuple

from tests.fakes.flow_agent import agent, node, tool
from tests.fakes.llm_server import Reply

SIZE = {"type": "string", "enum": ["small", "large"]}
FLOW = agent(
    node(
        "one",
        is_initial=True,
        to={"on": "two", "chosen_other": "three", "look_up": "checked"},
        functions=[
            {
                "name": "chosen",
                "description": "Call when the caller chose a size.",
                "properties": {"size": SIZE},
                "required": ["size"],
                "next_node_key": "two",
            }
        ],
        tool_ids=["t-look"],
    ),
    node("two", to={"on_again": "three"}),
    node("checked", to={"done": "bye"}, pre_actions=[{"tool_id": "t-bad"}, {"tool_id": "t-look"}]),
    node("three", to={"finish": "bye"}),
    node("bye", is_terminal=True),
    tools=[
        tool("look", {"day": {"type": "string"}}, mock_response={"free": ["10:00"]}),
        tool("bad", mock_response={"error": "It is away."}),
    ],
    greeting="Hello.",
)


def _calls(*calls: tuple[str, str]) -> Reply:
    return Reply("", calls)


ON, SAID = _calls(("on", "{}")), Reply("And now?")


class Fault(NamedTuple):
    """What a model does, and what must come of it: the node, and what was refused."""

    name: str
    replies: tuple[Reply, ...]
    node: str
    refused: tuple[str, ...] = ()


FAULTS = [
    Fault("wrong enum", (_calls(("chosen", '{"size": "huge"}')), SAID), "one", ("invalid_arguments",)),
    Fault("missing required", (_calls(("chosen", "{}")), SAID), "one", ("invalid_arguments",)),
    Fault("malformed JSON", (_calls(("chosen", '{"size": ')), SAID), "one", ("malformed_arguments",)),
    Fault("unknown function", (_calls(("flee", "{}")), SAID), "one", ("unknown_function",)),
    Fault("empty completion", (Reply(), SAID), "one"),
    Fault(
        "two transitions at once",
        (_calls(("on", "{}"), ("chosen_other", "{}")), SAID),
        "two",
        ("one_transition",),
    ),
    Fault(
        "chain without the caller",
        (ON, _calls(("on_again", "{}")), _calls(("finish", "{}")), SAID),
        "two",
        ("transition_locked", "unknown_function"),
    ),
    Fault("one failing pre-action", (_calls(("look_up", "{}")), SAID), "checked"),
    Fault("stream cut", (Reply("We have two. And", fault="cut"), SAID), "one"),
    Fault("stream stalls", (Reply("We have two. And", fault="stall"), SAID), "one"),
    Fault("429", (Reply(fault="429"), SAID), "one"),
    Fault("time-out", (Reply(fault="hang"), SAID), "one"),
    Fault("500", (Reply(fault="500"), SAID), "one"),
    Fault("nonsense", (Reply(fault="nonsense"), SAID), "one"),
    Fault("no answer", (Reply(fault="drop"), SAID), "one"),
]
