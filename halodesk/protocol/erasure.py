"""An order to erase parts of a recorded session: made and signed by the seat, carried out by both sides.

The order names events by number and says who wanted it and why; it holds nothing of what was erased.
The signature (HDERASE1) is the seat's, over the order's exact bytes.
"""

from __future__ import annotations

import msgspec

from halodesk.engine.errors import SessionFileError


class ErasureOrder(msgspec.Struct, frozen=True, kw_only=True):
    """`seqs`: the events whose payload and salt go. `field`: empty for all. `at`: Unix seconds."""

    id: str
    seat: str
    session: str
    seqs: tuple[int, ...]
    reason: str
    by: str
    role: str = ""
    field: str = ""
    recordings: int = 0
    """How many recordings were deleted with it."""
    at: int


class SignedErasure(msgspec.Struct, frozen=True, kw_only=True):
    """As it travels."""

    order: bytes
    signature: bytes


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: how many events it held with content, and has erased now."""

    events: int


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(ErasureOrder)


def encode(order: ErasureOrder) -> bytes:
    """The bytes that are signed."""
    return _encoder.encode(order)


def decode(data: bytes) -> ErasureOrder:
    """Raises `SessionFileError` when the bytes are no order."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SessionFileError(f"This is no order to erase: {error}.", "It is damaged.") from None
