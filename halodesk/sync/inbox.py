"""Takes new versions of flows from the server; believes only what a trusted publisher signed.

Rules:
- The cursor is the truth, a poke only a reason to ask. The cursor is kept after what came with it.
- A list of publishers must be signed by the root this seat pinned when it enrolled, and be newer.
- A version must be signed by a publisher of that list, its document must have the signed hash, and
  its pointer a greater counter than the one in force: an old one, however well signed, is refused.
- What is refused is told and passed over; it never stops what comes after it.
- A version only joins the flows that new sessions begin on. A running session keeps its own.
- After a change of the server's history, or of our own engine, the catalogue is read from its
  beginning: counters make that harmless.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from halodesk.crypto import metadata
from halodesk.crypto.holders import OlderListError
from halodesk.crypto.metadata import Manifest, MetadataError, Pointer
from halodesk.engine import flow as flows
from halodesk.engine.errors import DocumentError, HaloDeskError
from halodesk.engine.flow import Flow
from halodesk.engine.registry import field_types, step_types
from halodesk.protocol.sync import CatalogueEvent, Policy, RefusedError, ServerAwayError, SyncError, SyncPage
from halodesk.store.sync_store import Link
from halodesk.sync import pace
from halodesk.sync.ports import InboxStore, OnFlow, Server

ENGINE = flows.SCHEMA
"""What this seat can run: the newest schema of a flow document."""
KINDS = ("flow", "holders", "trust")
"""What it takes of the catalogue; it passes over the rest, and asks again once it knows more."""


def engine_print() -> int:
    """Changes with all that decides what this seat can run, so that refused versions are tried again."""
    return zlib.crc32(repr((ENGINE, KINDS, sorted(step_types()), sorted(field_types()))).encode())


_log = structlog.get_logger("inbox")


class Inbox:
    """Run `run` as a task of the loop that `server` belongs to; `wake` on that loop.

    `on_flow` hears of a version once it is on disk, `on_holders` of each list of key holders (off the
    loop; it raises `MetadataError` for one that it does not take), `on_refused` of what was refused,
    in words, `on_epoch` of the server's history, `on_back` that the server answers again.
    """

    def __init__(
        self,
        store: InboxStore,
        server: Server,
        link: Link,
        *,
        on_flow: OnFlow,
        on_refused: Callable[[HaloDeskError], None] = lambda error: None,
        on_holders: Callable[[bytes], None] = lambda data: None,
        on_epoch: Callable[[str], None] = lambda epoch: None,
        on_back: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        between: pace.Chance = pace.chance,
    ) -> None:
        self._store, self._server = store, server
        self._on_flow, self._on_refused, self._on_epoch = on_flow, on_refused, on_epoch
        self._on_back, self._on_holders = on_back, on_holders
        self._sleep, self._between = sleep, between
        self._patience = pace.Patience(sleep, between)
        self._root, self._trust_bytes = link.root, link.trust
        self._trust = metadata.open_trust(link.trust, root=link.root, tenant=link.tenant)
        self._epoch = link.catalogue_epoch
        self.cursor = link.cursor if link.engine == engine_print() else 0
        self.policy = Policy()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something new."""
        self._wake.set()

    def retry(self) -> None:
        """The server may be there again."""
        self._patience.end()

    async def run(self) -> None:
        """Ask when woken, and each minute by itself, until cancelled."""
        failures = 0
        while True:
            self._wake.clear()
            self._patience.fresh()
            try:
                await self.sync()
                failures = pace.back(failures, self._on_back)
                await self._rest(pace.jittered(self.policy.poll_s, between=self._between))
            except ServerAwayError as away:
                failures += 1
                await self._patience.wait(pace.delay(failures, away.retry_after, between=self._between))
            except RefusedError as refusal:  # the outbox tells it, with what to do
                _log.error("seat_refused", code=refusal.problem.code)
                await self._sleep(pace.jittered(5 * self.policy.poll_s, between=self._between))

    async def sync(self) -> None:
        """Read on from the cursor to the end. Raises `ServerAwayError`, `RefusedError`."""
        page = await self._page()
        if page.epoch != self._epoch:
            self.cursor = 0
            page = await self._page()
            self._epoch = page.epoch
        self._on_epoch(page.epoch)
        again = self.cursor == 0
        while True:
            await self._take(page.events, again=again)
            if page.cursor != self.cursor or page.events:
                self.cursor = page.cursor
                await asyncio.wrap_future(
                    self._store.change_link(
                        cursor=page.cursor, catalogue_epoch=page.epoch, engine=engine_print()
                    )
                )
            if page.cursor >= page.latest or not page.events:
                return
            page = await self._page()

    async def _page(self) -> SyncPage:
        return await self._server.get("/v1/sync", SyncPage, cursor=self.cursor)

    async def _take(self, events: Sequence[CatalogueEvent], *, again: bool) -> None:
        newest: dict[str, tuple[Manifest, Pointer, CatalogueEvent]] = {}
        for event in events:
            try:
                if event.kind == "holders":
                    await self._holders_anew(event.trust, again=again)
                elif event.kind == "trust":
                    await self._trust_anew(event.trust)
                elif event.kind == "flow":
                    manifest, pointer = self._proven(event)
                    before = newest.get(pointer.flow)
                    if before is not None and pointer.counter <= before[1].counter:
                        raise _older(pointer)
                    newest[pointer.flow] = manifest, pointer, event
            except (MetadataError, SyncError) as error:
                self._refuse(error)
        for manifest, pointer, event in newest.values():
            try:
                await self._install(manifest, pointer, event, again=again)
            except ServerAwayError:
                raise  # the cursor stays: it is asked for again
            except (MetadataError, SyncError, DocumentError) as error:
                self._refuse(error)

    async def _trust_anew(self, data: bytes) -> None:
        new = metadata.open_trust(data, root=self._root, tenant=self._trust.tenant)
        if new.version < self._trust.version:
            raise SyncError("An older list of publishers was sent; it is not taken.", "Tell IT.")
        if new.version == self._trust.version:
            if data != self._trust_bytes:
                raise SyncError("Two lists of publishers have the same number.", "Tell IT.")
            return
        await asyncio.wrap_future(self._store.change_link(trust=data))
        self._trust, self._trust_bytes = new, data

    async def _holders_anew(self, data: bytes, *, again: bool) -> None:
        try:
            await asyncio.to_thread(self._on_holders, data)
        except OlderListError:
            if not again:  # else it is the past, read once more
                raise

    def _proven(self, event: CatalogueEvent) -> tuple[Manifest, Pointer]:
        manifest = metadata.open_manifest(event.manifest, self._trust)
        pointer = metadata.open_pointer(event.pointer, self._trust)
        metadata.check_pair(manifest, pointer)
        return manifest, pointer

    async def _install(
        self, manifest: Manifest, pointer: Pointer, event: CatalogueEvent, *, again: bool
    ) -> None:
        installed = (await asyncio.to_thread(self._store.installed)).get(pointer.flow)
        if installed is not None and installed.pointer == event.pointer:
            return
        if installed is not None and pointer.counter <= installed.counter:
            if again and pointer.counter < installed.counter:
                return  # the past, read once more
            raise _older(pointer)
        if manifest.min_engine > ENGINE:
            raise SyncError(
                f"Version {manifest.version} of {manifest.name} needs a newer HaloDesk.", "Update this seat."
            )
        flow = flows.load(await self._document(manifest))
        _check(flow, manifest)
        taken = await asyncio.wrap_future(
            self._store.install(flow, counter=pointer.counter, manifest=event.manifest, pointer=event.pointer)
        )
        if taken:
            _log.info("flow_installed", kind=flow.key, version=flow.version)
            self._on_flow(flow)

    async def _document(self, manifest: Manifest) -> bytes:
        kept = await asyncio.to_thread(self._store.document, manifest.content)
        if kept is not None:
            return kept
        try:
            data = await self._server.get_bytes(f"/v1/blobs/{manifest.blob}")
        except RefusedError as refusal:
            raise ServerAwayError(refusal.message, "It is asked for again.") from None
        if hashlib.sha256(data).hexdigest() != manifest.blob:
            raise MetadataError(
                f"The document of {manifest.name} is not the one that was signed.", "Tell IT."
            )
        return data

    def _refuse(self, error: HaloDeskError) -> None:
        _log.error("catalogue_refused", error=type(error).__name__, reason=error.message)
        self._on_refused(error)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass


def _older(pointer: Pointer) -> SyncError:
    return SyncError(
        f"An older pointer of {pointer.flow} was sent again; it is not taken.",
        "Somebody may want an old version to run. Tell IT.",
    )


def _check(flow: Flow, manifest: Manifest) -> None:
    said = (flow.key, flow.version, flows.content_hash(flow))
    if said != (manifest.flow, manifest.version, manifest.content):
        raise MetadataError(f"The document of {manifest.name} is another one than was signed.", "Tell IT.")
    unknown = {step.type for step in flow.every_step()} - set(step_types())
    unknown |= {field.type for step in flow.every_step() for field in step.fields} - set(field_types())
    if unknown:
        raise SyncError(
            f"Version {flow.version} of {flow.name} uses what this HaloDesk does not know: "
            f"{', '.join(sorted(unknown))}.",
            "Update this seat.",
        )
