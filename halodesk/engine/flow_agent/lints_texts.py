"""Findings about what a node tells the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from halodesk.engine.flow_agent import texts
from halodesk.engine.flow_agent.document import END_CALL, Document, Function, Node

LONG_PROMPT = 3_000
"""Characters of a node's messages: about 750 tokens, read again in every completion."""
SHORT_DESCRIPTION = 15
_CALLED = re.compile(r"\b(?:call|use|invoke|run)\s+(?:the\s+)?[`'\"]?(?P<name>[A-Za-z]\w*)", re.IGNORECASE)
_CALL_BACK = re.compile(r"call.?back|call (?:you |me |them )?(?:back|later)|later|busy|another time", re.I)
_REFUSAL = re.compile(
    r"not.?interested|refus|declin|do.?not.?call|opt.?out|does not want|unwilling|disqualif|not available",
    re.I,
)
_OBJECTION = re.compile(r"call.?back|do.?not.?call", re.I)
_VAGUE = re.compile(
    r"^(?:go to (?:the )?next (?:step|node)|next(?: step)?|continue|proceed|call ?back|done)\W*$", re.I
)

Faults = Iterator[tuple[Any, str, str, str, str]]


def variables(text: str) -> tuple[str, ...]:
    """Names of variables in a text."""
    return texts.names(text)


def faults(document: Document, node: Node) -> Faults:
    """Names in the task, ways out, descriptions, length."""
    tools = [tool for tool in (document.tool(id) for id in node.tools) if tool is not None]
    task = "\n".join(node.task)
    own = {function.name for function in node.functions} | {tool.name for tool in tools} | {END_CALL}
    yield from _names(document, node, task, own)
    if not node.terminal:
        yield from _ways_out(node, [tool.name for tool in tools])
    for name in (function.name for function in node.functions):
        if not re.search(rf"\b{re.escape(name)}\b", task):
            yield (
                *(
                    "warning",
                    "function_not_in_task",
                    node.key,
                    f'The task does not say when to call "{name}".',
                ),
                f"Add a sentence that ends in: call {name}.",
            )
    for tool in tools:
        if not re.search(rf"\b{re.escape(tool.name)}\b", task) and not _OBJECTION.search(tool.name):
            yield (
                *(
                    "warning",
                    "tool_not_in_task",
                    node.key,
                    f'The task does not say when to use "{tool.name}".',
                ),
                f"Add a sentence that names {tool.name}.",
            )
    length = len(task) + sum(len(text) for text in node.role)
    if length > LONG_PROMPT:
        yield (
            *("hint", "long_prompt", node.key, f"Its messages have {length} characters."),
            "Split the node: a model follows short tasks better, and answers sooner.",
        )
    for function in node.functions:
        yield from _function(node, function)


def _names(document: Document, node: Node, task: str, own: set[str]) -> Faults:
    elsewhere = {one.name for other in document.nodes for one in other.functions}
    elsewhere |= {tool.name for tool in document.tools}
    for name in dict.fromkeys(found["name"] for found in _CALLED.finditer(task)):
        if name in own or ("_" not in name and name not in elsewhere):
            continue
        where = "of another node" if name in elsewhere else "that exists nowhere"
        yield (
            *("error", "unknown_function", node.key, f'The task names the function "{name}", {where}.'),
            "Correct the name, or give this node the function or tool.",
        )


def _ways_out(node: Node, tools: list[str]) -> Faults:
    said = [f"{function.name} {function.description}" for function in node.functions]
    if not any(_CALL_BACK.search(text) for text in said):
        yield (
            *("warning", "no_callback", node.key, "A caller who has no time now gets stuck here."),
            "Add a function for callers who want to be called back.",
        )
    if not any(_REFUSAL.search(text) for text in said):
        yield (
            *("warning", "no_refusal", node.key, "A caller who does not want to go on gets stuck here."),
            "Add a function for callers who are not interested.",
        )
    if not any(_OBJECTION.search(name) for name in tools):
        yield (
            *(
                "warning",
                "no_objection_tools",
                node.key,
                "It has no tool for a call-back or a stop to calls.",
            ),
            "Add tools such as schedule_callback and mark_do_not_call to `tool_ids`.",
        )


def _function(node: Node, function: Function) -> Faults:
    words = function.description.strip()
    if len(words) < SHORT_DESCRIPTION or _VAGUE.match(words):
        yield (
            *("hint", "vague_description", node.key, f'"{function.name}" does not say when to call it.'),
            "Describe what the caller must have said.",
        )
    for name, schema in function.schema["properties"].items():
        kind = schema.get("type")
        bounded = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const"} & set(
            schema
        )
        if kind in ("number", "integer") and not bounded:
            yield (
                *("hint", "number_without_range", node.key),
                f'Any number fits "{name}" of "{function.name}".',
                "Add `minimum` and `maximum`: what is outside is refused and asked again.",
            )
