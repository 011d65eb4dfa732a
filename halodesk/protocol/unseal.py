"""What askers, holders and the server say to each other to open a sealed value: `/v1`, JSON over HTTPS.

Requests, approvals and lists travel as the bytes that were signed (`crypto.ceremony`,
`crypto.holders`); the server stores and passes them on, and can neither make nor read one.
"""

from __future__ import annotations

import msgspec


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """Someone's signed words."""

    data: bytes


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The request is known under that id until then (Unix seconds, the server's)."""

    id: str
    expires_at: float


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is in force, and the ids of the keys that have approved it."""

    id: str
    data: bytes
    approved: tuple[str, ...] = ()


class WaitingList(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of values that were sealed to who asks, oldest first, with the list they are checked by."""

    holders: bytes
    requests: tuple[Waiting, ...] = ()


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the two have approved."""

    approvals: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the own request so far."""

    holders: bytes
    data: bytes
    approvals: tuple[bytes, ...] = ()


class SealedField(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed value of a session, with what its place is made of."""

    field: str
    flow_hash: str
    version: int
    envelope: bytes
    holders: tuple[str, ...]


class SealedFields(msgspec.Struct, frozen=True, kw_only=True):
    """All of a session, the newest of each field first, and the list of key holders."""

    session: str
    holders: bytes
    values: tuple[SealedField, ...] = ()
