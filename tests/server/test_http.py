"""The addresses of a real server process: who may ask for what, and what it does with rubbish."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import zstandard
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Publisher
from halodesk.crypto.signing import SigningKey, key_id
from halodesk.engine.flow import Flow
from halodesk.protocol.sync import LARGEST_UPLOAD, Hello, Poke, RefusedError
from halodesk.runtime.flow_files import load_file
from halodesk.server import tenants
from halodesk.server.access import Holder
from halodesk.sync import address
from halodesk.sync.client import Credentials, ServerClient
from halodesk.sync.publisher import PublisherClient
from tests.server.pieces import Maker
from tests.sync.world import SAMPLE, World, recorder


class Site:
    """A running server, and what two seats of one tenant, one of another, and publishers hold."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.world.start()
        self.http = httpx.Client(base_url=self.world.url, timeout=20)
        self.tokens: dict[str, str] = {}
        self.makers: dict[str, Maker] = {}
        for name in ("one", "two"):
            with recorder(self.world.enrol(name)) as seat:
                self._sign_in(name, "main", "seat", seat.seat, SigningKey(seat.link.sign_seed))
                maker = Maker(seat.seat)
                maker.key = SigningKey(seat.link.sign_seed)
                self.makers[name] = maker
        self._sign_in("anna", "main", "publisher", key_id(self.world.publisher.public), self.world.publisher)

    def _sign_in(self, name: str, tenant: str, role: Any, subject: str, key: SigningKey) -> None:
        who = Credentials(
            tenant=tenant, role=role, subject=subject, key=key, server_key=self.world.identity.public
        )

        async def token() -> str:
            async with ServerClient(self.world.url, address.trusting(b""), who) as client:
                return await client.token()

        self.tokens[name] = asyncio.run(token())

    def headers(self, who: str) -> dict[str, str]:
        """With the token of that name."""
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}

    def upload(self, who: str, chunk: Any, **headers: str) -> httpx.Response:
        """Upload a piece."""
        data = chunk if isinstance(chunk, bytes) else msgspec.json.encode(chunk)
        return self.http.post("/v1/ingest", content=data, headers=self.headers(who) | headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.http.close()
    made.world.stop()


def problem(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert told["message"]
    return answer.status_code, told["code"]


def test_it_says_that_it_lives_and_that_its_database_does(site: Site) -> None:
    assert site.http.get("/healthz").json() == {"ok": True}
    assert site.http.get("/readyz").json() == {"ok": True}


SEAT_ONLY = [
    ("POST", "/v1/ingest"),
    ("POST", "/v1/have"),
    ("GET", "/v1/sync"),
    ("GET", "/v1/blobs/" + "0" * 64),
]
PUBLISHER_ONLY = [("GET", "/v1/flows/flow"), ("POST", "/v1/flows/flow/versions")]


@pytest.mark.parametrize(("method", "path"), SEAT_ONLY + PUBLISHER_ONLY)
def test_nothing_without_a_token(site: Site, method: str, path: str) -> None:
    assert problem(site.http.request(method, path)) == (401, "token_missing")
    for wrong in ("Bearer x", "Bearer " + "x" * 3000, "Basic eDp4", f"Bearer {site.tokens['one']}x"):
        answer = site.http.request(method, path, headers={"Authorization": wrong})
        assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), SEAT_ONLY)
def test_a_publisher_is_no_seat(site: Site, method: str, path: str) -> None:
    assert problem(site.http.request(method, path, headers=site.headers("anna"))) == (403, "role")


@pytest.mark.parametrize(("method", "path"), PUBLISHER_ONLY)
def test_a_seat_is_no_publisher(site: Site, method: str, path: str) -> None:
    assert problem(site.http.request(method, path, headers=site.headers("one"))) == (403, "role")


def test_no_seat_touches_anothers_session(site: Site) -> None:
    """The cross-seat matrix: forge it, go on with it, replay it, ask for it."""
    mine, thief = site.makers["one"], site.makers["two"]
    rows = mine.session(6)
    assert site.upload("one", mine.chunk(rows, 1, 3)).json()["dup"] is False
    forged = thief.session(6, name=rows[0].session)
    for part in ((1, 3), (4, 6), (1, 6), (1, 1)):
        assert problem(site.upload("two", thief.chunk(forged, *part))) == (403, "not_yours")
    for part in ((1, 3), (4, 6)):  # the very bytes of the other seat
        assert problem(site.upload("two", mine.chunk(rows, *part))) == (422, "chain")
    said = {"sessions": {rows[0].session: {"last": 3, "head": ""}}}
    lacking = site.http.post("/v1/have", json=said, headers=site.headers("two"))
    assert lacking.json()["behind"] == {rows[0].session: {"last": 0, "head": ""}}
    assert site.upload("one", mine.chunk(rows, 4, 6)).status_code == 200


def test_no_tenant_sees_anothers(site: Site) -> None:
    """The two-tenant sweep: another organisation's token opens nothing of ours."""
    root, key = SigningKey.new(), SigningKey.new()
    trust = metadata.sign(
        root,
        metadata.Trust(
            tenant="other", version=1, root=root.public, publishers=(Publisher(name="eve", key=key.public),)
        ),
    )
    site.world.console(lambda c: tenants.install_trust(c, "other", trust))
    site._sign_in("eve", "other", "publisher", key_id(key.public), key)
    outcome = site.world.publish()
    state = site.http.get(f"/v1/flows/{outcome.flow}", headers=site.headers("eve")).json()
    assert (state["version"], state["manifests"]) == (0, [])
    with pytest.raises(RefusedError, match="may not publish"):
        asyncio.run(PublisherClient(site.world.url, key, tenant="main").publish(_flow()))
    chunk = site.makers["one"].chunk(site.makers["one"].session(2), 1, 2, tenant="other")
    assert problem(site.upload("one", chunk)) == (403, "tenant")


def test_an_upload_is_acknowledged_once_and_then_a_duplicate(site: Site) -> None:
    maker = site.makers["one"]
    rows = maker.session(4, ended=True)
    first = site.upload("one", maker.chunk(rows, 1, 4)).json()
    again = site.upload("one", maker.chunk(rows, 1, 4)).json()
    assert (first["last"], first["dup"], again["dup"]) == (4, False, True)


def test_reordered_uploads_are_told_what_is_expected(site: Site) -> None:
    maker = site.makers["one"]
    rows = maker.session(6)
    answer = site.upload("one", maker.chunk(rows, 4, 6))
    assert problem(answer) == (409, "expect")
    assert answer.json()["expect"] == 1


@pytest.mark.parametrize("packer", ["", "zstd", "gzip"])
def test_uploads_may_be_packed(site: Site, packer: str) -> None:
    maker = site.makers["one"]
    data = msgspec.json.encode(maker.chunk(maker.session(3), 1, 3))
    packed = {"": data, "zstd": zstandard.ZstdCompressor().compress(data), "gzip": gzip.compress(data)}[
        packer
    ]
    headers = {"Content-Encoding": packer} if packer else {}
    assert site.upload("one", packed, **headers).status_code == 200


def test_bombs_and_the_oversized_are_refused(site: Site) -> None:
    plain = b"\0" * (64 * 1024 * 1024)
    zstd = {"Content-Encoding": "zstd"}
    assert problem(site.upload("one", zstandard.ZstdCompressor().compress(plain), **zstd)) == (
        413,
        "too_large",
    )
    assert problem(site.upload("one", gzip.compress(plain, 9), **{"Content-Encoding": "gzip"})) == (
        413,
        "too_large",
    )
    assert problem(site.upload("one", b" " * (LARGEST_UPLOAD + 1))) == (413, "too_large")
    assert site.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"tenant":1}']
)
@pytest.mark.parametrize(
    "path", ["/v1/ingest", "/v1/have", "/v1/enroll", "/v1/auth/challenge", "/v1/auth/token"]
)
def test_rubbish_is_refused_in_words(site: Site, path: str, body: bytes) -> None:
    assert problem(site.http.post(path, content=body, headers=site.headers("one"))) == (400, "malformed")


@pytest.mark.parametrize("cursor", ["x", "1.5", "", "9" * 400, "-5", "99999"])
def test_any_cursor_has_an_answer(site: Site, cursor: str) -> None:
    answer = site.http.get("/v1/sync", params={"cursor": cursor}, headers=site.headers("one"))
    assert answer.status_code in (200, 400)


def test_what_is_not_there_is_not_found(site: Site) -> None:
    assert problem(site.http.get("/v1/blobs/" + "0" * 64, headers=site.headers("one"))) == (404, "blob")
    assert problem(site.http.get("/v1/nothing"))[0] == 404
    assert site.http.get("/schema").status_code == 404


def test_a_forged_version_is_refused_by_the_server_too(site: Site) -> None:
    """Signed by a key that is on no list; and signed well, but about another document."""
    eve = SigningKey.new()
    with pytest.raises(RefusedError) as caught:
        asyncio.run(PublisherClient(site.world.url, eve).publish(_flow()))
    assert caught.value.status == 403
    client = PublisherClient(site.world.url, site.world.publisher)
    make = client._manifest
    client._manifest = lambda flow: (make(flow)[0], b"{}")  # type: ignore[method-assign]
    with pytest.raises(RefusedError) as caught:
        asyncio.run(client.publish(_flow()))
    assert (caught.value.status, caught.value.problem.code) == (422, "blob")


def test_a_poke_says_the_newest_cursor(site: Site) -> None:
    headers = site.headers("one")
    with connect(f"ws{site.world.url[4:]}/v1/push", additional_headers=headers) as socket:
        socket.send(msgspec.json.encode(Hello(cursor=-1)))
        first = msgspec.json.decode(socket.recv(10), type=Poke)
        outcome = site.world.publish()
        assert outcome.seats == 1
        second = msgspec.json.decode(socket.recv(10), type=Poke)
        assert (second.cursor, second.epoch) == (outcome.cursor, first.epoch)
        assert second.cursor > first.cursor


@pytest.mark.parametrize("who", ["", "anna"])
def test_the_websocket_needs_a_seats_token(site: Site, who: str) -> None:
    with pytest.raises(WebSocketException):
        connect(f"ws{site.world.url[4:]}/v1/push", additional_headers=site.headers(who))


@pytest.mark.parametrize("said", [b"", b"{", b'{"type":"other"}', b"x" * 100_000, "text"])
def test_rubbish_on_the_websocket_ends_it(site: Site, said: bytes | str) -> None:
    with connect(f"ws{site.world.url[4:]}/v1/push", additional_headers=site.headers("one")) as socket:
        socket.send(said)
        with pytest.raises(WebSocketException):
            [socket.recv(10) for _ in range(3)]
    assert site.http.get("/healthz").status_code == 200


def test_a_seat_that_is_shut_out_is_cut_off_within_seconds(site: Site) -> None:
    folder = site.world.enrol("leaver")
    with recorder(folder) as seat:
        name = seat.seat
        site._sign_in("leaver", "main", "seat", name, SigningKey(seat.link.sign_seed))
    with connect(f"ws{site.world.url[4:]}/v1/push", additional_headers=site.headers("leaver")) as socket:
        site.world.console(lambda c: tenants.revoke(c, "main", name))
        assert json.loads(socket.recv(10))["type"] == "revoke"
    answer = site.http.get("/v1/sync", headers=site.headers("leaver"))
    assert problem(answer) == (403, "seat_revoked")
    with pytest.raises(RefusedError, match="shut out"):
        site._sign_in("leaver", "main", "seat", name, SigningKey(b"x" * 32))


def test_a_flood_is_told_to_wait(site: Site) -> None:
    seen = set()
    for _ in range(400):
        answer = site.http.get("/v1/sync", headers=site.headers("two"))
        seen.add(answer.status_code)
        if answer.status_code == 429:
            assert float(answer.headers["Retry-After"]) >= 1
            assert answer.json()["retry_after"] > 0
            break
    assert seen == {200, 429}


def test_nothing_of_the_inside_is_told(site: Site) -> None:
    answer = site.http.get("/v1/sync", headers=site.headers("one"))
    assert "server" not in answer.headers
    holder = Holder(tenant="main", role="seat", subject="seat-none")
    assert "seat-none" not in site.http.post("/v1/auth/challenge", json=msgspec.to_builtins(holder)).text


def _flow() -> Flow:
    return load_file(SAMPLE)
