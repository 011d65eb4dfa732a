"""Messages between the seat and its speech worker.

Four bytes of length (big-endian), then msgpack, over the worker's standard input and output.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgspec

HEAD = struct.Struct(">I")
LARGEST = 1 << 20

SAMPLE_RATE = 16_000


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


# seat to worker


class Sound(_Message, frozen=True, tag="sound"):
    """Some more of the caller, 16-bit mono at 16 kHz."""

    pcm: bytes


class Expect(_Message, frozen=True, tag="expect"):
    """What may be said from the next utterance on."""

    phrases: tuple[str, ...] = ()
    numbers: bool = False
    free: bool = True
    """Take what no list holds, too."""


class Finish(_Message, frozen=True, tag="finish"):
    """Give what was said up to now as final; answered by `Finished` after the `Words`, if any."""

    number: int


Asked = Sound | Expect | Finish


# worker to seat


class Ready(_Message, frozen=True, tag="ready"):
    """The models are loaded."""


class VoiceOn(_Message, frozen=True, tag="voice_on"):
    """The fast gate: something that is speech by its sound."""


class VoiceOff(_Message, frozen=True, tag="voice_off"):
    pass


class Words(_Message, frozen=True, tag="words"):
    """`confidence` 0 to 1. Empty final text: a sound, but no words."""

    text: str
    final: bool
    confidence: float


class Finished(_Message, frozen=True, tag="finished"):
    number: int


Told = Ready | VoiceOn | VoiceOff | Words | Finished

_encoder = msgspec.msgpack.Encoder()
_asked: msgspec.msgpack.Decoder[Asked] = msgspec.msgpack.Decoder(Asked)
_told: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)


def framed(message: Asked | Told) -> bytes:
    """One message with its length in front."""
    body = _encoder.encode(message)
    return HEAD.pack(len(body)) + body


def told(body: bytes) -> Told:
    """Raises `msgspec.DecodeError`."""
    return _told.decode(body)


def next_asked(source: BinaryIO) -> Asked | None:
    """The next message, None at the end of the input. Raises `msgspec.DecodeError`."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    if size > LARGEST:
        raise msgspec.DecodeError("too large a message")
    body = source.read(size)
    return _asked.decode(body) if len(body) == size else None
