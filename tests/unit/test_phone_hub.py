"""The authenticated socket: who gets in, what is survived, who is cut off."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection, Listener
from pathlib import Path

import msgspec
import pytest

from halodesk.protocol.phone_link import (
    Attach,
    Done,
    Fault,
    Mask,
    Notice,
    Ping,
    Quit,
    Refusal,
    Reply,
    Request,
    decode_answer,
    encode,
)
from halodesk.sip.link import MAX_FRAME, new_address, shake_hands
from halodesk.sip.phone.hub import MAX_CLIENTS, Client, Hub
from halodesk.sip.phone.log import make_log

KEY = b"k" * 32
HANDSHAKE_S = 0.5


class Echo:
    """Answers pings, fails at masks, says nothing to attaches; the rest is done."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.left = threading.Semaphore(0)

    def handle(self, request: Request, client: Client) -> None:
        match request:
            case Ping():
                self.clients.append(client)
                client.send(Done(rid=request.rid))
            case Mask():
                raise ValueError("made up")
            case Attach():
                pass
            case _:
                client.send(Done(rid=request.rid))

    def gone(self, client: Client) -> None:
        self.left.release()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.address = new_address(folder)
        self.handler = Echo()
        self.text = io.StringIO()
        self.hub = Hub(
            self.address, KEY, self.handler, make_log(self.text), handshake_s=HANDSHAKE_S, queue_frames=50
        )
        self.hub.start()
        self.opened: list[Connection] = []

    def mute(self) -> Connection:
        connection = connect(self.address)
        self.opened.append(connection)
        return connection

    def client(self) -> Connection:
        connection = self.mute()
        shake_hands(connection, KEY, listener=False)
        return connection


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.hub.close()
    for connection in made.opened:
        connection.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("link-")]


def ask(connection: Connection, request: Request) -> Reply | Notice:
    connection.send_bytes(encode(request))
    return answer(connection)


def answer(connection: Connection) -> Reply | Notice:
    assert connection.poll(5)
    return decode_answer(connection.recv_bytes())


def assert_cut_off(connection: Connection, timeout_s: float = 5) -> None:
    end = time.monotonic() + timeout_s
    try:
        while connection.poll(max(0, end - time.monotonic())):
            connection.recv_bytes()
    except (EOFError, OSError):  # OSError: in the middle of a message
        return
    raise AssertionError("still connected")


def assert_logged(bench: Bench, event: str, timeout_s: float = 5) -> None:
    """The hub logs from the client's own thread, which may be a moment behind."""
    end = time.monotonic() + timeout_s
    while event not in bench.text.getvalue():
        assert time.monotonic() < end, f"{event} was not logged"
        threading.Event().wait(0.005)


def test_a_request_gets_the_reply_with_its_number(bench: Bench) -> None:
    client = bench.client()
    assert ask(client, Ping(rid=7)) == Done(rid=7)
    assert ask(client, Quit(rid=8)) == Done(rid=8)


def test_a_mute_client_delays_nobody_and_is_cut_off(bench: Bench) -> None:
    mute = [bench.mute() for _ in range(3)]
    begin = time.monotonic()
    assert ask(bench.client(), Ping(rid=1)) == Done(rid=1)
    assert time.monotonic() - begin < HANDSHAKE_S
    for connection in mute:
        assert_cut_off(connection)


def test_a_client_that_stops_in_mid_handshake_is_cut_off(bench: Bench) -> None:
    half = bench.mute()
    half.recv_bytes()
    half._send(b"\x00\x00\x00\x20only a part")  # type: ignore[attr-defined]
    assert_cut_off(half)
    assert ask(bench.client(), Ping(rid=1)) == Done(rid=1)


def test_a_wrong_key_is_refused(bench: Bench) -> None:
    with pytest.raises((multiprocessing.AuthenticationError, EOFError, ConnectionError)):
        shake_hands(bench.mute(), b"x" * 32, listener=False)
    assert ask(bench.client(), Ping(rid=1)) == Done(rid=1)
    assert_logged(bench, "client_refused")


def test_the_client_too_checks_the_key(tmp_path: Path) -> None:
    """Somebody who put a socket of his own in place learns nothing and is not believed."""
    address = new_address(tmp_path)
    with Listener(address) as listener:
        failures: list[type[Exception]] = []

        def impostor() -> None:
            with listener.accept() as connection:
                try:
                    shake_hands(connection, b"x" * 32, listener=True)
                except (multiprocessing.AuthenticationError, EOFError, OSError) as error:
                    failures.append(type(error))

        thread = threading.Thread(target=impostor)
        thread.start()
        with (
            connect(address) as connection,
            pytest.raises((multiprocessing.AuthenticationError, EOFError, ConnectionError)),
        ):
            shake_hands(connection, KEY, listener=False)
        thread.join(5)
        assert failures


@pytest.mark.parametrize(
    "frame", [b"", b"\xc1", b"garbage", msgspec.msgpack.encode([1, 2]), msgspec.msgpack.encode({"type": "?"})]
)
def test_garbage_is_told_and_survived(bench: Bench, frame: bytes) -> None:
    client = bench.client()
    client.send_bytes(frame)
    told = answer(client)
    assert isinstance(told, Fault)
    assert told.code == "bad_message"
    assert ask(client, Ping(rid=1)) == Done(rid=1)


def test_an_unknown_request_of_a_newer_seat_is_refused_by_its_number(bench: Bench) -> None:
    client = bench.client()
    client.send_bytes(msgspec.msgpack.encode({"type": "teleport", "rid": 5}))
    refusal = answer(client)
    assert isinstance(refusal, Refusal)
    assert (refusal.rid, refusal.code) == (5, "bad_message")
    client.send_bytes(msgspec.msgpack.encode({"type": "mask", "rid": 6}))  # the lease is missing
    refusal = answer(client)
    assert isinstance(refusal, Refusal)
    assert refusal.rid == 6


def test_an_oversized_frame_ends_that_connection_only(bench: Bench) -> None:
    first, second = bench.client(), bench.client()
    assert ask(first, Ping(rid=1)) == Done(rid=1)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # cut off in mid-write
        first.send_bytes(bytes(MAX_FRAME + 1))
    assert_cut_off(first)
    assert bench.handler.left.acquire(timeout=5)
    assert ask(second, Ping(rid=2)) == Done(rid=2)


def test_a_failing_request_is_refused_and_survived(bench: Bench) -> None:
    client = bench.client()
    refusal = ask(client, Mask(rid=3, lease="card"))
    assert isinstance(refusal, Refusal)
    assert (refusal.rid, refusal.code) == (3, "internal")
    assert "made up" in bench.text.getvalue()
    assert ask(client, Ping(rid=4)) == Done(rid=4)


def test_a_client_that_never_reads_is_cut_off_without_delaying_others(bench: Bench) -> None:
    slow, quick = bench.client(), bench.client()
    assert ask(slow, Ping(rid=1)) == Done(rid=1)
    assert ask(quick, Ping(rid=1)) == Done(rid=1)
    to_slow, to_quick = bench.handler.clients
    large = Fault(code="large", message="x" * 100_000)
    longest = 0.0
    for _ in range(200):
        begin = time.monotonic()
        to_slow.send(large)
        longest = max(longest, time.monotonic() - begin)
    to_quick.send(Fault(code="small", message=""))
    assert answer(quick) == Fault(code="small", message="")
    assert longest < 0.25
    assert bench.handler.left.acquire(timeout=5)
    assert "client_too_slow" in bench.text.getvalue()
    assert_cut_off(slow)


def test_more_clients_than_allowed_are_turned_away(bench: Bench) -> None:
    clients = [bench.client() for _ in range(MAX_CLIENTS)]
    assert all(ask(client, Ping(rid=1)) == Done(rid=1) for client in clients)
    assert_cut_off(bench.mute())
    clients[0].close()
    assert bench.handler.left.acquire(timeout=5)

    def get_in() -> bool:
        try:
            return ask(bench.client(), Ping(rid=1)) == Done(rid=1)
        except (EOFError, ConnectionError):
            return False

    assert eventually(get_in), "a place that was left is free again"


def test_closing_writes_what_is_queued(bench: Bench) -> None:
    client = bench.client()
    assert ask(client, Ping(rid=1)) == Done(rid=1)
    for number in range(40):
        bench.handler.clients[0].send(Fault(code=str(number), message="m"))
    bench.hub.close()
    codes = []
    while True:
        try:
            told = decode_answer(client.recv_bytes())
        except EOFError:
            break
        assert isinstance(told, Fault)
        codes.append(told.code)
    assert codes == [str(number) for number in range(40)]


def eventually(check: Callable[[], bool], timeout_s: float = 5) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if check():
            return True
    return False
