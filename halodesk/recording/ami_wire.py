"""The Asterisk Manager Interface as bytes: no sockets, no clock.

Rules:
- A message is `Name: value` lines, each ended by CR LF, the message by an empty line. A bare LF is part
  of a value: taking it for a line end would let a value forge a header.
- Everything is bounded. What is longer than the bounds is not Asterisk, and ends the connection.
- A header that occurs twice has no value for `get`: a value that smuggled in a second `Uniqueid` or
  `State` must not decide which channel counts as masked.
- What we send holds no CR, LF or NUL, and no line longer than Asterisk reads.

Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from halodesk.engine.errors import RecorderError

MAX_LINE_BYTES = 8 * 1024
MAX_HEADERS = 256
MAX_MESSAGE_BYTES = 64 * 1024
MAX_SENT_LINE_BYTES = 1000
"""Asterisk reads lines into 1,025 bytes and cuts the rest off silently."""

GREETING = "Asterisk Call Manager/"

Headers = Iterable[tuple[str, str]]


class AmiMessage(msgspec.Struct, frozen=True):
    """One response or event, headers in the order they came."""

    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """The header's value (names in any case), or "" where it is missing or there are several."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key.lower() == wanted]
        return found[0] if len(found) == 1 else ""

    @property
    def event(self) -> str:
        """Name of the event, "" for a response."""
        return self.get("Event")

    @property
    def success(self) -> bool:
        return self.get("Response") == "Success"


def encode(action: str, action_id: str, headers: Headers = ()) -> bytes:
    """One action, ready to be written. Raises `RecorderError` for what must not be sent.

    The error never quotes a value: it may be a secret.
    """
    lines: list[bytes] = []
    for name, value in (("Action", action), ("ActionID", action_id), *headers):
        if not name or any(ch in name for ch in "\r\n\0: "):
            raise RecorderError("A request to the PBX has a header name that cannot be sent.")
        if any(ch in value for ch in "\r\n\0"):
            raise RecorderError(f"A request to the PBX was not sent: its {name} holds a line break.")
        line = f"{name}: {value}".encode()
        if len(line) > MAX_SENT_LINE_BYTES:
            raise RecorderError(f"A request to the PBX was not sent: its {name} is too long.")
        lines.append(line)
    return b"\r\n".join(lines) + b"\r\n\r\n"


class AmiParser:
    """Turns received bytes into messages; the first line must be Asterisk's greeting."""

    def __init__(self) -> None:
        self.greeting = ""
        """The greeting line once it came, such as `Asterisk Call Manager/11.0.0`."""
        self._buffer = bytearray()
        self._headers: list[tuple[str, str]] = []
        self._size = 0

    def feed(self, data: bytes) -> list[AmiMessage]:
        """Messages completed by `data`. Raises `RecorderError` where the bounds or the form are broken."""
        self._buffer += data
        messages: list[AmiMessage] = []
        start = 0
        while (end := self._buffer.find(b"\r\n", start)) >= 0:
            self._line(bytes(self._buffer[start:end]), messages)
            start = end + 2
        del self._buffer[:start]
        if len(self._buffer) > MAX_LINE_BYTES:
            raise RecorderError(f"The PBX sent a line of more than {MAX_LINE_BYTES} bytes.")
        return messages

    def _line(self, line: bytes, messages: list[AmiMessage]) -> None:
        if len(line) > MAX_LINE_BYTES:
            raise RecorderError(f"The PBX sent a line of more than {MAX_LINE_BYTES} bytes.")
        text = line.decode("utf-8", "replace")
        if not self.greeting:
            if not text.startswith(GREETING):
                raise RecorderError("What answers there is not an Asterisk manager interface.")
            self.greeting = text
            return
        if not line:
            if self._headers:
                messages.append(AmiMessage(tuple(self._headers)))
            self._headers = []
            self._size = 0
            return
        self._size += len(line)
        if len(self._headers) >= MAX_HEADERS or self._size > MAX_MESSAGE_BYTES:
            raise RecorderError("The PBX sent a message that is too large.")
        name, _, value = text.partition(":")
        # Asterisk writes one space after the colon; more of them belong to the value.
        self._headers.append((name, value.removeprefix(" ")))
