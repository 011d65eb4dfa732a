"""Steps and fields of a flow by name, built once a flow object: look-ups happen several times a submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halodesk.engine.flow import Field, Flow, Step

_KEPT = 16


class Index:
    """`steps` takes those of templates, too, as they are asked for."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.steps: dict[str, Step] = {step.key: step for step in flow.steps}
        self.fields: dict[str, Field] = {}
        for step in flow.every_step():
            for field in step.fields:
                self.fields.setdefault(field.name, field)
        self.secrets = frozenset(field.name for field in self.fields.values() if field.type == "encrypted")


_known: dict[int, Index] = {}


def index(flow: Flow) -> Index:
    """The index of this very object."""
    found = _known.get(id(flow))
    if found is None or found.flow is not flow:
        if len(_known) > _KEPT:
            _known.clear()
        found = _known[id(flow)] = Index(flow)
    return found
