"""TLS to the PBX: whom the phone believes, what it says when it does not, and that it never goes without."""

from __future__ import annotations

import asyncio
import datetime
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from halodesk.protocol.phone_link import (
    Account,
    Capabilities,
    NetworkNews,
    Register,
    Registration,
    RegistrationChanged,
)
from halodesk.sip.client import PhoneClient, phone_argv
from halodesk.sip.phone.account_config import impossible
from halodesk.sip.phone.surroundings import LOOK_S, SLEPT_S
from halodesk.sip.phone.tls import TlsProblem, authorities, certificate_words
from tests.fakes.sip_registrar import HOST, SipRegistrar
from tests.sync.certificates import Authority

_DAY = datetime.timedelta(days=1)
ALL = Capabilities(version="", tls=True, srtp=True, codecs=(), sound_devices=0, max_calls=4)


def try_to_register(folder: Path, account: Account, *options: str) -> Registration:
    """What a phone says of an account at last: registered, or failed."""

    async def play() -> Registration:
        told: asyncio.Queue[Registration] = asyncio.Queue()

        def heard(notice: object) -> None:
            if isinstance(notice, RegistrationChanged):
                told.put_nowait(notice.registration)

        argv = phone_argv(folder, "--bind", HOST, "--sound", "none", *options)
        client = await PhoneClient.attach_or_start(folder, argv=argv, on_notice=heard, on_away=print)
        try:
            await client.request(Register(account=account))
            async with asyncio.timeout(20):
                while (last := await told.get()).state not in ("registered", "failed"):
                    pass
            return last
        finally:
            await client.quit()

    return asyncio.run(play())


def account(port: int, ca: str) -> Account:
    return Account(key="main", uri=f"sip:7@{HOST}", registrar=f"{HOST}:{port}", transport="tls", ca_file=ca)


@pytest.mark.parametrize(
    ("made", "believed", "words"),
    [
        ({}, "right", ""),
        ({}, "other", "is not trusted"),
        ({}, "system", "is not trusted"),
        ({"address": "10.9.9.9"}, "right", "is for another name (pbx)"),
        ({"begins": -2 * _DAY, "ends": -_DAY}, "right", "has expired"),
        ({"begins": _DAY, "ends": 2 * _DAY}, "right", "is not valid yet"),
    ],
    ids=["good", "other-authority", "system-authorities", "other-name", "expired", "not-yet"],
)
def test_only_a_good_certificate_is_spoken_to(
    tmp_path: Path, made: dict[str, object], believed: str, words: str
) -> None:
    authority = Authority("right")
    (tmp_path / "right.pem").write_bytes(authority.pem)
    (tmp_path / "other.pem").write_bytes(Authority("other").pem)
    ca = "" if believed == "system" else str(tmp_path / f"{believed}.pem")
    files = authority.issue(tmp_path, "pbx", **made)  # type: ignore[arg-type]  # address and dates of `issue`
    with SipRegistrar(*files) as registrar:
        last = try_to_register(tmp_path / "data", account(registrar.port, ca))
        if not words:
            assert (last.state, last.code) == ("registered", 200)
            assert registrar.received[0].startswith("REGISTER ")
            return
        assert last.state == "failed"
        assert last.message.startswith(f"the certificate of {HOST} {words}, next try in ")
        assert last.todo
        assert registrar.received == [], "nothing is told to a server that is not believed"


def test_without_a_server_it_is_the_server_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(Authority("right").pem)
    last = try_to_register(tmp_path / "data", account(9, str(tmp_path / "ca.pem")))
    assert last.message.startswith("server away, next try in ")


def test_everything_goes_to_the_outbound_proxy_and_its_name_counts(tmp_path: Path) -> None:
    authority = Authority("right")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with SipRegistrar(*authority.issue(tmp_path, "pbx")) as proxy:
        through = msgspec.structs.replace(
            account(proxy.port, str(tmp_path / "ca.pem")),
            registrar="pbx.invalid",
            proxy=f"{HOST}:{proxy.port}",
        )
        assert try_to_register(tmp_path / "data", through).state == "registered"
        assert proxy.received[0].startswith("REGISTER sip:pbx.invalid;transport=tls SIP/2.0")
        assert f"Route: <sip:{HOST}:{proxy.port};transport=tls;lr>" in proxy.received[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no signal stops a process there")
def test_a_computer_that_slept_registers_on_a_new_connection(tmp_path: Path) -> None:
    """A process that is stopped for longer than `SLEPT_S` cannot tell it from sleep."""
    authority = Authority("right")
    (tmp_path / "ca.pem").write_bytes(authority.pem)

    async def play(registrar: SipRegistrar) -> None:
        told: asyncio.Queue[object] = asyncio.Queue()
        argv = phone_argv(tmp_path / "data", "--bind", HOST, "--sound", "none")
        client = await PhoneClient.attach_or_start(
            tmp_path / "data", argv=argv, on_notice=told.put_nowait, on_away=print
        )
        await client.request(Register(account=account(registrar.port, str(tmp_path / "ca.pem"))))
        async with asyncio.timeout(30):
            await asyncio.to_thread(registrar.wait_for, 1)
            os.kill(client.pid, signal.SIGSTOP)
            await asyncio.sleep(SLEPT_S + LOOK_S + 1)  # sleep takes its time
            os.kill(client.pid, signal.SIGCONT)
            while await told.get() != NetworkNews(kind="woke"):
                pass
            await asyncio.to_thread(registrar.wait_for, 2)
        assert registrar.connections == 2
        await client.quit()

    with SipRegistrar(*authority.issue(tmp_path, "pbx")) as registrar:
        asyncio.run(play(registrar))


def test_a_missing_authority_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    authority = Authority("right")
    with SipRegistrar(*authority.issue(tmp_path, "pbx")) as registrar:
        last = try_to_register(tmp_path / "data", account(registrar.port, str(tmp_path / "gone.pem")))
        assert registrar.received == []
    assert (last.state, last.next_try_s) == ("failed", None)
    assert "gone.pem cannot be read: No such file" in last.message
    assert "ca_file" in last.todo


@pytest.mark.parametrize(
    ("given", "lacks", "words"),
    [
        ({"transport": "tls"}, "tls", "no TLS"),
        ({"srtp": "required"}, "srtp", "no SRTP"),
        ({"transport": "tls", "srtp": "required"}, "srtp", "no SRTP"),
    ],
)
def test_a_build_without_what_is_demanded_is_a_refusal(
    given: dict[str, object], lacks: str, words: str
) -> None:
    wanted = Account(key="main", uri="sip:7@x", **given)  # type: ignore[arg-type]  # a few fields of many
    assert impossible(wanted, ALL) is None
    told = impossible(wanted, msgspec.structs.replace(ALL, **{lacks: False}))
    assert told is not None
    assert words in told[0]
    assert "does not fall back" in told[1]


def test_what_is_only_offered_needs_no_build() -> None:
    nothing = msgspec.structs.replace(ALL, tls=False, srtp=False)
    assert impossible(Account(key="main", uri="sip:7@x", srtp="offered"), nothing) is None


def test_every_reason_has_words() -> None:
    for bit in range(32):
        message, todo = certificate_words(TlsProblem(status=1 << bit), "pbx.example")
        assert message.startswith("the certificate of pbx.example ")
        assert todo.endswith((".", "listen."))


def test_the_systems_authorities_are_found_where_there_are_any() -> None:
    assert authorities("/own.pem") == "/own.pem"
    found = authorities("")
    assert found == "" or Path(found).is_file()
