"""What a node gets from outside beside its document: a page's data, and its functions as they are now.

Rules:
- A form comes only from a program of the seat that answers a node's tool (the driver of a halo flow),
  never from a webhook: a stranger must not give a model functions.
- It is of one moment. The next answer brings the next form; the last one counts.
- A form may be of another node than the one that was asked for: then that one is entered. It may be of
  none, because a human is needed: then nothing is entered, and the human is asked for.
"""

from __future__ import annotations

from typing import Any

import msgspec

from halodesk.engine.flow_agent.data import cleaned
from halodesk.engine.flow_agent.document import Function, Node


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """`data` is shown to the model, fenced; `human` says why no node is right. See above."""

    node: str = ""
    data: dict[str, Any] = {}
    functions: tuple[Function, ...] = ()
    human: str = ""


def safe(form: Form | None) -> Form | None:
    """The form without card numbers (PCI DSS 4.0.1, 3.3)."""
    if form is None:
        return None
    text = msgspec.json.encode(form).decode()
    clean = cleaned(text)
    return form if clean == text else msgspec.json.decode(clean, type=Form)


def with_form(node: Node | None, form: Form | None) -> Node | None:
    """The node with the functions of the form behind its own."""
    if node is None or form is None or not form.functions:
        return node
    return msgspec.structs.replace(node, functions=(*node.functions, *form.functions))
