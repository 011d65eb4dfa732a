"""People of a ceremony who speak to a real server: what each may do, each with the own key."""

from __future__ import annotations

import base64
import time
from typing import Any

from msgspec.structs import replace

from halodesk.crypto import ceremony
from halodesk.crypto.holder_file import HolderKeys
from halodesk.crypto.holders import DAYS, Asker
from halodesk.crypto.personal_keys import ROOT
from halodesk.crypto.signing import SigningKey, key_id
from halodesk.engine import events as e
from halodesk.engine.sealed import value_of
from halodesk.server import unseal
from halodesk.sync.unsealing import UnsealClient
from tests.fakes.holders import DAY, Circle
from tests.sync.world import World

REASON = "Refund 4711, asked for in writing."


class Parlour:
    """A server whose root has named a circle of holders."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.circle = Circle()
        self.circle.root = world.keys.load(ROOT)
        now = time.time()
        self.circle.list = replace(
            self.circle.list, root=self.circle.root.public, issued_at=now, expires_at=now + DAYS * DAY
        )
        self.install()

    def install(self) -> None:
        """The circle's list at the server."""
        data = self.circle.data
        self.world.console(lambda connection: unseal.install_list(connection, "main", data))

    def asker(self, key: SigningKey | None = None) -> UnsealClient:
        key = key or self.circle.asker
        return self._client(key, "asker", key_id(key.public))

    def holder(self, keys: HolderKeys) -> UnsealClient:
        return self._client(keys.signing, "holder", keys.public.kid)

    def _client(self, key: SigningKey, role: Any, subject: str) -> UnsealClient:
        return UnsealClient(
            self.world.url, key, role=role, subject=subject, tenant="main", pinned=self.circle.data
        )

    def request(self, key: SigningKey | None = None, **values: Any) -> tuple[str, bytes, bytes]:
        """Id, signed request and private key of a new one, not handed in yet."""
        circle = self.circle
        asked, data, private = ceremony.ask(
            key or circle.asker, circle.place, circle.seal(), REASON, now=values.pop("now", time.time())
        )
        return asked.id, data, private

    def approve(self, keys: HolderKeys, data: bytes) -> bytes:
        return ceremony.approve(data, self.circle.list, keys, now=time.time())

    def two_askers(self) -> SigningKey:
        """Anna may ask, too, from now on: with her own name."""
        key = SigningKey.new()
        anna = Asker(name="anna-asks", owner="Anna Albers", key=key.public)
        self.circle.change(askers=(*self.circle.list.askers, anna))
        self.install()
        return key

    def audit(self) -> list[tuple[str, str, str]]:
        """Action, subject and detail of each row that tells of sealed values."""
        from halodesk.server import audit

        def job(connection: Any) -> Any:
            assert audit.broken_at(connection, "main") is None
            return audit.entries(connection, "main")

        rows = self.world.console(job)
        return [(row.action, row.subject, row.detail) for row in rows if row.action.startswith("unseal")]


def sealed_session(circle: Circle, session: str) -> list[e.AnyEvent]:
    """A short session with a sealed value that belongs to it."""
    from tests.server.pieces import some_events

    circle.place = replace(circle.place, session=session, version=3)
    value = value_of(base64.b64encode(circle.seal()).decode(), circle.list.pair)
    started, *rest = some_events(4, flow_hash=circle.place.flow_hash)
    return [started, e.AnswerGiven(step="ids", field="ssn", value=value), *rest]
