"""Sealed fields in a session: what is kept of them is an envelope that two holders open together.

Rules:
- On submit, before anything else is done, digits of fields with `retention: sealed` that wait in
  the vault become envelopes. That is outside work: the engine knows handles and envelopes.
- The envelope is the field's answer. It is no value: texts, conditions, functions and the data of
  other systems never see it (`session.scope`).
- A submit whose digits cannot be sealed does not go on: the page opens again and says why.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from halodesk.engine.errors import SessionFileError

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


class SealedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One envelope of a session, with what says where it belongs; `version` is the flow's."""

    field: str
    flow_hash: str
    version: int
    envelope: bytes
    holders: tuple[str, ...]


class _Fact(msgspec.Struct):
    event: str = ""
    field: str = ""
    value: Any = None
    flow_hash: str = ""
    version: int = 0


_facts = msgspec.json.Decoder(_Fact)


def sealed_answers(payloads: Iterable[bytes]) -> list[SealedAnswer]:
    """The envelopes in the stored events of a session, the newest first.

    Raises `SessionFileError` for events that are none.
    """
    found: list[SealedAnswer] = []
    flow_hash, version = "", 0
    for payload in payloads:
        try:
            fact = _facts.decode(payload)
            if fact.event == "session_started":
                flow_hash, version = fact.flow_hash, fact.version
            if fact.event != "answer_given" or not is_sealed(fact.value):
                continue
            envelope = base64.b64decode(fact.value["hdx2"], validate=True)
        except (msgspec.DecodeError, UnicodeError, binascii.Error, TypeError, ValueError):
            raise SessionFileError("A sealed value of this session cannot be read.") from None
        keys = tuple(str(kid) for kid in fact.value["holders"])
        found.append(
            SealedAnswer(
                field=fact.field, flow_hash=flow_hash, version=version, envelope=envelope, holders=keys
            )
        )
    return found[::-1]
