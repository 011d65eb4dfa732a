"""Makes a letter of what a flow wants to send, and its wire form.

Rules:
- Nothing that could begin another header gets in: line breaks and control characters in an
  address, a name, a subject or a file name refuse the letter; they are never cleaned in silence.
- Attachments are files of the account's folder, by plain name; no path leaves it.
"""

from __future__ import annotations

import email.policy
import email.utils
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

from halodesk.connectors.email.provider import Attachment, Letter, MailAccount
from halodesk.engine.errors import SettingsError

MOST_RECIPIENTS = 20
LONGEST_SUBJECT = 500
LARGEST_TEXT = 512 * 1024
LARGEST_ATTACHMENTS = 10 << 20
# Stricter than RFC 5321: no quoted local part, no address literal, no comment.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?P<domain>[A-Za-z0-9.-]{1,253})")


class Mail(Protocol):
    """What a flow asks for."""

    @property
    def provider(self) -> str: ...

    @property
    def to(self) -> Sequence[str]: ...

    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def html(self) -> str: ...

    @property
    def attachments(self) -> Sequence[str]: ...


def checked_address(text: str) -> str:
    """A plain address, its domain in ASCII (IDNA). Raises `SettingsError`."""
    local, at, domain = text.rpartition("@")
    try:
        address = f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        address = ""
    found = _ADDRESS.fullmatch(address)
    if found is None or ".." in address or address.startswith(".") or local.endswith("."):
        raise SettingsError(f"{_shown(text)} is no mail address.", "Correct it.")
    return address


def compose(mail: Mail, account: MailAccount, *, key: str, now: float) -> Letter:
    """The letter; `key` makes its message id. Raises `SettingsError` with what is wrong."""
    to = tuple(dict.fromkeys(checked_address(address) for address in mail.to))
    if not 0 < len(to) <= MOST_RECIPIENTS:
        raise SettingsError(f"A mail to {len(to)} people is not sent.", f"Name 1 to {MOST_RECIPIENTS}.")
    for what, text in (("subject", mail.subject), ("sender's name", account.sender_name)):
        if not text.isprintable() or len(text) > LONGEST_SUBJECT:
            raise SettingsError(
                f"The mail's {what} is too long or holds signs that are no text.", "Correct it."
            )
    if len(mail.text) + len(mail.html) > LARGEST_TEXT or "\0" in mail.text + mail.html:
        raise SettingsError("The mail's text is too long or no text.", "Shorten it.")
    sender = checked_address(account.sender)
    name = hashlib.sha256(f"{account.name}\0{key}".encode()).hexdigest()[:40]
    return Letter(
        message_id=f"<{name}@{sender.rpartition('@')[2]}>",
        date=email.utils.formatdate(now),
        sender=sender,
        sender_name=account.sender_name,
        to=to,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        attachments=_attached(mail.attachments, account.attachments),
    )


def wire(letter: Letter) -> bytes:
    """The letter as it travels (RFC 5322, MIME), 7-bit, with CRLF."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["Message-ID"] = letter.message_id
    message["Date"] = letter.date
    local, _, domain = letter.sender.rpartition("@")
    message["From"] = Address(letter.sender_name, local, domain)
    message["To"] = ", ".join(letter.to)
    message["Subject"] = letter.subject
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers it
    message.set_content(letter.text, cte="quoted-printable")
    if letter.html:
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    for file in letter.attachments:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
    return message.as_bytes()


def _attached(names: Sequence[str], folder: str) -> tuple[Attachment, ...]:
    files: list[Attachment] = []
    room = LARGEST_ATTACHMENTS
    for name in names:
        plain = name.isprintable() and not re.search(r'[/\\:"]', name) and not name.startswith(".")
        path = Path(folder) / name
        if not folder or not name or not plain or path.is_symlink() or not path.is_file():
            raise SettingsError(f"There is no file {_shown(name)} to attach.", "Ask IT for it.")
        room -= path.stat().st_size
        if room < 0:
            raise SettingsError(
                f"The attachments are larger than {LARGEST_ATTACHMENTS >> 20} MB.", "Attach less."
            )
        files.append(Attachment(name=name, content=path.read_bytes()))
    return tuple(files)


def _shown(text: str) -> str:
    clean = "".join(sign if sign.isprintable() else "?" for sign in text[:60])
    return f"“{clean}”"
