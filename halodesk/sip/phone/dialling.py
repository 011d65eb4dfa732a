"""Whom a request of ours goes to and what it says beside that: checked before pjsua2 sees it."""

from __future__ import annotations

import re
from urllib.parse import quote

import pjsua2 as pj

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import CallInfo
from halodesk.sip.phone.account import PhoneAccount

NUMBER = re.compile(r"^\+?[0-9A-Za-z*#._-]{1,64}$")
_NUMBER_NOISE = re.compile(r"[\s()/]|(?<=\d)-(?=\d)")
URI = re.compile(r"^sips?:[^\s<>\"\x00-\x1f]{1,255}$", re.IGNORECASE)
_HEADER = re.compile(r"^(?:X-[A-Za-z0-9-]{1,60}|Diversion|P-Asserted-Identity|Call-Info|Alert-Info)$", re.I)
_TOKEN = re.compile(r"^[\x21-\x2b\x2d-\x3a\x3c-\x7e]{1,255}$")
"""A Call-ID or tag that breaks out of no header: no comma, semicolon, space or control sign."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def uri_of(to: str, account: PhoneAccount) -> str:
    """The SIP address of a number at the account's PBX; raises `PhoneRefusedError` when it is none."""
    if URI.match(to):
        return to
    number = _NUMBER_NOISE.sub("", to)
    if not NUMBER.match(number):
        raise PhoneRefusedError(f"“{to[:40]}” is neither a number nor a SIP address.", "Correct the number.")
    return account.target(number.replace("#", "%23"))


def header_uri(uri: str, headers: dict[str, str]) -> str:
    """A Refer-To value that asks for headers in the new INVITE (RFC 3261, 19.1.1)."""
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in headers.items())
    return f"<{uri}?{pairs}>" if pairs else f"<{uri}>"


def header_of(name: str, value: str) -> pj.SipHeader:
    """A header somebody wishes for; raises `PhoneRefusedError` when it may not be sent."""
    if not _HEADER.match(name) or _CONTROL.search(value) or len(value) > 1000:
        raise PhoneRefusedError(
            f"The header “{name[:40]}” cannot be sent.", "Use X- headers without line breaks."
        )
    return sip_header(name, value)


def sip_header(name: str, value: str) -> pj.SipHeader:
    """A header of a request of ours."""
    header = pj.SipHeader()
    header.hName = name
    header.hValue = value
    return header


def replaced(lost: CallInfo) -> str:
    """Value of Replaces for a lost call: its tags as the other end sees them; empty when unknown."""
    parts = (lost.sip_call_id, lost.remote_tag, lost.local_tag)
    if not all(part and _TOKEN.match(part) for part in parts):
        return ""
    return f"{lost.sip_call_id};to-tag={lost.remote_tag};from-tag={lost.local_tag}"
