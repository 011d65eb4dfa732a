"""Events to bytes and back: canonical JSON (sorted keys), the payload the chain hashes."""

from __future__ import annotations

import msgspec

from halodesk.engine.errors import SessionFileError
from halodesk.engine.events import AnyEvent

_encoder = msgspec.json.Encoder(order="sorted")
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """Canonical bytes of one event."""
    return _encoder.encode(event)


def decode(payload: bytes) -> AnyEvent:
    """Raises `SessionFileError` when the bytes are no event this version knows."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SessionFileError(
            f"This event cannot be read: {error}.", "It may come from a newer HaloDesk: update and try again."
        ) from None
