"""A real SMTP server (aiosmtpd) on loopback, in the loop of the test, that refuses as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "desk", "pa55"


class MailServer:
    """What came in, and what to answer: `recipients` by address, `data` in turn (the last one stays)."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins: list[str] = []
        self.recipients: dict[str, str] = {}
        self.data: list[str] = ["250 taken"]
        self.encrypted: list[bool] = []
        self.port = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One recipient."""
        answer = self.recipients.get(address, "250 ok")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """One letter."""
        answer = self.data.pop(0) if len(self.data) > 1 else self.data[0]
        self.encrypted.append(session.ssl is not None)
        if answer == "hang":
            await asyncio.sleep(30)
        if answer.startswith("250") and isinstance(envelope.content, bytes):
            self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        return answer

    def login(self, server: SMTP, session: Session, envelope: Envelope, way: str, data: Any) -> AuthResult:
        """User name and password."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        self.logins.append(data.login.decode())
        return AuthResult(
            success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False
        )


@asynccontextmanager
async def mail_server(
    certificate: tuple[Path, Path] | None, *, tls: bool = False, login: bool = False
) -> AsyncIterator[MailServer]:
    """A server: without a certificate it offers no encryption; `tls`: from the first byte."""
    handler = MailServer()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    starttls = context if not tls else None
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        made = SMTP(
            handler,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=handler.login if login else None,
            auth_required=login and not tls,  # aiosmtpd does not know that it stands behind TLS
            auth_require_tls=not tls,
            loop=asyncio.get_running_loop(),
        )
        protocols.append(made)
        return made

    make: Callable[[], SMTP] = protocol
    server = await asyncio.get_running_loop().create_server(
        make, "127.0.0.1", 0, ssl=context if tls else None
    )
    handler.port = int(server.sockets[0].getsockname()[1])
    try:
        yield handler
    finally:
        server.close()
        for one in protocols:
            if isinstance(one.transport, asyncio.WriteTransport):
                one.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)
