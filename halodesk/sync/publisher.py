"""A publisher's side of the catalogue: sign a version, have the server take it."""

from __future__ import annotations

import hashlib
import secrets
import time
from urllib.parse import quote

import msgspec

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Manifest, Pointer
from halodesk.crypto.signing import SELF_TAG, SigningKey, holds, key_id
from halodesk.engine import flow as flows
from halodesk.engine.flow import Flow
from halodesk.protocol.sync import (
    FlowState,
    Identity,
    Publish,
    Published,
    RefusedError,
    ServerAwayError,
    SyncError,
)
from halodesk.sync import address
from halodesk.sync.client import Credentials, ServerClient

_TRIES = 3


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was published. `seats` were connected at that moment and are being told."""

    flow: str
    version: int
    content: str
    counter: int
    cursor: int
    seats: int


class PublisherClient:
    """Publishes as the owner of `key`. Raises as `ServerClient`, and `SettingsError` for the address."""

    def __init__(self, url: str, key: SigningKey, *, tenant: str = "main", authority: bytes = b"") -> None:
        self._url, self._tls = address.checked(url), address.trusting(authority)
        self._key, self._tenant = key, tenant

    async def publish(self, flow: Flow) -> Outcome:
        """Sign the flow as its next version, and have seats begin new sessions on it."""
        async with await self._signed_in() as client:
            for _ in range(_TRIES):
                state = await client.get(_address(flow.key), FlowState)
                numbered = msgspec.structs.replace(flow, version=state.version + 1)
                manifest, document = self._manifest(numbered)
                try:
                    return await self._point(client, state, manifest, self._sign(manifest), document)
                except RefusedError as refusal:
                    if refusal.status != 409:
                        raise
        raise ServerAwayError("Others publish this flow at the same moment.", "Publish again.")

    async def rollback(self, flow: str, version: int) -> Outcome:
        """Have seats begin new sessions on an old version. Raises `SyncError` when there is none."""
        async with await self._signed_in() as client:
            state = await client.get(_address(flow), FlowState)
            trust = metadata.open_trust(
                self._trust, root=metadata.claimed_root(self._trust), tenant=self._tenant
            )
            for data in state.manifests:
                manifest = metadata.open_manifest(data, trust)
                if manifest.version == version:
                    return await self._point(client, state, manifest, data, b"")
        raise SyncError(f"{flow} has no version {version} on the server.")

    async def _signed_in(self) -> ServerClient:
        nonce = secrets.token_hex(16)
        async with ServerClient(self._url, self._tls) as stranger:
            said = await stranger.ask_for("/v1/identity", Identity, tenant=self._tenant, nonce=nonce)
        if not holds(said.server_key, said.signature, SELF_TAG, nonce, said.trust):
            raise SyncError("The server does not prove who it is.", "Check the address.")
        self._trust = said.trust
        who = Credentials(
            tenant=self._tenant,
            role="publisher",
            subject=key_id(self._key.public),
            key=self._key,
            server_key=said.server_key,
        )
        return ServerClient(self._url, self._tls, who)

    def _manifest(self, flow: Flow) -> tuple[Manifest, bytes]:
        document = flows.dump(flow)
        manifest = Manifest(
            tenant=self._tenant,
            flow=flow.key,
            version=flow.version,
            name=flow.name,
            blob=hashlib.sha256(document).hexdigest(),
            content=flows.content_hash(flow),
            size=len(document),
            min_engine=flow.schema,
            created_at=time.time(),
        )
        return manifest, document

    def _sign(self, body: Manifest | Pointer) -> bytes:
        return metadata.sign(self._key, body)

    async def _point(
        self, client: ServerClient, state: FlowState, manifest: Manifest, signed: bytes, document: bytes
    ) -> Outcome:
        # Of the clock, so that a counter stays ahead of pointers a restored server has forgotten.
        counter = max(state.counter + 1, int(time.time() * 1000))
        pointer = Pointer(
            tenant=self._tenant,
            flow=manifest.flow,
            counter=counter,
            version=manifest.version,
            content=manifest.content,
            at=time.time(),
        )
        asked = Publish(manifest=signed, pointer=self._sign(pointer), document=document)
        done = await client.post(f"{_address(manifest.flow)}/versions", asked, Published)
        return Outcome(
            flow=manifest.flow,
            version=manifest.version,
            content=manifest.content,
            counter=counter,
            cursor=done.cursor,
            seats=done.seats,
        )


def _address(flow: str) -> str:
    return f"/v1/flows/{quote(flow, safe='')}"
