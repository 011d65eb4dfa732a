"""The SIP trace one can switch on: every message, redacted, in a file of limited size.

What is never written: digests, cookies of authentication, keys of SRTP (`a=crypto`, RFC 4568) and of ICE,
the bodies of INFO and MESSAGE (keypad tones, texts), and every digit of a telephone number but the last
two. Headers are kept by name and not by whitelist: a trace that leaves out the unexpected finds no fault.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from halodesk.sip.phone.invite import clean

TRACE_FILE = "sip-trace.log"
MOST_BYTES = 2_000_000
"""Then the file is kept once more as `.1`, and begun anew."""

_SECRET_HEADER = re.compile(
    r"^((?:Proxy-)?Authori[sz]ation|(?:WWW|Proxy)-Authenticate|Authentication-Info|Identity"
    r"|P-Asserted-Identity|Replaces|X-[\w-]*(?:token|secret|key|pin|card)[\w-]*)\s*:.*(?:\n[ \t].*)*",
    re.IGNORECASE | re.MULTILINE,
)
_SECRET_LINE = re.compile(r"^(a=(?:crypto|ice-pwd|ice-ufrag|fingerprint|key-mgmt)|k=)[^\n]*", re.MULTILINE)
_NUMBER = re.compile(r"(?<=[:\s\"<])(\+?)(\d[\d.\-]*)(\d\d)(?=@|\"|%40)")
_TEL = re.compile(r"(tel:\+?)([\d.\-()]+)(\d\d)", re.IGNORECASE)
_QUOTED = re.compile(r"^((?:From|To|f|t|Contact|m|Diversion|Remote-Party-ID)\s*:\s*)\"[^\"]*\"", re.I | re.M)
_SECRET_BODY = re.compile(
    r"^(?:INFO|MESSAGE) |^CSeq\s*:\s*\d+\s+(?:INFO|MESSAGE)\b", re.IGNORECASE | re.MULTILINE
)


def redacted(message: str) -> str:
    """One SIP message (or pjsip's note of it) without what a trace must not hold."""
    head, gap, body = clean(message).replace("\r\n", "\n").partition("\n\n")
    secret_body = _SECRET_BODY.search(head) is not None
    head = _SECRET_HEADER.sub(r"\1: (redacted)", head)
    head = _QUOTED.sub(r'\1"(name)"', head)
    body = f"({len(body)} characters redacted)" if secret_body and body.strip() else body
    text = f"{head}{gap}{_SECRET_LINE.sub(chr(92) + '1:(redacted)', body)}"
    return _TEL.sub(_starred, _NUMBER.sub(_starred, text))


def _starred(match: re.Match[str]) -> str:
    return f"{match[1]}{re.sub(r'[0-9]', '*', match[2])}{match[3]}"


class Trace:
    """Where messages go. SIP thread only."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path, self._most = path, most_bytes

    def write(self, message: str) -> None:
        """Adds one message; raises `OSError` on a full disk."""
        with open(self._path, "a", encoding="utf-8", opener=_private) as file:
            file.write(
                f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {redacted(message).rstrip()}\n\n"
            )
            full = file.tell() > self._most
        if full:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
