"""A seat and a real server get to know each other, or do not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.protocol.sync import RefusedError, ServerAwayError, SyncError
from halodesk.server import tables as t
from halodesk.store.seat_store import SeatStore
from halodesk.sync import address
from halodesk.sync.enrol import enrol
from halodesk.sync.service import SyncService
from tests.sync.certificates import Authority
from tests.sync.world import World, recorder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = SeatStore(tmp_path / "seat")
    yield opened
    opened.close()


def asked(store: SeatStore, url: str, token: str, **how: Any) -> Any:
    return asyncio.run(enrol(store.sync, url, token, **how))


def refusal(store: SeatStore, url: str, token: str) -> HaloDeskError:
    with pytest.raises(HaloDeskError) as caught:
        asked(store, url, token)
    link = store.sync.link()
    assert link is None or not link.enrolled
    assert caught.value.message
    assert caught.value.todo
    return caught.value


def test_a_seat_enrols_and_syncs(world: World, store: SeatStore) -> None:
    link = asked(store, world.url, world.token("blue"), name="Desk 5")
    assert (link.tenant, link.team, link.enrolled) == ("main", "blue", True)
    assert store.sync.link() == link
    assert link.server_key == world.identity.public
    service = SyncService(store.sync, link, seat=store.seat(), on_flow=lambda flow: None)
    asyncio.run(service.once())


def test_a_second_server_needs_another_seat(world: World, store: SeatStore) -> None:
    asked(store, world.url, world.token())
    with pytest.raises(SyncError, match="enrolled already"):
        asked(store, world.url, world.token())


def test_a_used_token_is_refused_in_words(world: World, store: SeatStore, tmp_path: Path) -> None:
    token = world.token()
    other = SeatStore(tmp_path / "other")
    try:
        asked(other, world.url, token)
    finally:
        other.close()
    assert "used already" in str(refusal(store, world.url, token))


def test_an_expired_token_is_refused_in_words(world: World, store: SeatStore) -> None:
    token = world.token()
    world.console(lambda c: c.execute(t.enroll_token.update().values(expires_at=1.0)).rowcount)
    assert "expired" in str(refusal(store, world.url, token))


@pytest.mark.parametrize("token", ["", "x", "x.y", "a" * 43 + "." + "0" * 31])
def test_what_is_no_token_is_refused_before_anything_is_sent(store: SeatStore, token: str) -> None:
    assert "no enrolment token" in str(refusal(store, "http://127.0.0.1:1", token))


def test_a_token_of_another_server_is_refused(world: World, store: SeatStore) -> None:
    assert "not made by this server" in str(refusal(store, world.url, "a" * 43 + "." + "0" * 32))


def test_a_server_that_cannot_show_the_root_is_not_told_the_token(world: World, store: SeatStore) -> None:
    token = world.token()
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert "not the server the token was made by" in str(refusal(store, world.url, changed))
    asked(store, world.url, token)  # the token was not used up


def test_a_lost_answer_is_given_again(world: World, store: SeatStore) -> None:
    """The seat's keys are kept before it asks, so asking again is the same seat."""
    token, port = world.token(), _free_port()
    proxy = _CutOff(port, world.port, after=2)  # the identity passes, the enrolment's answer does not
    proxy.start()
    error = refusal(store, f"http://127.0.0.1:{port}", token)
    assert isinstance(error, ServerAwayError)
    asked(store, world.url, token)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8443",
        "http://server.example",
        "ftp://127.0.0.1",
        "server",
        "",
        "https://",
        "https://a/b",
        "https://u:p@host",
        "https://host:99999",
    ],
)
def test_an_address_that_would_send_in_the_open_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        address.checked(url)


def test_addresses_that_are_fine() -> None:
    assert address.checked("https://desk.example:8443/") == "https://desk.example:8443"
    assert address.checked("http://localhost:1") == "http://localhost:1"
    assert address.checked("http://[::1]:1") == "http://[::1]:1"


def test_a_server_that_is_not_there_says_so(store: SeatStore) -> None:
    error = refusal(store, f"http://127.0.0.1:{_free_port()}", "a" * 43 + "." + "0" * 32)
    assert "cannot be reached" in error.message


def test_only_the_pinned_authority_is_believed(tmp_path: Path) -> None:
    """A man in the middle with a certificate of another authority, even one the system trusts."""
    ours, rogue = Authority("ours"), Authority("rogue")
    certificate, key = ours.issue(tmp_path, "server")
    world = World(tmp_path, arguments=["--certificate", str(certificate), "--key", str(key)])
    world.start()
    url = f"https://127.0.0.1:{world.port}"
    store = SeatStore(tmp_path / "seat")
    try:
        for authority in (rogue.pem, b""):
            with pytest.raises(ServerAwayError, match="not to be trusted"):
                asked(store, url, world.token(), authority=authority)
        link = asked(store, url, world.token(), authority=ours.pem)
        asyncio.run(SyncService(store.sync, link, seat=store.seat(), on_flow=print).once())
        world.stop()
        certificate, key = rogue.issue(tmp_path, "middle")
        middle = World(tmp_path / "middle", arguments=["--certificate", str(certificate), "--key", str(key)])
        middle.port = world.port
        middle.start()
        try:
            with pytest.raises(ServerAwayError, match="not to be trusted"):
                asyncio.run(SyncService(store.sync, link, seat=store.seat(), on_flow=print).once())
        finally:
            middle.stop()
    finally:
        store.close()
        world.stop()


def test_another_server_behind_the_same_address_is_not_believed(world: World, tmp_path: Path) -> None:
    """The certificate is fine, the key the seat pinned is another's: it signs in nowhere else."""
    other = World(tmp_path / "other")
    folder = world.enrol("seat-that-is-led-astray")
    other.start()
    try:
        with recorder(folder) as seat:
            seat.session(3)
            seat.store.sync.change_link(url=other.url).result(10)
            service = SyncService(seat.store.sync, seat.link, seat=seat.seat, on_flow=print)
            with pytest.raises(RefusedError):
                asyncio.run(service.once())
            assert len(seat.store.sync.waiting()) == 1
    finally:
        other.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _CutOff(threading.Thread):
    """Passes one connection on, and tears it when answer number `after` is on its way back."""

    def __init__(self, port: int, target: int, *, after: int) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._target, self._left = target, after

    def run(self) -> None:
        """Serve one connection."""
        place = "127.0.0.1", self._target
        with self._listener, self._listener.accept()[0] as asker, socket.create_connection(place) as server:
            threading.Thread(target=self._pump, args=(asker, server), daemon=True).start()
            while data := server.recv(65536):
                self._left -= data.startswith(b"HTTP/1.1")
                if not self._left:
                    break
                asker.sendall(data)
            asker.shutdown(socket.SHUT_RDWR)

    def _pump(self, asker: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := asker.recv(65536):
                server.sendall(data)
