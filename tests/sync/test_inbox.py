"""The inbox against a catalogue that is forged, old, damaged or cut off, without a network."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Manifest, Pointer, Publisher, Trust
from halodesk.crypto.signing import SigningKey
from halodesk.engine import flow as flows
from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow import Flow, Step
from halodesk.protocol.sync import CatalogueEvent, Problem, RefusedError, ServerAwayError, SyncPage
from halodesk.runtime.flow_files import load_file
from halodesk.store.sync_store import Link
from halodesk.sync.inbox import Inbox
from tests.sync.world import SAMPLE, Recorder, recorder

ROOT, ANNA, EVE = SigningKey.new(), SigningKey.new(), SigningKey.new()
BASE = load_file(SAMPLE)


def trust(version: int, *keys: SigningKey, root: SigningKey = ROOT) -> bytes:
    publishers = tuple(Publisher(name=f"p{n}", key=key.public) for n, key in enumerate(keys))
    return metadata.sign(root, Trust(tenant="main", version=version, root=root.public, publishers=publishers))


class FakeCatalogue:
    """A server with a catalogue a test writes by hand."""

    def __init__(self) -> None:
        self.events: list[CatalogueEvent] = []
        self.blobs: dict[str, bytes] = {}
        self.epoch = "one"
        self.page = 200
        self.fetched: list[str] = []

    async def get(self, path: str, kind: Any, **query: str | int) -> Any:
        cursor = int(query["cursor"])
        found = [event for event in self.events if event.cursor > cursor][: self.page]
        return SyncPage(
            cursor=found[-1].cursor if found else len(self.events),
            latest=len(self.events),
            epoch=self.epoch,
            events=tuple(found),
            min_schema=1,
            server_time=0.0,
        )

    async def post(self, path: str, message: object, kind: Any) -> Any:
        raise AssertionError(path)

    async def get_bytes(self, path: str) -> bytes:
        name = path.rpartition("/")[2]
        self.fetched.append(name)
        if name not in self.blobs:
            raise RefusedError(404, Problem(code="blob", message="There is no such document."))
        return self.blobs[name]

    def add(self, **what: Any) -> None:
        """Append an entry."""
        self.events.append(CatalogueEvent(cursor=len(self.events) + 1, **what))

    def publish(
        self,
        version: int,
        counter: int,
        *,
        key: SigningKey = ANNA,
        flow: Flow = BASE,
        manifest: dict[str, Any] | None = None,
        pointer: dict[str, Any] | None = None,
        pointer_key: SigningKey | None = None,
        document: bytes | None = None,
    ) -> CatalogueEvent:
        """Append a version and its pointer, with changes a test wants."""
        numbered = msgspec.structs.replace(flow, version=version)
        data = flows.dump(numbered)
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data if document is None else document
        made = Manifest(
            tenant="main",
            flow=flow.key,
            version=version,
            name=flow.name,
            blob=digest,
            content=flows.content_hash(numbered),
            size=len(data),
            min_engine=1,
            created_at=0.0,
        )
        made = msgspec.structs.replace(made, **(manifest or {}))
        points = Pointer(
            tenant="main", flow=made.flow, counter=counter, version=version, content=made.content, at=0.0
        )
        points = msgspec.structs.replace(points, **(pointer or {}))
        self.add(
            kind="flow",
            manifest=metadata.sign(key, made),
            pointer=metadata.sign(pointer_key or key, points),
        )
        return self.events[-1]


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Recorder]:
    with recorder(tmp_path) as made:
        link = Link(
            url="http://127.0.0.1:1",
            tenant="main",
            server_key=b"",
            root=ROOT.public,
            trust=trust(1, ANNA),
            sign_seed=b"",
            seal_seed=b"",
            enrolled=True,
        )
        made.store.sync.save_link(link).result(10)
        yield made


class Heard:
    """What the inbox said."""

    def __init__(self) -> None:
        self.flows: list[int] = []
        self.refused: list[HaloDeskError] = []

    @property
    def words(self) -> str:
        """All refusals."""
        return " ".join(str(error) for error in self.refused)


def inbox(seat: Recorder, server: FakeCatalogue, heard: Heard) -> Inbox:
    return Inbox(
        seat.store.sync,
        server,
        seat.link,
        on_flow=lambda flow: heard.flows.append(flow.version),
        on_refused=heard.refused.append,
    )


def sync(seat: Recorder, server: FakeCatalogue) -> Heard:
    heard = Heard()
    asyncio.run(inbox(seat, server, heard).sync())
    return heard


def version_in_force(seat: Recorder) -> int:
    installed = seat.store.sync.installed().get(BASE.key)
    return installed.version if installed else 0


def test_a_signed_version_is_installed_and_kept(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 10)
    heard = sync(seat, server)
    assert heard.flows == [1]
    assert heard.refused == []
    kept = flows.load(seat.store.sync.documents()[0])
    assert (kept.key, kept.version) == (BASE.key, 1)
    assert seat.link.cursor == 1
    assert sync(seat, server).flows == []


def test_only_the_newest_of_many_versions_is_fetched(seat: Recorder) -> None:
    server = FakeCatalogue()
    for version in range(1, 8):
        server.publish(version, version)
    assert sync(seat, server).flows == [7]
    assert len(server.fetched) == 1


def test_going_back_is_a_newer_pointer_and_needs_no_download(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 1)
    sync(seat, server)
    server.publish(2, 2)
    sync(seat, server)
    server.publish(1, 3)
    assert sync(seat, server).flows == [1]
    assert version_in_force(seat) == 1
    assert len(server.fetched) == 2


def test_a_forged_version_is_refused_and_those_after_it_are_taken(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 1)
    server.publish(2, 2, key=EVE)
    server.publish(3, 3, pointer_key=EVE)
    event = server.publish(4, 4)
    server.events[-1] = msgspec.structs.replace(event, manifest=event.manifest.replace(b"c", b"d", 3))
    server.add(kind="flow", manifest=b"junk", pointer=b"")
    server.add(kind="flow", manifest=b"\xff", pointer=b"\xff")
    server.add(kind="something-new")
    server.publish(5, 5)
    heard = sync(seat, server)
    assert heard.flows == [5]
    assert len(heard.refused) == 5
    assert "may not publish" in heard.words
    assert seat.link.cursor == 8


def test_an_older_counter_is_refused(seat: Recorder) -> None:
    """The replay of an old pointer, signed well, is how a server would bring back an old flow."""
    server = FakeCatalogue()
    old = server.publish(1, 10)
    sync(seat, server)
    server.publish(2, 20)
    sync(seat, server)
    server.add(kind="flow", manifest=old.manifest, pointer=old.pointer)
    heard = sync(seat, server)
    assert heard.flows == []
    assert "older pointer" in heard.words
    assert version_in_force(seat) == 2


def test_an_older_counter_in_the_same_answer_is_refused(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(2, 20)
    server.publish(1, 10)
    heard = sync(seat, server)
    assert heard.flows == [2]
    assert "older pointer" in heard.words


def test_the_same_counter_for_another_version_is_refused(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 10)
    sync(seat, server)
    server.publish(2, 10)
    heard = sync(seat, server)
    assert heard.flows == []
    assert heard.refused
    assert version_in_force(seat) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"document": b"{}"}, "not the one that was signed"),
        ({"manifest": {"content": "0" * 64}}, "another one than was signed"),
        ({"manifest": {"flow": "other-flow"}}, "another one than was signed"),
        ({"manifest": {"tenant": "other"}}, "another organisation"),
        ({"pointer": {"tenant": "other"}}, "another organisation"),
        ({"pointer": {"version": 9}}, "belong together"),
        ({"manifest": {"min_engine": 99}}, "newer HaloDesk"),
        (
            {"flow": msgspec.structs.replace(BASE, steps=(*BASE.steps, Step(key="x", type="hologram")))},
            "hologram",
        ),
    ],
)
def test_what_does_not_fit_its_signature_is_refused(
    seat: Recorder, changes: dict[str, Any], words: str
) -> None:
    server = FakeCatalogue()
    server.publish(1, 1, **changes)
    heard = sync(seat, server)
    assert heard.flows == []
    assert words in heard.words
    assert seat.store.sync.installed() == {}


def test_a_document_that_is_not_there_yet_is_asked_for_again(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 1)
    blobs, server.blobs = server.blobs, {}
    with pytest.raises(ServerAwayError):
        sync(seat, server)
    assert seat.link.cursor == 0
    server.blobs = blobs
    assert sync(seat, server).flows == [1]


def test_a_new_publisher_comes_with_a_list_the_root_signed(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.add(kind="trust", trust=trust(2, ANNA, EVE))
    server.publish(1, 1, key=EVE)
    heard = sync(seat, server)
    assert heard.flows == [1]
    assert metadata.open_trust(seat.link.trust, root=ROOT.public, tenant="main").version == 2


def test_a_publisher_that_was_removed_is_refused_from_then_on(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 1)
    server.add(kind="trust", trust=trust(2, EVE))
    server.publish(2, 2)
    heard = sync(seat, server)
    assert heard.flows == [1]
    assert "may not publish" in heard.words


@pytest.mark.parametrize(
    "made",
    [
        trust(2, EVE, root=EVE),
        trust(0, EVE),
        trust(1, EVE),
        b"junk",
        metadata.sign(ANNA, Trust(tenant="main", version=2, root=ROOT.public)),
        metadata.sign(ROOT, Trust(tenant="other", version=2, root=ROOT.public)),
    ],
)
def test_a_forged_or_older_list_of_publishers_is_refused(seat: Recorder, made: bytes) -> None:
    server = FakeCatalogue()
    server.add(kind="trust", trust=made)
    server.publish(1, 1, key=EVE)
    heard = sync(seat, server)
    assert heard.flows == []
    assert len(heard.refused) == 2
    assert seat.link.trust == msgspec.structs.replace(seat.link).trust
    assert (
        metadata.open_trust(seat.link.trust, root=ROOT.public, tenant="main").publishers[0].key == ANNA.public
    )


def test_many_pages_are_read_to_the_end(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.page = 3
    for version in range(1, 11):
        server.publish(version, version)
    heard = sync(seat, server)
    assert heard.flows == [3, 6, 9, 10]
    assert seat.link.cursor == 10


def test_a_change_of_history_reads_anew_without_false_alarms(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.page = 2
    for version in range(1, 6):
        server.publish(version, version)
    sync(seat, server)
    server.epoch = "two"
    heard = sync(seat, server)
    assert (heard.flows, heard.refused) == ([], [])
    assert version_in_force(seat) == 5


def test_a_server_that_lost_the_newest_version_does_not_take_it_back(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 1)
    server.publish(2, 2)
    sync(seat, server)
    server.events.pop()
    server.epoch = "two"
    heard = sync(seat, server)
    assert heard.flows == []
    assert version_in_force(seat) == 2
    server.publish(3, 3)
    assert sync(seat, server).flows == [3]


def test_a_newer_engine_looks_again_at_what_an_older_refused(seat: Recorder) -> None:
    server = FakeCatalogue()
    server.publish(1, 1)
    seat.store.sync.change_link(cursor=1, engine=12345, catalogue_epoch="one").result(10)
    assert sync(seat, server).flows == [1]


def test_a_poke_is_a_hint_and_a_lost_one_only_delays(seat: Recorder) -> None:
    server, heard, pauses = FakeCatalogue(), Heard(), []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def story() -> None:
        box = Inbox(
            seat.store.sync,
            server,
            seat.link,
            on_flow=lambda flow: heard.flows.append(flow.version),
            sleep=sleep,
        )
        box.policy = msgspec.structs.replace(box.policy, poll_s=0.2)
        task = asyncio.create_task(box.run())
        async with asyncio.timeout(10):
            server.publish(1, 1)
            while heard.flows != [1]:  # noqa: ASYNC110  # nobody pokes: the poll finds it
                await asyncio.sleep(0.01)
            box.policy = msgspec.structs.replace(box.policy, poll_s=3600.0)
            await asyncio.sleep(0.5)
            server.publish(2, 2)
            box.wake()
            while heard.flows != [1, 2]:  # noqa: ASYNC110  # nobody pokes: the poll finds it
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())
    assert pauses == []
