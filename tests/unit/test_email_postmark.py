"""Mail by Postmark's interface, against a real server that answers as Postmark documents it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from pathlib import Path

import pytest

from halodesk.connectors.email import open_mailer
from halodesk.connectors.email.message import compose
from halodesk.connectors.email.provider import Delivery, MailAccount
from halodesk.engine.errors import SettingsError
from tests.fakes.web_server import Told, web_server
from tests.unit.test_email_message import Mail

TOKEN = "server-token"
TAKEN = Told(body=b'{"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a"}')


def account(url: str, attachments: str = "") -> MailAccount:
    return MailAccount(
        provider="postmark", sender="orders@shop.example", sender_name='Sleep "Co"', url=url, secret=TOKEN,
        timeout_s=1.0, attachments=attachments,
    )  # fmt: skip


def send(url: str, mail: Mail | None = None, attachments: str = "") -> Delivery:
    known = account(url, attachments)
    return asyncio.run(open_mailer(known).send(compose(mail or Mail(), known, key="k", now=0)))


def test_a_letter_is_handed_over(tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_bytes(b"terms")
    mail = Mail(to=("a@example.com", "b@example.com"), html="<p>Hi</p>", attachments=("terms.txt",))
    with web_server(TAKEN) as server:
        assert send(server.url, mail, attachments=str(tmp_path)) == Delivery(verdict="sent")
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/email")
    assert seen.headers["x-postmark-server-token"] == TOKEN
    document = json.loads(seen.body)
    assert document["From"] == '"Sleep Co" <orders@shop.example>'
    assert document["To"] == "a@example.com, b@example.com"
    assert document["HtmlBody"] == "<p>Hi</p>"
    assert document["TrackOpens"] is False
    assert document["Headers"][0]["Name"] == "Message-ID"
    assert base64.b64decode(document["Attachments"][0]["Content"]) == b"terms"


@pytest.mark.parametrize(
    ("told", "verdict", "words"),
    [
        (Told(status=401, body=b'{"ErrorCode": 10}'), "failed", "server token"),
        (Told(status=422, body=b'{"ErrorCode": 300}'), "failed", "refuses the mail (300)"),
        (Told(status=429), "later", "later"),
        (Told(status=500), "later", "later"),
        (Told(status=503, body=b"<html>"), "later", "later"),
        (Told(status=200, body=b"<html>a hotel's page"), "later", "later"),
        (Told(status=200, body=b"x" * 200_000), "later", "later"),
        (Told(status=302, headers={"Location": "http://localhost:1/"}), "failed", "302"),
        (Told(status=404), "failed", "404"),
        (Told(hang=True), "later", "cannot be reached"),
        (Told(drop=True), "later", "cannot be reached"),
    ],
)
def test_answers(told: Told, verdict: str, words: str) -> None:
    with web_server(told) as server:
        done = send(server.url)
    assert done.verdict == verdict
    assert words in done.reason
    assert len(server.seen) == 1


def test_offline_is_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}").verdict == "later"


@pytest.mark.parametrize("url", ["http://mail.example", "nonsense"])
def test_an_address_that_is_not_encrypted_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        open_mailer(account(url))


def test_without_a_token_there_is_no_mailer() -> None:
    with pytest.raises(SettingsError, match="server token"):
        open_mailer(MailAccount(provider="postmark", sender="orders@shop.example"))
