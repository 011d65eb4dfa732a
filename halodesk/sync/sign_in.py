"""Asks the server about a person: who it lets in may sign in without it for a while."""

from __future__ import annotations

from halodesk.protocol.sync import SignedIn, SignIn
from halodesk.store.sync_store import Link
from halodesk.sync import address
from halodesk.sync.client import ServerClient
from halodesk.sync.service import credentials_of

TIMEOUT_S = 4.0
"""Somebody stands before the screen, perhaps with a call."""


async def ask(link: Link, seat: str, name: str, password: str) -> SignedIn:
    """The server's word. Raises `RefusedError` (it said no), `ServerAwayError`, `SettingsError`."""
    tls = address.trusting(link.authority)
    async with ServerClient(link.url, tls, credentials_of(link, seat), timeout_s=TIMEOUT_S) as client:
        return await client.post("/v1/sign-in", SignIn(name=name, password=password), SignedIn)
