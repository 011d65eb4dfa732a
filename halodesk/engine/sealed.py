"""Sealed fields in a session: what is kept of them is an envelope that two holders open together.

Rules:
- On submit, before anything else is done, digits of fields with `retention: sealed` that wait in
  the vault become envelopes. That is outside work: the engine knows handles and envelopes.
- The envelope is the field's answer. It is no value: texts, conditions, functions and the data of
  other systems never see it (`session.scope`).
- A submit whose digits cannot be sealed does not go on: the page opens again and says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KIND = "seal"
"""Kind of the effect. Arguments: `fields` (name and handle of each), `flow_hash`, `version`.
Result: `sealed` (name to envelope, base64) and `holders` (ids of the two keys), or `reason`."""

_KEYS = {"hdx2", "holders"}


def value_of(envelope: str, holders: Sequence[str]) -> dict[str, Any]:
    """A field's answer: the envelope (base64 of `crypto.envelope`) and the ids of its holders' keys."""
    return {"hdx2": envelope, "holders": list(holders)}


def is_sealed(value: Any) -> bool:
    """Whether an answer is an envelope."""
    return isinstance(value, Mapping) and set(value) == _KEYS


def envelopes(ask: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, str] | None:
    """Name to envelope for every field that was asked for; None where one of them is missing."""
    sealed = result.get("sealed")
    found = {name: sealed.get(name) for name in names(ask)} if isinstance(sealed, Mapping) else {}
    complete = found and all(isinstance(envelope, str) and envelope for envelope in found.values())
    return {name: str(envelope) for name, envelope in found.items()} if complete else None


def names(ask: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of a request."""
    return tuple(str(entry["field"]) for entry in ask.get("fields", ()))


def simulated(ask: Mapping[str, Any]) -> dict[str, Any]:
    """What a simulation answers: envelopes that nobody can open."""
    return {"sealed": dict.fromkeys(names(ask), "simulated"), "holders": ["simulated", "simulated"]}
