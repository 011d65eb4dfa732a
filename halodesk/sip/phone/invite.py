"""Reads the headers of a SIP message as text (RFC 3261, 7.3).

Only to describe a call: pjsua2 has parsed and accepted the message before. So nothing
here refuses; what cannot be read stays empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPACT = {"f": "from", "t": "to", "i": "call-id", "m": "contact", "v": "via", "s": "subject"}
_KEPT = frozenset(
    {
        "diversion",
        "history-info",
        "p-asserted-identity",
        "remote-party-id",
        "call-info",
        "alert-info",
        "answer-mode",
        "priv-answer-mode",
        "priority",
    }
)
_MAX_VALUE = 1000
_MAX_NAME = 64
_MOST_KEPT = 64
"""Headers beyond these are nobody's screen pop."""
_USER = re.compile(r"^(?:sips?|tel):(?:([^@;>?]*)@)?([^;>?]*)", re.IGNORECASE)
_NAME_ADDRESS = re.compile(r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^>]*)>')
_TAG = re.compile(r";\s*tag\s*=\s*([^\s;,]+)", re.IGNORECASE)
_VIA = re.compile(r"^(?:Via|v)\s*:\s*SIP\s*/\s*2\.0\s*/\s*(\w+)", re.IGNORECASE | re.MULTILINE)
_MAX_HEAD = 4000
_MAX_WHY = 120
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ELSEWHERE = re.compile(
    r"(?:^|,)\s*(?:SIP\s*(?:;[^,]*)?;\s*cause\s*=\s*200|Q\.850\s*(?:;[^,]*)?;\s*cause\s*=\s*26)\s*(?=[;,]|$)",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, kw_only=True)
class Party:
    """One end of a call as its header names it."""

    uri: str = ""
    user: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Invite:
    """What the phone tells the seat about an INVITE."""

    remote: Party
    called: str
    """User part of To, or of the request URI when To has none."""
    headers: dict[str, str]
    """`X-*` and those of `_KEPT`, as written: at most `_MOST_KEPT` of `_MAX_VALUE` characters."""


def read_invite(message: str) -> Invite:
    """Reads the headers up to the empty line; repeated ones are joined with a comma."""
    head = clean(message).replace("\r\n", "\n").split("\n\n", 1)[0]
    first, *lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    values: dict[str, str] = {}
    kept: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        key, value = name.strip().lower(), value.strip()[:_MAX_VALUE]
        key = _COMPACT.get(key, key)
        if not colon or not key:
            continue
        values.setdefault(key, value)
        if key in _KEPT or key.startswith("x-"):
            label = next((known for known in kept if known.lower() == key), name.strip()[:_MAX_NAME])
            if label in kept:
                kept[label] = f"{kept[label]}, {value}"[:_MAX_VALUE]
            elif len(kept) < _MOST_KEPT:
                kept[label] = value
    request = first.split(" ")
    to = read_party(values.get("to", ""))
    target = read_party(request[1]) if len(request) > 1 else Party()
    return Invite(remote=read_party(values.get("from", "")), called=to.user or target.user, headers=kept)


def read_why(message: str) -> str:
    """What a refusal says of itself: the texts of `Reason` (RFC 3326) and `Warning` (RFC 3261, 20.43)."""
    head = clean(message[:_MAX_HEAD]).replace("\r\n", "\n").split("\n\n", 1)[0]
    found: list[str] = []
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() not in ("reason", "warning"):
            continue
        if match := _TEXT.search(value):
            text = " ".join(re.sub(r"\\(.)", r"\1", match[1]).split())[:_MAX_WHY]
            if text and text not in found:
                found.append(text)
    return "; ".join(found)


def is_taken_elsewhere(message: str) -> bool:
    """Whether a CANCEL says that another phone has the call: `Reason` SIP 200 (RFC 3326, 3.1), Q.850 26."""
    head = clean(message[:_MAX_HEAD]).replace("\r\n", "\n").split("\n\n", 1)[0]
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "reason" and _ELSEWHERE.search(_TEXT.sub('""', value)):
            return True
    return False


def read_tags(message: str) -> tuple[str, str]:
    """The tags of From and To (RFC 3261, 19.3); empty where there are none."""
    head = clean(message).replace("\r\n", "\n").split("\n\n", 1)[0]
    found = {"from": "", "to": ""}
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n")[1:]:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        key = _COMPACT.get(key, key)
        # A quoted name may hold anything; what follows the last ">" are parameters of the header.
        if key in found and (match := _TAG.search(value.rpartition(">")[2])):
            found[key] = match[1]
    return found["from"], found["to"]


def via_of(message: str) -> str:
    """What the last hop came over, as its Via says: "UDP", "TCP", "TLS"; empty when unreadable."""
    match = _VIA.search(message[:_MAX_HEAD])
    return match[1].upper() if match else ""


def is_open(message: str) -> bool:
    """Whether an INVITE offers sound and no keys to encrypt it with (RFC 4568)."""
    return "\nm=audio" in message and "\na=crypto:" not in message


def read_party(text: str) -> Party:
    """Reads a name-addr or addr-spec (RFC 3261, 20.10)."""
    name, uri = "", text.split(";", 1)[0].strip()
    if match := _NAME_ADDRESS.match(text):
        quoted, plain, uri = match.groups()
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
    user = ""
    if match := _USER.match(uri):
        user = match[1] if match[1] is not None else ""
        if uri.lower().startswith("tel:"):
            user = user or match[2]
    return Party(uri=uri, user=_plain(user.split(";", 1)[0]), name=name)


def clean(text: str) -> str:
    """Text of pjsua2 as valid Unicode: bytes that are not UTF-8 come as lone surrogates, which
    neither a link message nor a log line can hold."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def host_of(address: str) -> str:
    """The host of `host:port` or `[v6]:port`."""
    host, _, port = address.rpartition(":")
    return (host if host and port.isdigit() else address).strip("[]")
