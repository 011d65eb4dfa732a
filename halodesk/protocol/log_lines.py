"""Stored events as lines of JSON: what is exported, uploaded, and kept by the server byte by byte.

One object a line: envelope and payload as the very bytes the chain was made over, salt as
base64, leaf and head as hex. An erased event has null for payload and salt.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

import msgspec

from halodesk.engine.errors import SessionFileError
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import Envelope, StoredEvent


class _Line(msgspec.Struct, frozen=True):
    envelope: msgspec.Raw
    payload: msgspec.Raw
    salt: str | None
    leaf: str
    head: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)
_NULL = b"null"


def write(rows: Iterable[StoredEvent]) -> bytes:
    """Lines of these events. Raises `SessionFileError` when one cannot stand in a line of JSON."""
    lines = []
    for row in rows:
        payload = _NULL if row.payload is None else row.payload
        if b"\n" in row.envelope or b"\n" in payload:
            raise SessionFileError(f"Event {row.seq} is not in the form it was written.", _DAMAGED)
        salt = None if row.salt is None else base64.b64encode(row.salt).decode()
        line = _Line(msgspec.Raw(row.envelope), msgspec.Raw(payload), salt, row.leaf.hex(), row.head.hex())
        lines.append(_encoder.encode(line))
    return b"".join(line + b"\n" for line in lines)


def read(data: bytes) -> list[tuple[Envelope, StoredEvent]]:
    """Events of whole lines with their envelopes. Raises `SessionFileError` at the first wrong line."""
    if not data.endswith(b"\n"):
        raise SessionFileError("The last line is cut off.", _DAMAGED)
    found = []
    for number, text in enumerate(data[:-1].split(b"\n"), start=1):
        try:
            line = _decoder.decode(text)
            stamped = envelopes.decode(bytes(line.envelope))
            payload = bytes(line.payload)
            row = StoredEvent(
                session=stamped.session,
                seq=stamped.seq,
                envelope=bytes(line.envelope),
                leaf=bytes.fromhex(line.leaf),
                head=bytes.fromhex(line.head),
                salt=None if line.salt is None else base64.b64decode(line.salt, validate=True),
                payload=None if payload == _NULL else payload,
            )
        except (msgspec.DecodeError, ValueError, binascii.Error, SessionFileError):
            raise SessionFileError(f"Line {number} is no stored event.", _DAMAGED) from None
        found.append((stamped, row))
    return found


_DAMAGED = "The record is damaged."
