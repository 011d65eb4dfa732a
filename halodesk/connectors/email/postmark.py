"""Mail by Postmark's HTTP interface (`POST /email`, its server token as the secret).

Rules:
- 200 with `ErrorCode` 0 is sent. 422 is the letter's fault and 401 the token's: failed. 429, 5xx
  and silence are `later`.
- Postmark has no idempotency key, so a try without an answer may come twice, with the same id.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes

import httpx
import msgspec

from halodesk.connectors.email.message import checked_address
from halodesk.connectors.email.provider import Delivery, Letter, MailAccount, Provider
from halodesk.connectors.http import checked_base_url, open_client
from halodesk.engine.errors import SettingsError

ADDRESS = "https://api.postmarkapp.com"
CONNECT_SECONDS = 5.0
LARGEST_ANSWER = 64 * 1024


class _Reply(msgspec.Struct):
    ErrorCode: int


class PostmarkMailer:
    """`Mailer` over Postmark. Raises `SettingsError` for an account without a token."""

    def __init__(self, account: MailAccount) -> None:
        if not account.secret or not account.secret.isascii() or not account.secret.isprintable():
            raise SettingsError(f"The mail account “{account.name}” lacks its server token.", "Enter it.")
        checked_address(account.sender)
        self._url = checked_base_url(account.url or ADDRESS)
        self._account = account

    async def send(self, letter: Letter) -> Delivery:
        """One try within the account's time."""
        account = self._account
        headers = {"X-Postmark-Server-Token": account.secret, "Accept": "application/json"}
        try:
            async with (
                asyncio.timeout(account.timeout_s),
                open_client(
                    self._url,
                    headers=headers,
                    connect_seconds=CONNECT_SECONDS,
                    total_seconds=account.timeout_s,
                ) as client,
                client.stream("POST", "/email", json=_document(letter)) as response,
            ):
                received = bytearray()
                async for chunk in response.aiter_raw():
                    received += chunk
                    if len(received) > LARGEST_ANSWER:
                        break
                return _delivery(response.status_code, bytes(received))
        except (httpx.HTTPError, TimeoutError):
            return Delivery(verdict="later", reason="The mail provider cannot be reached.")


def _delivery(status: int, body: bytes) -> Delivery:
    try:
        code = msgspec.json.decode(body, type=_Reply).ErrorCode
    except msgspec.DecodeError:
        code = None
    if status == 200 and code == 0:
        return Delivery(verdict="sent")
    if status == 401:
        return Delivery(verdict="failed", reason="The mail provider refuses the server token. Tell IT.")
    if status == 422 and code is not None:
        return Delivery(verdict="failed", reason=f"The mail provider refuses the mail ({code}).")
    if status == 429 or status >= 500 or status == 200:
        return Delivery(verdict="later", reason="The mail provider takes the mail later.")
    return Delivery(verdict="failed", reason=f"The mail provider refuses the mail ({status}).")


def _document(letter: Letter) -> dict[str, object]:
    name = letter.sender_name.replace("\\", "").replace('"', "")
    return {
        "From": f'"{name}" <{letter.sender}>' if name else letter.sender,
        "To": ", ".join(letter.to),
        "Subject": letter.subject,
        "TextBody": letter.text,
        **({"HtmlBody": letter.html} if letter.html else {}),
        "Headers": [{"Name": "Message-ID", "Value": letter.message_id}],
        "TrackOpens": False,
        "TrackLinks": "None",
        "Attachments": [
            {
                "Name": file.name,
                "Content": base64.b64encode(file.content).decode(),
                "ContentType": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            }
            for file in letter.attachments
        ],
    }


PROVIDER = Provider(key="postmark", label="Postmark", build=PostmarkMailer)
