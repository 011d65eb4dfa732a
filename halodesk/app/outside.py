"""What flows reach outside the seat: gateways, web services and pages, mail, lists, postal codes.

Settings name each; the module of a connector reads its own part of them. A kind that is not set up
is None: its effects fail, in words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from halodesk.app.gateways import open_gateways
from halodesk.connectors.browser_proxy import BrowserProxy, Upstream
from halodesk.connectors.data_sources import DataSources
from halodesk.connectors.data_sources.provider import DataConnection
from halodesk.connectors.email.post import MailPost
from halodesk.connectors.email.provider import MailAccount
from halodesk.connectors.email.queue import MailQueue
from halodesk.connectors.http_call import HttpConnection, HttpConnections
from halodesk.connectors.zip import ZipBook
from halodesk.crypto.keystore import load_key
from halodesk.engine.errors import SettingsError
from halodesk.runtime.payment_ports import PaymentGateway
from halodesk.runtime.ports import Clock
from halodesk.runtime.settings import Settings

Part = TypeVar("Part")

MAIL_S = 60.0
"""How often letters that wait are looked at."""


class Outside:
    """All of it. Raises `SettingsError`, `StoreKeyError` in words.

    `mail_given_up` hears, on the io loop, of each letter that waited and will not be sent.
    """

    def __init__(
        self, settings: Settings, folder: Path, clock: Clock, mail_given_up: Callable[[str, str], None]
    ) -> None:
        self.gateways: Mapping[str, PaymentGateway] = open_gateways(settings.gateways)
        connections = _read("connections", settings.connections, HttpConnection)
        self.http = HttpConnections(connections) if connections else None
        sources = _read("data", settings.data, DataConnection)
        self.data = DataSources(sources) if sources else None
        self.zips = ZipBook(folder)
        self.browser_proxy = BrowserProxy(_upstream(settings.browser_proxy))
        accounts = _read("mail", settings.mail, MailAccount)
        self.mail: MailPost | None = None
        if accounts:
            queue = MailQueue(folder, load_key(folder, "mail")[0])
            self.mail = MailPost(accounts, queue, clock, given_up=mail_given_up)
        self._delivering: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send by and by what waited since the last time; io loop only."""
        if self.mail is not None:
            self._delivering = asyncio.get_running_loop().create_task(_deliver(self.mail))

    async def close(self) -> None:
        """Let go; letters that wait stay on disk."""
        if self._delivering is not None:
            self._delivering.cancel()
            await asyncio.wait([self._delivering])
        await self.browser_proxy.close()


async def _deliver(mail: MailPost) -> None:
    while True:
        await mail.deliver()
        await asyncio.sleep(MAIL_S)


def _upstream(address: str) -> Upstream | None:
    try:
        return Upstream.of(address)
    except ValueError as error:
        raise SettingsError(f"browser_proxy cannot be used: {error}.", "Correct it.") from None


def _read(name: str, given: Sequence[dict[str, Any]], kind: type[Part]) -> list[Part]:
    try:
        return [msgspec.convert(one, kind) for one in given]
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"`{name}` in the settings: {error}.", "See docs/it.md for every setting."
        ) from None
