"""SIP messages as text: no sockets, no clock.

Rules:
- Everything is bounded; what is longer, or no SIP, is an error, and ends a connection.
- A header that must be there once has no value where it is missing or there are several.
- What we send holds no CR, LF or NUL but where the protocol has them.

Source: RFC 3261, 7 and 18.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from halodesk.engine.errors import SipFormError

MAX_HEAD = 16 * 1024
MAX_BODY = 64 * 1024
MAX_HEADERS = 200
_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "o": "event",
    "k": "supported",
}
_TAG = re.compile(r";\s*tag\s*=\s*([^;\s>]+)", re.IGNORECASE)
_FOLD = re.compile(rb"\r\n[ \t]+")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A request or a response; names of headers are lower case and long."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start[8:11]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of a request, or of the request a response answers."""
        if not self.status:
            return self.start.partition(" ")[0]
        return self.get("cseq").partition(" ")[2].strip()

    @property
    def cseq(self) -> int:
        """Number of the request; -1 where there is none."""
        number = self.get("cseq").partition(" ")[0]
        return int(number) if number.isdecimal() and len(number) < 11 else -1

    def get(self, name: str) -> str:
        """The header's value, or "" where it is missing or there are several."""
        found = self.all(name)
        return found[0] if len(found) == 1 else ""

    def all(self, name: str) -> list[str]:
        """Its values, in order."""
        return [value for key, value in self.headers if key == name]

    def tag(self, name: str) -> str:
        """The tag of From or To."""
        found = _TAG.search(self.get(name).rpartition(">")[2])
        return found[1] if found else ""

    def uri(self, name: str) -> str:
        """The address of a header: what stands in angle brackets, or before the parameters."""
        value = self.get(name)
        inner = re.search(r"<([^<>]+)>", value)
        return inner[1].strip() if inner else value.partition(";")[0].strip()


def encode(start: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """One message; Content-Length is put in. Raises `SipFormError` for what would break out of its line."""
    lines = [start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    if any(sign in line for line in lines for sign in "\r\n\0"):
        raise SipFormError("A SIP message was not sent: it holds a line break.")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def decode(data: bytes) -> Message:
    """One whole message, as a datagram holds it. Raises `SipFormError`."""
    head, gap, rest = data.partition(b"\r\n\r\n")
    if not gap or len(head) > MAX_HEAD:
        raise SipFormError("A SIP message has no end of its head.")
    message = _head(head)
    wanted = _length(message)
    length = len(rest) if wanted is None else wanted
    if length > min(len(rest), MAX_BODY):
        raise SipFormError("A SIP message is shorter than it says, or too long.")
    return msgspec.structs.replace(message, body=rest[:length])


class Framer:
    """Cuts a stream into messages; empty lines between them are keep-alives (RFC 5626)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Messages that are complete now. Raises `SipFormError`: the stream cannot be read on."""
        self._buffer += data
        found: list[Message] = []
        while True:
            while self._buffer[:2] == b"\r\n":
                del self._buffer[:2]
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise SipFormError("A SIP message has too long a head.")
                return found
            message = _head(bytes(self._buffer[:end]))
            length = _length(message)
            if length is None or length > MAX_BODY:
                raise SipFormError("A SIP message on a stream does not say its length.")
            if len(self._buffer) < end + 4 + length:
                return found
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            found.append(msgspec.structs.replace(message, body=body))


def _head(head: bytes) -> Message:
    lines = _FOLD.sub(b" ", head).decode("utf-8", "replace").split("\r\n")
    start = lines[0]
    if not (re.match(r"SIP/2\.0 [1-6]\d\d ", start + " ") or re.match(r"[A-Z]{1,20} \S+ SIP/2\.0$", start)):
        raise SipFormError("What came is no SIP message.")
    if len(lines) > MAX_HEADERS:
        raise SipFormError("A SIP message has too many headers.")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if not colon or not key:
            raise SipFormError("A SIP message has a line that is no header.")
        headers.append((_COMPACT.get(key, key), value.strip()))
    return Message(start=start, headers=tuple(headers))


def _length(message: Message) -> int | None:
    values = message.all("content-length")
    if not values:
        return None
    if len(values) > 1 or not values[0].isdecimal() or len(values[0]) > 6:
        raise SipFormError("A SIP message has no sound length.")
    return int(values[0])
