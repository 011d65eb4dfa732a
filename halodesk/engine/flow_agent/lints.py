"""What would fail a caller, or is likely to, in a flow agent's document; with what to do about it.

Rules:
- Error: the conversation breaks (a transition into nothing, a prompt that names what does not exist).
  Warning: it runs, and some callers get stuck in it. Hint: it could be better.
- Every finding has words for whoever writes flows, and a fix.
- Linear in nodes and functions, so that it runs on every save.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from halodesk.engine.flow_agent import lints_graph, lints_texts
from halodesk.engine.flow_agent.arguments import facts, schema_problem
from halodesk.engine.flow_agent.document import END_CALL, Document, Node
from halodesk.engine.flow_agent.inputs import CallMeta
from halodesk.engine.flow_agent.manner import LINES

Severity = Literal["error", "warning", "hint"]
Fault = tuple[Severity, str, str, str, str]
"""Severity, code, node, message, fix."""
_ORDER = {"error": 0, "warning": 1, "hint": 2}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FACTS = frozenset(facts(CallMeta(id="x", number="x", name="x", called="x")))


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong or doubtful; errors block saving to the live agent."""

    severity: Severity
    code: str
    message: str
    fix: str
    node: str = ""


def findings(document: Document) -> list[Finding]:
    """Everything there is to say, errors first, then in the order of the nodes."""
    found = [
        Finding(severity=severity, code=code, node=node, message=message, fix=fix)
        for severity, code, node, message, fix in _all(document)
    ]
    places = {node.key: index for index, node in enumerate(document.nodes)}
    return sorted(found, key=lambda one: (_ORDER[one.severity], places.get(one.node, -1), one.code))


def _all(document: Document) -> Iterator[Fault]:
    known = _known(document)
    yield from _tools(document)
    yield from _lines(document)
    yield from _variables(document, known)
    if document.simple:
        if not document.prompt.strip():
            yield (
                *("error", "no_prompt", "", "This agent has neither nodes nor a prompt."),
                "Write what it is for into `prompt`.",
            )
        return
    yield from lints_graph.faults(document)
    for node in document.nodes:
        yield from _node(document, node, known)
        yield from lints_texts.faults(document, node)


def _known(document: Document) -> frozenset[str]:
    """Names that have a value at some time: context, what functions collect, the call."""
    collected = {
        name
        for node in document.nodes
        for function in node.functions
        for name in function.schema["properties"]
    }
    return frozenset({variable.name for variable in document.variables} | collected | _FACTS)


def _lines(document: Document) -> Iterator[Fault]:
    for name in document.lines:
        if name not in LINES:
            yield (
                *("warning", "unknown_line", "", f'There is no fixed line "{name}".'),
                f"Those there are: {', '.join(LINES)}.",
            )


def _tools(document: Document) -> Iterator[Fault]:
    for name, times in Counter(tool.name for tool in document.tools).items():
        if times > 1:
            yield (
                *("error", "duplicate_name", "", f'{times} tools are called "{name}".'),
                "Give each tool a name of its own.",
            )
    for id, times in Counter(tool.local_id for tool in document.tools).items():
        if times > 1:
            yield "error", "duplicate_key", "", f'{times} tools have the id "{id}".', "Give each its own id."
    for tool in document.tools:
        if not tool.url.startswith(("https://", "http://")):
            yield (
                *("warning", "tool_without_address", "", f'The tool "{tool.name}" has no web address.'),
                "Fill in `webhook_url`.",
            )
        problem = schema_problem(tool.schema)
        if problem:
            yield (
                *(
                    "error",
                    "bad_schema",
                    "",
                    f'The parameters of "{tool.name}" are no JSON Schema: {problem}',
                ),
                "Write each property as an object with a type.",
            )


def _variables(document: Document, known: frozenset[str]) -> Iterator[Fault]:
    places = [("the greeting", "", document.greeting), ("the prompt", "", document.prompt)]
    places += [(f'the address of "{tool.name}"', "", tool.url) for tool in document.tools]
    places += [
        ("its messages", node.key, text) for node in document.nodes for text in (*node.role, *node.task)
    ]
    own = {tool.url: frozenset(tool.schema["properties"]) for tool in document.tools}
    for where, node, text in places:
        for name in lints_texts.variables(text):
            if name not in known and name not in own.get(text, ()):
                yield (
                    *("error", "undeclared_variable", node),
                    f"“{{{{{name}}}}}” in {where} is declared nowhere.",
                    "Add it to `context_variables`, or correct its name.",
                )


def _node(document: Document, node: Node, known: frozenset[str]) -> Iterator[Fault]:
    tools = {tool.id: tool for tool in document.tools}
    for local, id in zip(node.local_tools, node.tools, strict=True):
        if id not in tools:
            yield (
                *("error", "dangling_tool", node.key, f'There is no tool "{local}".'),
                "Add it to `tools`, or take it out of `tool_ids`.",
            )
    names = [function.name for function in node.functions]
    names += [tools[id].name for id in node.tools if id in tools]
    for name in names:
        if not _NAME.fullmatch(name):
            yield (
                *("error", "bad_name", node.key, f'Models take no function that is called "{name}".'),
                "Use letters without accents, digits, _ and -, 64 at most.",
            )
    for name, times in Counter(names).items():
        if times > 1 or name == END_CALL:
            yield (
                *("error", "duplicate_name", node.key, f'Two functions are called "{name}" here.'),
                f"Rename one; {END_CALL} is the system's own.",
            )
    here = {tools[id].name for id in node.tools if id in tools}
    for function in node.functions:
        if function.needs_tool and function.needs_tool not in here:
            yield (
                *("error", "dangling_tool", node.key),
                f'"{function.name}" needs a result of "{function.needs_tool}", which is not here.',
                "Add the tool to `tool_ids`, or take `requires_result` out.",
            )
        if function.handler and function.handler not in tools:
            yield (
                *("error", "dangling_tool", node.key),
                f'"{function.name}" asks the tool "{function.local_handler}", which is not there.',
                "Add it to `tools`, or take `handler` out.",
            )
        problem = schema_problem(function.schema)
        if problem:
            yield (
                *("error", "bad_schema", node.key),
                f'The properties of "{function.name}" are no JSON Schema: {problem}',
                "Write each property as an object with a type.",
            )
    for action in node.actions:
        tool = tools.get(action.tool)
        if tool is None:
            yield (
                *("error", "dangling_tool", node.key, f'There is no tool "{action.local_tool}".'),
                "Add it to `tools`, or take it out of `pre_actions`.",
            )
            continue
        missing = [
            name for name in tool.schema["required"] if name not in known and name not in action.arguments
        ]
        if missing:
            yield (
                *("error", "unbindable_argument", node.key),
                f'"{tool.name}" runs on entry and nothing gives its {", ".join(missing)}.',
                "Collect it in a function before, declare it in `context_variables`, or give `arguments`.",
            )
