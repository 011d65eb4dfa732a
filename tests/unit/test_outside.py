"""What the settings say of the world outside, opened as the seat opens it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halodesk.app.outside import Outside
from halodesk.connectors.email.queue import MailQueue
from halodesk.crypto.keystore import load_key
from halodesk.engine.effects import DataQuery, HttpCall, SendEmail
from halodesk.engine.errors import SettingsError
from halodesk.runtime.settings import Settings
from halodesk.runtime.threads import SystemClock
from tests.fakes.mail_server import PASSWORD, USER, MailServer, mail_server
from tests.fakes.web_server import Told, web_server
from tests.sync.certificates import Authority


def open_outside(folder: Path, lost: list[str] | None = None, **settings: Any) -> Outside:
    """As the composition root does."""
    told = lost if lost is not None else []
    given = msgspec.convert(settings, Settings)
    return Outside(given, folder, SystemClock(), lambda key, why: told.append(why))


def test_what_is_not_set_up_is_not_there(tmp_path: Path) -> None:
    outside = open_outside(tmp_path)
    assert (outside.http, outside.data, outside.mail, dict(outside.gateways)) == (None, None, None, {})
    assert outside.zips.lookup("90210")[0].city == "Beverly Hills"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"connections": [{"name": "crm", "link": "x"}]}, "`connections` in the settings"),
        ({"mail": [{"name": "a", "provider": "smtp"}]}, "`mail` in the settings"),
        ({"data": [{"name": "a", "kind": "csv", "file": "x"}]}, "`data` in the settings"),
        ({"connections": [{"name": "crm", "url": "http://crm.example"}]}, "not encrypted"),
        ({"data": [{"name": "a", "kind": "paper"}]}, "no kind of data source “paper”"),
        ({"mail": [{"provider": "pigeon", "sender": "a@b.example"}]}, "pigeon"),
    ],
)
def test_a_wrong_word_is_named(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        open_outside(tmp_path, **settings)


def test_a_web_service_and_a_list_are_reached(tmp_path: Path) -> None:
    rows = tmp_path / "plans.csv"
    rows.write_text("plan,price\nsmall,10\nlarge,20\n", encoding="utf-8")
    with web_server() as server:
        server.answers = [Told(body=b'{"id": 7}')]
        outside = open_outside(
            tmp_path,
            connections=[{"name": "crm", "url": server.url, "secrets": {"Authorization": "Bearer s3cret"}}],
            data=[{"name": "plans", "kind": "csv", "path": str(rows)}],
        )
        assert outside.http is not None
        assert outside.data is not None
        call = HttpCall(connection="crm", method="GET", url="/people/7")
        answer = asyncio.run(outside.http.send(call, key="k"))
        found = asyncio.run(outside.data.rows(DataQuery(source="plans", connection="plans", limit=5)))
    assert (answer.verdict, answer.status, answer.body) == ("answered", 200, b'{"id": 7}')
    assert server.seen[0].headers["authorization"] == "Bearer s3cret"
    assert found.rows is not None
    assert [row["plan"] for row in found.rows] == ["small", "large"]


def test_mail_that_waited_goes_out_after_a_restart(tmp_path: Path) -> None:
    authority = Authority("mail authority")
    certificate = authority.issue(tmp_path, "mail")

    def account(port: int) -> dict[str, Any]:
        return {
            "name": "orders", "provider": "smtp", "sender": "orders@shop.example", "host": "127.0.0.1",
            "port": port, "authority": authority.pem.decode(), "username": USER, "secret": PASSWORD,
        }  # fmt: skip

    async def offline() -> None:
        outside = open_outside(tmp_path, mail=[account(9)])
        assert outside.mail is not None
        mail = SendEmail(
            provider="orders", to=("jordan@example.com",), subject="Your order", text="Thank you."
        )
        answer = await outside.mail.send(mail, session="s", key="k")
        assert answer.verdict == "queued"

    async def online() -> MailServer:
        async with mail_server(certificate, login=True) as server:
            queue = MailQueue(tmp_path, load_key(tmp_path, "mail")[0])
            (waiting,) = queue.waiting()
            queue.keep(msgspec.structs.replace(waiting, next_at=0.0))
            outside = open_outside(tmp_path, mail=[account(server.port)])
            outside.start()
            async with asyncio.timeout(10):
                await server.came.wait()
                assert outside.mail is not None
                assert await outside.mail.deliver() == 0, "it has its turn after the one that runs"
            await outside.close()
            return server

    asyncio.run(offline())
    server = asyncio.run(online())
    assert [str(letter["subject"]) for letter in server.letters] == ["Your order"]
