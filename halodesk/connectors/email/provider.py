"""What a module of this package says of itself, what it is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

TOTAL_SECONDS = 30.0


class MailAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account to send mail with. `provider` names a module of this package."""

    name: str = "default"
    provider: str
    sender: str
    """The address that mail comes from."""
    sender_name: str = ""
    host: str = ""
    port: int = 0
    """0: the usual one."""
    security: Literal["starttls", "tls"] = "starttls"
    """How an SMTP connection is encrypted. There is no unencrypted one."""
    authority: str = ""
    """PEM of the only certificate authority to believe; empty: those of the system."""
    url: str = ""
    """Address of a provider that is asked by HTTP."""
    username: str = ""
    secret: str = ""
    attachments: str = ""
    """Folder of the files that flows may attach."""
    timeout_s: float = TOTAL_SECONDS

    def __repr__(self) -> str:
        """Without the secret."""
        return f"<MailAccount {self.name}>"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a letter."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        """Without its content."""
        return f"<Attachment {len(self.content)} bytes>"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that was checked and is ready to go; made by `message.compose` only."""

    message_id: str
    """The same on each try: receivers know a second copy by it (RFC 5322, 3.6.4)."""
    date: str
    sender: str
    sender_name: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    attachments: tuple[Attachment, ...] = ()

    def __repr__(self) -> str:
        """Without what it says and to whom."""
        return f"<Letter {self.message_id}>"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """`sent`: taken by the provider. `later`: try again. `failed`: trying again is of no use."""

    verdict: Literal["sent", "later", "failed"]
    reason: str = ""
    """In the agent's words."""
    rest: tuple[str, ...] = ()
    """With `later`: the recipients that are still without it, where others have it."""


class Mailer(Protocol):
    """Hands letters to one provider. Never raises for what a server or a network does."""

    async def send(self, letter: Letter) -> Delivery:
        """One try."""
        ...


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of provider. `build` raises `SettingsError` for an unusable account."""

    key: str
    """Name in settings, for ever."""
    label: str
    build: Callable[[MailAccount], Mailer]
