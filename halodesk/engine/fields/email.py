"""email: syntax by `email-validator` (RFC 5321, RFC 6531 for IDN), no look-up."""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email

from halodesk.engine.fields.base import Problem, plain_text
from halodesk.engine.flow import Field

_TYPOS = {
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gamil.com": "gmail.com",
    "gmail.con": "gmail.com",
    "hotmial.com": "hotmail.com",
    "yaho.com": "yahoo.com",
    "yahoo.con": "yahoo.com",
    "outlok.com": "outlook.com",
}


class Email:
    """No `config`."""

    name = "email"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """The address with its domain in lower case; common typos are pointed out."""
        text = plain_text(raw, 254, one_line=True)
        if not isinstance(text, str):
            return text
        try:
            found = validate_email(text, check_deliverability=False)
        except EmailNotValidError:
            return Problem("This is not an email address. Example: pat@example.com.")
        meant = _TYPOS.get(found.domain.lower())
        if meant is not None:
            return Problem(f"Did the caller mean {found.local_part}@{meant}?")
        return found.normalized

    def show(self, field: Field, value: Any) -> str:
        """The address itself."""
        return str(value)


TYPE = Email()
