"""Documents come in and go out without loss."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.errors import DocumentError
from halodesk.engine.flow_agent import document as documents
from halodesk.engine.flow_agent.document import dumps, loads, read, with_nodes, write

RAW: dict[str, Any] = {
    "version": "1",
    "x_vendor": {"a": 1},
    "overwrite": True,
    "agent": {
        "name": "a",
        "prompt": "p",
        "llm_provider": "openai",
        "context_variables": {"area": {"type": "string"}, "town": "Bonn"},
    },
    "tools": [
        {
            "id": "t1",
            "name": "one",
            "parameters": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        },
        {
            "id": "6c1f9d2e-0a1b-4c3d-8e5f-001122334455",
            "name": "two",
            "properties": {"b": {"type": "number"}},
        },
        {"id": "t3", "name": "three", "parameters": {"c": {"type": "boolean"}}, "x_more": [1, 2]},
    ],
    "flow_nodes": [
        {
            "node_key": "n",
            "is_initial": True,
            "position": 3,
            "position_xy": {"x": 1.5, "y": -2, "z": 7},
            "role_messages": [{"role": "system", "content": "Role."}],
            "task_messages": ["Task."],
            "tool_ids": ["t1", "t3"],
            "pre_actions": [{"type": "tool_call", "tool_id": "t1", "arguments": {"a": "{{area}}"}}],
            "functions": [
                {"name": "f", "description": "d", "parameters": {}, "next_node_key": "n"},
                {
                    "name": "g",
                    "properties": {"s": {"type": "string"}},
                    "required": ["s"],
                    "next_node_key": "n",
                },
                {"name": "h", "parameters": {"type": "object", "properties": {"s": {}}, "required": ["s"]}},
            ],
        }
    ],
}


def test_everything_comes_back_as_it_came() -> None:
    found = loads(msgspec.json.encode(RAW))
    assert write(found) == RAW
    assert msgspec.json.decode(dumps(found)) == RAW


def test_the_view_beside_it() -> None:
    found = read(RAW)
    one, two, three = found.tools
    assert [one.schema["required"], two.schema["properties"], three.schema["properties"]] == [
        ["a"],
        {"b": {"type": "number"}},
        {"c": {"type": "boolean"}},
    ]
    (node,) = found.nodes
    assert [function.schema["required"] for function in node.functions] == [[], ["s"], ["s"]]
    assert (node.x, node.y, node.position, node.allow_interrupt) == (1.5, -2, 3, True)
    assert node.tools == (one.id, three.id)
    assert uuid.UUID(one.id).version == 5
    assert one.id != read({**RAW, "agent": {"name": "b"}}).tools[0].id
    assert node.actions[0].tool == one.id
    assert [variable.default for variable in found.variables] == [None, "Bonn"]


def test_a_document_without_nodes_is_a_simple_agent() -> None:
    assert read({"version": "1", "agent": {"name": "a"}}).simple


def test_other_nodes_in_the_same_document() -> None:
    found = with_nodes(read(RAW), [{"node_key": "m", "x_new": 1}])
    assert write(found)["flow_nodes"] == [{"node_key": "m", "x_new": 1}]
    assert write(found)["x_vendor"] == {"a": 1}
    with pytest.raises(DocumentError):
        with_nodes(read(RAW), {"node_key": "m"})


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ([], ""),
        ({"agent": {"name": "a"}, "version": "2"}, "/version"),
        ({"agent": {}}, "/agent/name"),
        ({"agent": {"name": "a"}, "flow_nodes": [{}]}, "/flow_nodes/0/node_key"),
        (
            {"agent": {"name": "a"}, "flow_nodes": [{"node_key": "n", "is_initial": "yes"}]},
            "/flow_nodes/0/is_initial",
        ),
        (
            {"agent": {"name": "a"}, "tools": [{"name": "t", "webhook_method": "SEND"}]},
            "/tools/0/webhook_method",
        ),
        ({"agent": {"name": "a"}, "tools": {"id": 1}}, "/tools"),
    ],
)
def test_what_cannot_be_understood_is_named(raw: Any, pointer: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(raw)
    assert caught.value.pointer == pointer
    assert caught.value.fix


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=8).map(lambda text: f"x_{text}"), json_values, max_size=3),
    st.dictionaries(st.sampled_from([*RAW, *RAW["flow_nodes"][0], *RAW["agent"]]), json_values, max_size=3),
)
def test_any_json_is_read_and_kept_or_refused_in_words(extra: dict[str, Any], wrong: dict[str, Any]) -> None:
    node = {**RAW["flow_nodes"][0], **extra, **wrong}
    raw = {**RAW, **extra, **wrong, "agent": {**RAW["agent"], **extra, **wrong}, "flow_nodes": [node]}
    try:
        found = documents.read(raw)
    except DocumentError:
        return
    assert write(found) == raw


def test_a_document_that_is_no_json_or_too_deep() -> None:
    with pytest.raises(DocumentError):
        loads(b"{")
    with pytest.raises(DocumentError):
        loads(b'{"agent": {"name": "a"}, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}")
    with pytest.raises(DocumentError):
        loads(b" " * (documents.LARGEST + 1))
