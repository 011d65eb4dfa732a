"""Fields that are not shown now, and what becomes of their values (`on_hide`).

Rules:
- keep: the value counts as before. exclude: it stays in the form, and conditions, texts,
  functions and the answers do not see it while its field is hidden. clear: it is removed.
- Both are facts: `AnswerGiven` with None and `cause` "hidden", and `VariableSet` of the names that
  are excluded from now on. A replay sees what was hidden then, whatever the rules are by then.
- Digits of an encrypted field that hides are wiped, whichever of the two it says.
- A value that counts no more may hide other fields: all are looked at until nothing changes,
  in the order of the flow, so that the outcome is the same on every machine.
- A field of a template's step is looked at where the step was visited: as `caller/inner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from halodesk.engine import events as e
from halodesk.engine.conditions import holds
from halodesk.engine.flow import Field, Flow
from halodesk.engine.session import EXCLUDED, Session, scope

_cache: dict[int, tuple[Flow, tuple[tuple[str, Field], ...]]] = {}


def due(flow: Flow, state: Session) -> e.AnyEvent | None:
    """The next fact that hiding makes necessary, or None when all is as it should be."""
    leaving = _leaving(flow)
    if not leaving or state.status != "running":
        return None
    everything = scope(state, everything=True)
    away = _excluded([field for _, field in leaving], everything)
    if list(away) != list(state.values.get(EXCLUDED) or ()):
        return e.VariableSet(name=EXCLUDED, value=list(away), source="on_hide")
    values = scope(state)
    for written, field in leaving:
        step = _visited(state, written)
        if step is None or holds(field.show_when, values):
            continue  # what nobody has been asked yet keeps its default
        if field.name in state.secrets:
            return e.SecretsWiped(step=step, reason="cleared", fields=(field.name,))
        if field.on_hide == "clear" and state.values.get(field.name) is not None:
            return e.AnswerGiven(step=step, field=field.name, value=None, cause="hidden")
    return None


def _visited(state: Session, written: str) -> str | None:
    """The key under which a step was visited; `/inner` stands for any caller of a template."""
    if not written.startswith("/"):
        return written if written in state.visits else None
    return next((key for key in state.visits if key.endswith(written)), None)


def _excluded(leaving: list[Field], values: Mapping[str, Any]) -> tuple[str, ...]:
    fields = [field for field in leaving if field.on_hide == "exclude" and values.get(field.name) is not None]
    away: set[str] = set()
    for _ in range(len(fields)):
        left = {name: value for name, value in values.items() if name not in away}
        more = {field.name for field in fields if not holds(field.show_when, left)} - away
        if not more:
            break
        away |= more
    return tuple(field.name for field in fields if field.name in away)


def _leaving(flow: Flow) -> tuple[tuple[str, Field], ...]:
    """Fields that can hide and whose value does not simply stay; found once a flow object."""
    known = _cache.get(id(flow))
    if known is None or known[0] is not flow:
        if len(_cache) > 16:
            _cache.clear()
        inner = (step for template in flow.templates for step in template.steps)
        fields = [(step.key, field) for step in flow.steps for field in step.fields]
        fields += [(f"/{step.key}", field) for step in inner for field in step.fields]
        known = (flow, tuple(one for one in fields if one[1].show_when and one[1].on_hide != "keep"))
        _cache[id(flow)] = known
    return known[1]
