"""What a call's headers say of the caller, in words a flow can use: who he is said to be, and whom he called.

`P-Asserted-Identity` (RFC 3325) is what the PBX vouches for, where From may say anything or nothing;
`Diversion` (RFC 5806) and `History-Info` (RFC 7044) name who was called before the call came here;
`Call-Info` (RFC 3261, 20.9) may lead to a page about the caller. Texts of strangers, all of it: plain text
that is shown as it is, never markup. What cannot be read is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

_ADDRESS = re.compile(
    r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<\s*(?:sips?|tel):([^@;>?]*)[^>]*>([^,]*)', re.I
)
_BARE = re.compile(r"^\s*(?:sips?|tel):([^@;>?,\s]*)", re.IGNORECASE)
_REASON = re.compile(r";\s*reason\s*=\s*\"?([\w-]{1,40})", re.IGNORECASE)
_LINK = re.compile(r"<\s*(https?://[^\s<>\"]{1,500})\s*>", re.IGNORECASE)
_MOST = 120


def popped(headers: Mapping[str, str]) -> dict[str, str]:
    """`asserted_number`, `asserted_name`, `diverted_from`, `diverted_reason` and `info_url` of a call."""
    known = {name.lower(): value for name, value in headers.items()} if headers else {}
    name, number, _ = _party(known.get("p-asserted-identity") or known.get("remote-party-id") or "")
    _, diverted, rest = _party(known.get("diversion") or known.get("history-info") or "")
    reason, link = _REASON.search(rest), _LINK.search(known.get("call-info", ""))
    return {
        "asserted_number": number,
        "asserted_name": name,
        "diverted_from": diverted,
        "diverted_reason": reason[1].lower() if reason else "",
        "info_url": link[1] if link else "",
    }


def _party(text: str) -> tuple[str, str, str]:
    """Name, user part and parameters of the first address."""
    if match := _ADDRESS.match(text):
        quoted, plain, user, rest = match.groups()
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
        return name[:_MOST], unquote(user)[:_MOST], rest
    match = _BARE.match(text)
    return "", unquote(match[1])[:_MOST] if match else "", ""
