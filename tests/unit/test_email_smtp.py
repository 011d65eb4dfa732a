"""Mail over a real SMTP server: encrypted or not at all, refused, delayed, and the queue behind it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halodesk.connectors.email import open_mailer, providers
from halodesk.connectors.email.message import compose
from halodesk.connectors.email.post import LONGEST_SECONDS, MailPost
from halodesk.connectors.email.provider import Delivery, MailAccount
from halodesk.connectors.email.queue import FOLDER, MailQueue
from halodesk.engine.errors import SettingsError
from halodesk.runtime.effect_ports import MailAnswer
from tests.fakes.mail_server import PASSWORD, USER, MailServer, mail_server
from tests.sync.certificates import Authority
from tests.unit.test_email_message import Mail

KEY = bytes(range(32))
TO = "jordan@example.com"


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def wall(self) -> float:
        return self.now

    def mono(self) -> float:
        return self.now


class World:
    """Certificates, accounts and a post with its queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority("mail authority")
        self.certificate = self.authority.issue(folder, "mail")
        self.clock = Hands()
        self.given_up: list[tuple[str, str]] = []

    def account(self, server: MailServer, **more: Any) -> MailAccount:
        said: dict[str, Any] = {
            "provider": "smtp", "sender": "orders@shop.example", "host": "127.0.0.1", "port": server.port,
            "authority": self.authority.pem.decode(), "timeout_s": 5.0, **more,
        }  # fmt: skip
        return MailAccount(**said)

    def post(self, account: MailAccount) -> MailPost:
        return MailPost(
            [account],
            MailQueue(self.folder, KEY),
            self.clock,
            given_up=lambda key, reason: self.given_up.append((key, reason)),
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def once(account: MailAccount, **mail: Any) -> Delivery:
    return await open_mailer(account).send(compose(Mail(**mail), account, key="k", now=0))


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("login", [True, False])
def test_mail_goes_out_encrypted(world: World, security: str, login: bool) -> None:
    async def go() -> None:
        async with mail_server(world.certificate, tls=security == "tls", login=login) as server:
            access = {"username": USER, "secret": PASSWORD} if login else {}
            done = await once(world.account(server, security=security, **access), html="<p>Hi</p>")
            assert done == Delivery(verdict="sent")
            assert server.envelopes == [("orders@shop.example", [TO])]
            assert server.letters[0]["Subject"] == "Your order"
            assert server.logins == ([USER] if login else [])
            if security == "starttls":
                assert server.encrypted == [True]

    asyncio.run(go())


def test_a_server_without_encryption_gets_nothing(world: World) -> None:
    async def go() -> None:
        async with mail_server(None, login=False) as server:
            done = await once(world.account(server, username=USER, secret=PASSWORD))
            assert done.verdict == "failed"
            assert "offers no encryption" in done.reason
            assert (server.letters, server.logins) == ([], [])

    asyncio.run(go())


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_believed_gets_nothing(
    world: World, tmp_path: Path, security: str, wrong: str
) -> None:
    async def go() -> None:
        foreign = Authority("foreign authority").issue(tmp_path, "foreign")
        elsewhere = world.authority.issue(tmp_path, "elsewhere", address="192.0.2.1")
        shown = foreign if wrong == "authority" else elsewhere
        async with mail_server(shown, tls=security == "tls", login=True) as server:
            done = await once(world.account(server, security=security, username=USER, secret=PASSWORD))
            assert done.verdict == "failed"
            assert "certificate is not believed" in done.reason
            assert (server.letters, server.logins) == ([], [])

    asyncio.run(go())


def test_a_wrong_password_is_not_tried_again(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate, login=True) as server:
            post = world.post(world.account(server, username=USER, secret="wrong"))
            answer = await post.send(Mail(), session="s", key="k")
            assert answer.verdict == "failed"
            assert "user name or password" in answer.reason
            tries = len(server.logins)
            world.clock.now += 7200
            assert await post.deliver() == 0
            assert len(server.logins) == tries
            assert "wrong" not in answer.reason

    asyncio.run(go())


def test_greylisting_queues_and_the_second_try_sends(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            server.data = ["451 4.7.1 come back later", "250 taken"]
            post = world.post(world.account(server))
            assert (await post.send(Mail(), session="s", key="k")).verdict == "queued"
            assert (await post.send(Mail(), session="s", key="k")).verdict == "queued", "not a second letter"
            assert await post.deliver() == 1, "not due yet"
            world.clock.now += 61
            assert await post.deliver() == 0
            assert len(server.letters) == 1
            assert (await post.send(Mail(), session="s", key="k")).verdict == "sent", "as the first"
            assert len(server.letters) == 1

    asyncio.run(go())


def test_a_letter_that_is_refused_is_failed_and_not_kept(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            post = world.post(world.account(server))
            server.data = ["554 5.7.1 spam"]
            assert await post.send(Mail(), session="s", key="k") == MailAnswer(
                verdict="failed", reason="The mail server refuses the mail (554)."
            )
            server.recipients = {TO: "550 5.1.1 no such user"}
            answer = await post.send(Mail(), session="s", key="k2")
            assert (answer.verdict, answer.reason) == ("failed", f"The mail server does not know {TO}.")
            assert await post.deliver() == 0

    asyncio.run(go())


def test_recipients_are_told_apart(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            server.recipients = {"late@example.com": "450 busy", "gone@example.com": "550 gone"}
            post = world.post(world.account(server))
            answer = await post.send(
                Mail(to=(TO, "late@example.com", "gone@example.com")), session="s", key="k"
            )
            assert answer.verdict == "queued"
            server.recipients = {}
            world.clock.now += 61
            assert await post.deliver() == 0
            assert [to for _, to in server.envelopes] == [[TO], ["late@example.com"]], "nobody got it twice"
            assert len({letter["Message-ID"] for letter in server.letters}) == 1
            server.recipients = {"gone@example.com": "550 gone"}
            answer = await post.send(Mail(to=(TO, "gone@example.com")), session="s", key="k2")
            assert answer.verdict == "sent"
            assert "not to gone@example.com" in answer.reason

    asyncio.run(go())


def test_offline_it_is_queued_survives_a_restart_and_goes_out_later(world: World) -> None:
    async def go() -> None:
        with socket.create_server(("127.0.0.1", 0)) as held:
            nobody = MailServer()
            nobody.port = held.getsockname()[1]
        answer = await world.post(world.account(nobody)).send(Mail(), session="s", key="k")
        assert (answer.verdict, answer.reason) == ("queued", "The mail server cannot be reached.")
        files = list((world.folder / FOLDER).iterdir())
        assert [file.suffix for file in files] == [".mail"]
        assert b"jordan" not in files[0].read_bytes()
        assert b"Thank you" not in files[0].read_bytes()
        async with mail_server(world.certificate) as server:
            again = world.post(world.account(server))
            world.clock.now += 61
            assert await again.deliver() == 0
            assert server.letters[0]["To"] == TO

    asyncio.run(go())


def test_a_server_that_hangs_keeps_nobody_waiting(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            server.data = ["hang"]
            done = await once(world.account(server, timeout_s=0.5))
            assert (done.verdict, done.reason) == ("later", "The mail server did not answer in time.")

    asyncio.run(go())


def test_after_three_days_it_is_given_up_and_told(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            server.data = ["451 later"]
            post = world.post(world.account(server))
            await post.send(Mail(), session="s", key="k")
            for _ in range(5):
                world.clock.now += 3601
                assert await post.deliver() == 1
            world.clock.now += LONGEST_SECONDS
            assert await post.deliver() == 0
            ((key, reason),) = world.given_up
            assert key == "k"
            assert "Tried for three days." in reason

    asyncio.run(go())


def test_a_clock_set_back_holds_no_letter(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            server.data = ["451 later", "250 taken"]
            post = world.post(world.account(server))
            await post.send(Mail(), session="s", key="k")
            world.clock.now -= 86_400
            assert await post.deliver() == 0

    asyncio.run(go())


def test_a_bad_mail_is_refused_before_anything_is_kept(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            post = world.post(world.account(server))
            for mail in (Mail(to=(f"{TO}\r\nBcc: x@evil.example",)), Mail(subject="a\nBcc: x@evil.example")):
                assert (await post.send(mail, session="s", key="k")).verdict == "failed"
            assert (
                "no mail account “other”"
                in (await post.send(Mail(provider="other"), session="s", key="k")).reason
            )
            assert server.envelopes == []
            assert not (world.folder / FOLDER).exists()

    asyncio.run(go())


def test_a_queue_file_that_was_changed_is_put_aside(world: World) -> None:
    async def go() -> None:
        async with mail_server(world.certificate) as server:
            server.data = ["451 later"]
            post = world.post(world.account(server))
            for key in ("a", "b"):
                await post.send(Mail(), session="s", key=key)
            first, second = sorted((world.folder / FOLDER).glob("*.mail"))
            second.write_bytes(first.read_bytes())  # one letter in another's place
            queue = MailQueue(world.folder, KEY)
            assert len(list(queue.waiting())) == 1
            assert queue.bad() == 1
            assert list(MailQueue(world.folder, bytes(32)).waiting()) == [], "another seat's key"

    asyncio.run(go())


def test_marks_are_forgotten_after_a_month(world: World) -> None:
    queue = MailQueue(world.folder, KEY)
    (world.folder / FOLDER).mkdir()
    queue.mark_sent("k")
    made = next((world.folder / FOLDER).glob("*.sent")).stat().st_mtime
    queue.forget_marks(made + 29 * 86_400)
    assert queue.was_sent("k")
    queue.forget_marks(made + 31 * 86_400)
    assert not queue.was_sent("k")


@pytest.mark.parametrize(
    "more",
    [{"host": ""}, {"username": "u"}, {"secret": "s"}, {"authority": "no pem"}, {"sender": "nobody"},
     {"provider": "pigeon"}],
)  # fmt: skip
def test_an_account_that_cannot_be_used_is_refused(world: World, more: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        open_mailer(world.account(MailServer(), **more))


def test_two_accounts_of_one_name_are_refused(world: World) -> None:
    account = world.account(MailServer())
    with pytest.raises(SettingsError, match="same name"):
        MailPost([account, msgspec.structs.replace(account)], MailQueue(world.folder, KEY), world.clock)


def test_providers_are_found_by_themselves() -> None:
    assert set(providers()) == {"smtp", "postmark"}
