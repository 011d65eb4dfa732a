"""Makes a seat known to its server, once.

Rules:
- The keys are made here and kept before the server is asked: where its answer is lost, asking
  again with the same token and the same keys gives the same answer.
- The token ends in the fingerprint of the server's key and the tenant's root. The seat has the
  server prove the one and show the other before it says the token, and pins both.
- A seat has one server. Another one needs an empty data folder: it is another seat.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from halodesk.crypto import metadata
from halodesk.crypto.signing import ENROL_TAG, SELF_TAG, SigningKey, holds, key_id
from halodesk.protocol.sync import EnrolAnswer, EnrolRequest, Identity, SyncError
from halodesk.store.sync_store import Link, SyncStore
from halodesk.sync import address
from halodesk.sync.client import ServerClient

_ASK_IT = "Ask IT for a new token."


async def enrol(store: SyncStore, url: str, token: str, *, name: str = "", authority: bytes = b"") -> Link:
    """Enrol this seat; the link that is kept.

    `authority`: PEM of the only authority whose certificate the server may have. Raises
    `SettingsError` (the address), `SyncError` and `RefusedError` (the token, the server),
    `ServerAwayError`.
    """
    url = address.checked(url)
    tls = address.trusting(authority)
    before = await asyncio.to_thread(store.link)
    if before is not None and before.enrolled:
        raise SyncError(
            f"This seat is enrolled already, with {before.url}.",
            "Another server needs an empty data folder: it is another seat.",
        )
    secret, _, fingerprint = token.strip().partition(".")
    if not secret or len(fingerprint) != 32:
        raise SyncError("This is no enrolment token.", _ASK_IT)
    seat = await asyncio.to_thread(store.seat)
    async with ServerClient(url, tls) as client:
        server_key, trust = await _identity(client, secret, fingerprint)
        link = Link(
            url=url,
            authority=authority,
            server_key=server_key,
            root=metadata.claimed_root(trust),
            trust=trust,
            sign_seed=before.sign_seed if before else await asyncio.to_thread(store.sign_seed),
            seal_seed=before.seal_seed if before else X25519PrivateKey.generate().private_bytes_raw(),
        )
        await asyncio.wrap_future(store.save_link(link))
        answer = await client.ask("/v1/enroll", _request(token.strip(), seat, name, link), EnrolAnswer)
    metadata.open_trust(trust, root=link.root, tenant=answer.tenant)
    link = msgspec.structs.replace(
        link,
        tenant=answer.tenant,
        team=answer.team,
        policy=msgspec.json.encode(answer.policy),
        enrolled=True,
    )
    await asyncio.wrap_future(store.save_link(link))
    return link


async def _identity(client: ServerClient, secret: str, fingerprint: str) -> tuple[bytes, bytes]:
    """The server's key and the signed list of publishers, as the token's fingerprint wants them."""
    nonce = secrets.token_hex(16)
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    said = await client.ask_for("/v1/identity", Identity, token=hashed, nonce=nonce)
    proven = holds(said.server_key, said.signature, SELF_TAG, nonce, said.trust)
    if not proven or key_id(said.server_key + metadata.claimed_root(said.trust)) != fingerprint:
        raise SyncError(
            "This is not the server the token was made by.", "Check the address, and tell IT if it is right."
        )
    return said.server_key, said.trust


def _request(token: str, seat: str, name: str, link: Link) -> EnrolRequest:
    key = SigningKey(link.sign_seed)
    seal_key = X25519PrivateKey.from_private_bytes(link.seal_seed).public_key().public_bytes_raw()
    return EnrolRequest(
        token=token,
        seat=seat,
        name=name,
        sign_key=key.public,
        seal_key=seal_key,
        proof=key.sign(ENROL_TAG, token, seat, key.public, seal_key),
    )
