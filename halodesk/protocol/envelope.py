"""The envelope: what is stamped on an event outside the engine, and one stored row."""

from __future__ import annotations

import msgspec

from halodesk.engine.errors import SessionFileError


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who, where and when of one event. `seq` counts from 1 in a session.

    `number`: on the first event, which session of the seat it is, counted from 1 without a gap; 0 on
    all others, and on sessions of before it was stamped. `wall` is Unix seconds, `mono` monotonic
    seconds of the seat's machine: a clock that is set back shows in the difference of the two.
    """

    session: str
    seq: int
    id: str
    seat: str
    wall: float
    mono: float
    flow: str
    version: int
    event: str
    """Tag of the payload, so that a log can be read after an erasure."""
    number: int = 0


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the log: exact bytes, since the chain is over bytes."""

    session: str
    seq: int
    envelope: bytes
    leaf: bytes
    head: bytes
    salt: bytes | None
    payload: bytes | None
    """Both None after an erasure."""


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """Canonical bytes of an envelope."""
    return _encoder.encode(envelope)


def decode(data: bytes) -> Envelope:
    """Raises `SessionFileError` when the bytes are no envelope."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SessionFileError(f"This envelope cannot be read: {error}.", "The record is damaged.") from None
