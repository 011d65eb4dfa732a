"""An asker's and a holder's way to the server: requests, approvals and lists go through it unread.

The list of key holders that the person has is the pin: one of another root, or an older one, is not
taken from any server.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TypeVar
from urllib.parse import quote

from halodesk.crypto import holders as h
from halodesk.crypto.holders import Holders
from halodesk.crypto.signing import SELF_TAG, SigningKey, holds
from halodesk.protocol import unseal as wire
from halodesk.protocol.sync import Identity, Role, SyncError
from halodesk.sync import address
from halodesk.sync.client import Credentials, ServerClient

Kind = TypeVar("Kind")


class UnsealClient:
    """Speaks as one person. Methods block; they raise as `ServerClient`, `SettingsError` for the address.

    `pinned` is the signed list the person has.
    """

    def __init__(
        self,
        url: str,
        key: SigningKey,
        *,
        role: Role,
        subject: str,
        tenant: str,
        pinned: bytes,
        authority: bytes = b"",
    ) -> None:
        self._url, self._tls = address.checked(url), address.trusting(authority)
        self._key, self._role, self._subject = key, role, subject
        self._tenant, self._pinned = tenant, pinned

    def sealed(self, session: str) -> wire.SealedFields:
        """The sealed values of a session that the server holds."""
        return asyncio.run(self._get(f"/v1/sealed/{quote(session, safe='')}", wire.SealedFields))

    def ask(self, request: bytes) -> wire.Taken:
        """Hand a signed request in."""
        return asyncio.run(self._post("/v1/unseal/requests", wire.Signed(data=request), wire.Taken))

    def waiting(self) -> wire.WaitingList:
        """Requests that wait for this holder."""
        return asyncio.run(self._get("/v1/unseal/requests", wire.WaitingList))

    def approve(self, request_id: str, approval: bytes) -> wire.Approved:
        """Hand a signed approval in."""
        path = f"{_path(request_id)}/shares"
        return asyncio.run(self._post(path, wire.Signed(data=approval), wire.Approved))

    def answer(self, request_id: str) -> wire.Answer:
        """What came of the own request."""
        return asyncio.run(self._post(f"{_path(request_id)}/answer", {}, wire.Answer))

    def opened(self, request_id: str, note: bytes) -> None:
        """Hand in the signed note that the value was opened."""
        asyncio.run(self._post(f"{_path(request_id)}/opened", wire.Signed(data=note), wire.Approved))

    def list_of(self, data: bytes) -> Holders:
        """The server's list of key holders, where it may take the place of the pinned one.

        Raises `MetadataError`.
        """
        return newest(self._pinned, data, tenant=self._tenant)

    async def _get(self, path: str, kind: type[Kind]) -> Kind:
        async with await self._signed_in() as client:
            return await client.get(path, kind)

    async def _post(self, path: str, message: object, kind: type[Kind]) -> Kind:
        async with await self._signed_in() as client:
            return await client.post(path, message, kind)

    async def _signed_in(self) -> ServerClient:
        nonce = secrets.token_hex(16)
        async with ServerClient(self._url, self._tls) as stranger:
            said = await stranger.ask_for("/v1/identity", Identity, tenant=self._tenant, nonce=nonce)
        if not holds(said.server_key, said.signature, SELF_TAG, nonce, said.trust):
            raise SyncError("The server does not prove who it is.", "Check the address.")
        who = Credentials(
            tenant=self._tenant,
            role=self._role,
            subject=self._subject,
            key=self._key,
            server_key=said.server_key,
        )
        return ServerClient(self._url, self._tls, who)


def newest(pinned: bytes, data: bytes, *, tenant: str) -> Holders:
    """The list that counts of the person's own and the server's. Raises `MetadataError`."""
    root = h.claimed_root(pinned)
    own = h.open_list(pinned, root=root, tenant=tenant)
    new = h.open_list(data, root=root, tenant=tenant, now=time.time())
    return new if h.check_newer(new, data, own, pinned) else own


def _path(request_id: str) -> str:
    return f"/v1/unseal/requests/{quote(request_id, safe='')}"
