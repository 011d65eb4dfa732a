"""email: syntax by `email-validator` (RFC 5321, RFC 6531 for IDN), no look-up.

A domain that looks like a slip of a well-known one is taken, with a hint: it may be right.
"""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email

from halodesk.engine.fields.base import Plain, Problem, plain_text
from halodesk.engine.flow import Field

_WELL_KNOWN = (
    "gmail.com googlemail.com hotmail.com outlook.com live.com msn.com yahoo.com icloud.com aol.com "
    "comcast.net verizon.net att.net sbcglobal.net bellsouth.net charter.net cox.net gmx.com gmx.net "
    "protonmail.com rogers.com sympatico.ca shaw.ca telus.net videotron.ca"
).split()
_REAL = frozenset(
    "mail.com email.com ymail.com gmx.de gmx.at gmx.ch gmx.us aim.com fmail.com me.com mac.com ail.com "
    "love.com live.ca live.co.uk hotmail.ca yahoo.ca outlook.ca cox.com aol.de".split()
)
"""Providers of their own whose names are one letter away from a well-known one."""
_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "vom": "com", "comm": "com", "nte": "net", "ogr": "org"}
"""Slips of an ending; none of them is a top-level domain."""


class Email(Plain):
    """No `config`."""

    name = "email"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """The address, its domain in lower case and in its own script."""
        text = plain_text(raw, 254, one_line=True)
        if not isinstance(text, str):
            return text
        try:
            found = validate_email(text, check_deliverability=False)
        except EmailNotValidError:
            return Problem("This is not an email address. Example: pat@example.com.")
        return found.normalized

    def show(self, field: Field, value: Any) -> str:
        """The address itself."""
        return str(value)

    def schema(self, field: Field) -> dict[str, Any]:
        """An address."""
        return {"type": "string", "format": "email", "maxLength": 254}

    def hint(self, field: Field, value: Any) -> str:
        """What the caller may have meant."""
        local, _, domain = str(value).rpartition("@")
        meant = meant_domain(domain)
        return f"Did the caller mean {local}@{meant}?" if meant else ""


def meant_domain(domain: str) -> str:
    """The well-known domain this one is a slip of, or nothing."""
    domain = domain.casefold()
    if domain in _WELL_KNOWN or domain in _REAL:
        return ""
    near = next((known for known in _WELL_KNOWN if _one_slip(domain, known)), "")
    if near:
        return near
    name, _, ending = domain.rpartition(".")
    right = _ENDINGS.get(ending)
    return f"{name}.{right}" if right and name else ""


def _one_slip(typed: str, meant: str) -> bool:
    """One letter too many, too few or wrong, or two neighbours swapped."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), None)
    if at is None:
        return len(typed) != len(meant)
    rest, right = typed[at:], meant[at:]
    swapped = rest[:2] == right[1::-1] and rest[2:] == right[2:]
    return rest[1:] == right[1:] or rest[1:] == right or rest == right[1:] or swapped


TYPE = Email()
