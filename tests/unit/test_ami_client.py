"""The manager client against a server on loopback: login, correlation, time limits, reconnects."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami import AmiAccess, AmiClient, Backoff
from halodesk.recording.ami_wire import AmiMessage
from tests.fakes.ami import FakeAmi, fake_ami, until

QUICK = Backoff(first=0.001, longest=0.004)


class Listener:
    """Writes down what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.events: list[AmiMessage] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def ami_up(self) -> None:
        self._note("up")

    def ami_down(self, words: str) -> None:
        self._note(f"down: {words}")

    def ami_event(self, event: AmiMessage) -> None:
        self.events.append(event)
        self._note(event.event)

    def _note(self, what: str) -> None:
        self.said.append(what)
        task = asyncio.get_running_loop().create_task(self._wake())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._news, asyncio.timeout(10):
            await self._news.wait_for(condition)


@asynccontextmanager
async def connected(
    server: FakeAmi, *, secret: str = "fake-secret", wait: bool = True, **options: Any
) -> AsyncIterator[tuple[AmiClient, Listener]]:
    access = AmiAccess(host="127.0.0.1", port=server.port, username="lab", secret=secret)
    listener = Listener()
    client = AmiClient(access, listener, backoff=QUICK, **options)
    client.start()
    try:
        if wait:
            await listener.until(lambda: "up" in listener.said)
        yield client, listener
    finally:
        await client.close()


def test_login_is_a_challenge_and_the_secret_stays_off_the_wire_and_out_of_words() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, _):
            login = server.sent("Login")[0]
            assert login["AuthType"] == "MD5"
            assert "Secret" not in login
            assert login["Events"] == "call"
            assert client.up
            assert client.problem == ""
            assert "fake-secret" not in f"{server.actions}"
        assert not client.up

    with capture_logs() as logs:
        asyncio.run(scene())
    assert "fake-secret" not in f"{logs}"
    assert "fake-secret" not in repr(AmiAccess(host="h", username="u", secret="fake-secret"))


def test_a_wrong_secret_is_said_and_tried_again_slowly() -> None:
    async def scene() -> None:
        chances: list[float] = []

        def chance() -> float:
            chances.append(1.0)
            return 1.0

        async with (
            fake_ami() as server,
            connected(server, secret="x", wait=False, chance=chance) as (client, _),
        ):
            await until(lambda: len(chances) == 2)
            assert "refuses the manager user 'lab'" in client.problem
            assert "manager.conf" in client.problem
            assert server.logins == 0
            server.secret = "x"
            await until(lambda: client.up)

    asyncio.run(scene())


def test_the_secret_is_not_sent_in_clear_without_tls() -> None:
    async def scene() -> None:
        async with fake_ami() as server:
            server.offers_challenge = False
            async with connected(server, wait=False) as (client, _):
                await until(lambda: "not encrypted" in client.problem)
            assert server.sent("Login") == []

    asyncio.run(scene())


def test_over_tls_a_login_without_challenge_is_allowed(tmp_path: Path) -> None:
    async def scene() -> None:
        ours, theirs = _certificate(tmp_path)
        async with fake_ami(theirs) as server:
            server.offers_challenge = False
            async with connected(server, tls=ours) as (client, _):
                assert server.sent("Login")[0]["Secret"] == "fake-secret"
                assert (await client.ask("Ping", timeout_s=2)).success
            async with connected(server, tls=ssl.create_default_context(), wait=False) as (stranger, _):
                await until(lambda: "cannot be reached" in stranger.problem)

    asyncio.run(scene())


def _certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake pbx")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "pbx.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    return ssl.create_default_context(
        cadata=certificate.public_bytes(serialization.Encoding.PEM).decode()
    ), theirs


def test_answers_find_their_questions_and_events_their_listener() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, listener):
            for number in range(20):
                server.call(f"PJSIP/{number}", sip_call_id=f"call-{number}")
            answers = await asyncio.gather(
                *(
                    client.ask("Getvar", [("Channel", f"PJSIP/{n}"), ("Variable", "x")], timeout_s=2)
                    for n in range(20)
                )
            )
            assert [answer.get("Value") for answer in answers] == [f"call-{n}" for n in range(20)]
            rows = await client.ask_list("CoreShowChannels", timeout_s=2)
            assert [row.get("Channel") for row in rows] == [f"PJSIP/{n}" for n in range(20)]
            assert listener.said.count("Newchannel") == 20
            # An event with an ActionID that nobody waits for (OriginateResponse) is an event like others.
            server.raw(b"Event: OriginateResponse\r\nActionID: 99\r\nResponse: Success\r\n\r\n")
            server.raw(b"Response: Success\r\nActionID: 98\r\n\r\n")
            await listener.until(lambda: "OriginateResponse" in listener.said)

    asyncio.run(scene())


def test_a_refused_list_raises_with_what_to_do() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, _):
            server.denied.add("CoreShowChannels")
            with pytest.raises(RecorderError, match="Permission denied") as refused:
                await client.ask_list("CoreShowChannels", timeout_s=2)
            assert "read = call" in refused.value.todo

    asyncio.run(scene())


def test_a_header_with_a_line_break_is_refused_and_the_connection_lives() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, _):
            with pytest.raises(RecorderError, match="line break"):
                await client.ask("Getvar", [("Channel", "x\r\nAction: Command")], timeout_s=2)
            assert (await client.ask("Ping", timeout_s=2)).success
            assert server.sent("Getvar") == []

    asyncio.run(scene())


def test_a_slow_answer_is_too_late_but_the_connection_lives() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, listener):
            server.slow_s = 0.1
            with pytest.raises(RecorderError, match="did not answer"):
                await client.ask("Ping", timeout_s=0.02)
            server.slow_s = 0.0
            assert (await client.ask("Ping", timeout_s=2)).success
            assert listener.said == ["up"]

    asyncio.run(scene())


def test_a_silent_connection_is_dropped_and_made_anew() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, listener):
            server.freeze()
            with pytest.raises(RecorderError, match="did not answer"):
                await client.ask("Ping", timeout_s=0.5)
            await listener.until(lambda: "down: The PBX fell silent." in listener.said)
            with pytest.raises(RecorderError, match="not connected"):
                await client.ask("Ping", timeout_s=0.5)
            server.thaw()
            await listener.until(lambda: listener.said.count("up") == 2)
            assert (await client.ask("Ping", timeout_s=2)).success

    asyncio.run(scene())


def test_a_cut_connection_fails_what_is_asked_at_once_and_comes_back() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, listener):
            server.closes_at = "Ping"
            with pytest.raises(RecorderError):
                await client.ask("Ping", timeout_s=60)
            assert any(said.startswith("down") for said in listener.said)
            server.closes_at = ""
            await listener.until(lambda: listener.said.count("up") == 2)

    asyncio.run(scene())


@pytest.mark.parametrize("garbage", [b"x" * 9000, b"a: b\r\n" * 300], ids=["endless line", "endless message"])
def test_hostile_bytes_end_the_connection(garbage: bytes) -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, listener):
            server.raw(garbage)
            await listener.until(lambda: listener.said.count("up") == 2)
            assert listener.said[1].startswith("down: The PBX sent a")
            assert (await client.ask("Ping", timeout_s=2)).success

    asyncio.run(scene())


def test_something_else_on_the_port_is_said() -> None:
    async def scene() -> None:
        async with fake_ami() as server:
            server.greeting = b"SSH-2.0-OpenSSH_9.2\r\n"
            async with connected(server, wait=False) as (client, _):
                await until(lambda: "not an Asterisk manager" in client.problem)

    asyncio.run(scene())


def test_waits_grow_with_each_failure_and_are_spread_at_random() -> None:
    async def scene() -> None:
        server = FakeAmi()
        await server.start()
        await server.stop()
        waits: list[float] = []

        async def no_sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 8:
                await asyncio.Event().wait()
            await real_sleep(0)

        real_sleep = asyncio.sleep
        access = AmiAccess(host="127.0.0.1", port=server.port, username="lab", secret="x")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("halodesk.recording.ami.asyncio.sleep", no_sleep)
            client = AmiClient(access, Listener(), backoff=Backoff(first=0.5, longest=10), chance=lambda: 0.5)
            client.start()
            async with asyncio.timeout(10):
                while len(waits) < 8:
                    await real_sleep(0.001)
            await client.close()
        assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
        assert "cannot be reached" in client.problem

    asyncio.run(scene())


def test_an_idle_connection_is_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server):
            await until(lambda: len(server.sent("Ping")) >= 2)

    monkeypatch.setattr("halodesk.recording.ami.PING_SECONDS", 0.01)
    asyncio.run(scene())


def test_a_server_that_reads_nothing_does_not_fill_our_memory() -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, listener):
            server.freeze()
            long = [("Variable", "x" * 900)]
            asks = [asyncio.ensure_future(client.ask("Getvar", long, timeout_s=30)) for _ in range(30_000)]
            done = await asyncio.gather(*asks, return_exceptions=True)
            assert all(isinstance(problem, RecorderError) for problem in done)
            assert any(said == "down: The PBX takes no more requests." for said in listener.said)

    asyncio.run(scene())


def test_a_list_without_end_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with fake_ami() as server, connected(server) as (client, _):
            for number in range(4):
                server.call(f"PJSIP/{number}")
            with pytest.raises(RecorderError, match="more than 3 rows"):
                await client.ask_list("CoreShowChannels", timeout_s=2)
            assert not client.up

    monkeypatch.setattr("halodesk.recording.ami.MAX_LIST_ROWS", 3)
    asyncio.run(scene())


def test_a_connection_that_lasted_starts_the_waits_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def scene() -> None:
        async with fake_ami() as server, connected(server, chance=lambda: 1.0) as (client, listener):
            for times in range(2, 6):
                server.cut()
                await listener.until(lambda times=times: listener.said.count("up") == times)  # type: ignore[misc]
            assert client.up

    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("halodesk.recording.ami.STABLE_SECONDS", -1.0)
    monkeypatch.setattr("halodesk.recording.ami.asyncio.sleep", sleep)
    asyncio.run(scene())
    assert set(waits) <= {QUICK.first, 0}
