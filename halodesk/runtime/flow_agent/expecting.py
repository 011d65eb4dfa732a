"""What a caller may say at a node, for a recogniser that likes to know: from the node's functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halodesk.engine.flow_agent.document import Document, Node
from halodesk.engine.flow_agent.form import Form, with_form
from halodesk.runtime.flow_agent_ports import Expected

FEW = 12
"""Numbers that are listed one by one: a recogniser then knows that no more digits follow."""
_ESCAPES = ("yes", "no", "call me back", "not interested", "I am busy", "a person please", "goodbye")


def expected(document: Document, key: str, form: Form | None = None) -> Expected:
    """Enum values, numbers, buttons of a form, the phrases of every call. `free` where text is asked for."""
    node = with_form(document.node(key), form)
    if node is None:
        return Expected(node=key, phrases=_ESCAPES)
    properties = list(_properties(document, node))
    buttons = [one.name for one in form.functions if one.moves] if form is not None else []
    words = [str(value).replace("_", " ") for one in properties for value in one.get("enum", [])]
    words += [str(value) for one in properties for value in _few(one)]
    return Expected(
        node=key,
        phrases=tuple(dict.fromkeys([*_ESCAPES, *words, *(name.replace("_", " ") for name in buttons)])),
        numbers=any(one.get("type") in ("number", "integer") for one in properties),
        free=any(one.get("type", "string") == "string" and not one.get("enum") for one in properties),
    )


def _few(one: dict[str, Any]) -> range:
    """The values of a number with bounds that are near each other, as of a rating."""
    least, most = one.get("minimum"), one.get("maximum")
    if one.get("type") != "integer" or not isinstance(least, int) or not isinstance(most, int):
        return range(0)
    return range(max(0, least), most + 1) if most - least <= FEW else range(0)


def _properties(document: Document, node: Node) -> Iterator[dict[str, Any]]:
    for function in node.functions:
        yield from function.schema["properties"].values()
    for id in node.tools:
        tool = document.tool(id)
        if tool is not None:
            yield from tool.schema["properties"].values()
