"""Mail by SMTP (RFC 5321), always encrypted (RFC 3207 or 8314).

Rules:
- No word of the letter and no password leaves before TLS is up and the certificate is believed.
  A server without STARTTLS is refused; there is no setting that weakens this.
- 4xx is `later` (greylisting, a full queue), 5xx is `failed` (RFC 5321, 4.2.1). A password that is
  refused is `failed`: trying again would lock the account.
- A connection that broke is `later`, even after the letter went out: it may come twice, with
  the same message id. The other way round it could be lost.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import aiosmtplib

from halodesk.connectors.email.message import checked_address, wire
from halodesk.connectors.email.provider import Delivery, Letter, MailAccount, Provider
from halodesk.engine.errors import SettingsError

_USUAL_PORT = {"starttls": 587, "tls": 465}
_OWN_NAME = "[127.0.0.1]"  # EHLO: a seat has no public name, and its real one is nobody's business


class SmtpMailer:
    """`Mailer` over SMTP. Raises `SettingsError` for an account without a host or with a bad authority."""

    def __init__(self, account: MailAccount) -> None:
        if not account.host or bool(account.username) != bool(account.secret):
            raise SettingsError(
                f"The mail account “{account.name}” lacks host, user name or password.", "Complete it."
            )
        checked_address(account.sender)
        self._account = account
        try:
            self._tls = ssl.create_default_context(cadata=account.authority or None)
        except ssl.SSLError:
            raise SettingsError(
                f"The authority of the mail account “{account.name}” is no certificate.", "Paste its PEM."
            ) from None
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    async def send(self, letter: Letter) -> Delivery:
        """One try within the account's time."""
        try:
            async with asyncio.timeout(self._account.timeout_s):
                return await self._send(letter)
        except aiosmtplib.SMTPAuthenticationError as error:
            return _by_code(error.code, "The mail server refuses the user name or password.")
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused({one.recipient: one.code for one in error.recipients}, everyone=True)
        except aiosmtplib.SMTPResponseException as error:
            return _by_code(error.code, f"The mail server refuses the mail ({error.code}).")
        except aiosmtplib.SMTPNotSupported:
            return Delivery(verdict="failed", reason="The mail server cannot do what this mail needs.")
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            return Delivery(verdict="later", reason="The mail server did not answer in time.")
        except ssl.SSLError as error:
            return _by_tls(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, ssl.SSLError):
                return _by_tls(cause)
            return Delivery(verdict="later", reason="The mail server cannot be reached.")

    async def _send(self, letter: Letter) -> Delivery:
        account = self._account
        client = aiosmtplib.SMTP(
            hostname=account.host,
            port=account.port or _USUAL_PORT[account.security],
            local_hostname=_OWN_NAME,
            use_tls=account.security == "tls",
            start_tls=False,  # asked for below, so that its absence can be told from other failures
            tls_context=self._tls,
            timeout=account.timeout_s,
        )
        await client.connect()
        try:
            if account.security == "starttls":
                await client.ehlo()
                if not client.supports_extension("starttls"):
                    return Delivery(
                        verdict="failed",
                        reason="The mail server offers no encryption; nothing was sent. Tell IT.",
                    )
                await client.starttls()
            if account.username:
                await client.login(account.username, account.secret)
            refused, _ = await client.sendmail(letter.sender, list(letter.to), wire(letter))
        finally:
            client.close()
        return _refused({address: answer.code for address, answer in refused.items()}, everyone=False)


def _by_code(code: int, reason: str) -> Delivery:
    return Delivery(verdict="later" if 400 <= code < 500 else "failed", reason=reason)


def _by_tls(error: ssl.SSLError) -> Delivery:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Delivery(
            verdict="failed",
            reason="The mail server's certificate is not believed; nothing was sent. Tell IT.",
        )
    return Delivery(verdict="later", reason="The encrypted connection to the mail server failed.")


def _refused(codes: Mapping[str, int], *, everyone: bool) -> Delivery:
    """What came of it by recipient: those that may be tried again count more than those that may not."""
    again = tuple(address for address, code in codes.items() if 400 <= code < 500)
    if again:
        return Delivery(verdict="later", rest=again, reason="The mail server takes the mail later.")
    if everyone:
        return Delivery(verdict="failed", reason=f"The mail server does not know {', '.join(codes)}.")
    return Delivery(
        verdict="sent",
        reason=f"Sent, but not to {', '.join(codes)}: refused by the mail server." if codes else "",
    )


PROVIDER = Provider(key="smtp", label="SMTP", build=SmtpMailer)
