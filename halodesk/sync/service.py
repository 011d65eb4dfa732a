"""Everything between an enrolled seat and its server, as one task of the io loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec
import structlog

from halodesk.crypto.signing import SigningKey
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol.sync import Poke, Policy, RefusedError
from halodesk.runtime.ports import SyncState
from halodesk.store.sync_store import Link, SyncStore
from halodesk.sync import address, pace
from halodesk.sync.call_orders import CallOrders, OnOrder
from halodesk.sync.client import Credentials, ServerClient
from halodesk.sync.inbox import Inbox
from halodesk.sync.outbox import Outbox
from halodesk.sync.ports import OnFlow, OnState
from halodesk.sync.push import Push

RESTART_S = 10.0
REPORTS_S = 1.0
"""At its end a seat waits so long for what it still has to say of calls that were ordered."""
GATHER_S = 0.25
"""What is written within this is sent together."""

_log = structlog.get_logger("sync")


class SyncService:
    """Sends sessions up, takes flows down.

    Make it anywhere, run `run` on the io loop. All listeners are called on that loop: `on_flow`
    for a version that new sessions shall begin on, `on_refused` for one that was refused, in
    words, `on_state` for the status bar; `on_holders`, which keeps a new list of key holders or raises
    `MetadataError`, is called off it. `on_order` hears of a call to make;
    None: this seat makes none. Raises `SettingsError` when the pinned authority cannot be read,
    `MetadataError` when the pinned list of publishers is damaged.
    """

    def __init__(
        self,
        store: SyncStore,
        link: Link,
        *,
        seat: str,
        on_flow: OnFlow,
        on_state: OnState = lambda state: None,
        on_refused: Callable[[HaloDeskError], None] = lambda error: None,
        on_holders: Callable[[bytes], None] = lambda data: None,
        on_order: OnOrder | None = None,
    ) -> None:
        self._store, self._link, self._on_state = store, link, on_state
        tls = address.trusting(link.authority)
        self._client = ServerClient(link.url, tls, credentials_of(link, seat), on_policy=self._policy_given)
        self.outbox = Outbox(store, self._client, link, seat=seat, on_state=on_state, on_back=self.retry)
        self.inbox = Inbox(
            store,
            self._client,
            link,
            on_flow=on_flow,
            on_refused=on_refused,
            on_holders=on_holders,
            on_epoch=self.outbox.epoch_seen,
            on_back=self.retry,
        )
        self.push = Push(
            link.url,
            tls,
            self._client,
            cursor=lambda: self.inbox.cursor,
            on_poke=self._poked,
            on_revoked=self._revoked,
            on_back=self.retry,
        )
        self.orders = CallOrders(self._client, on_order=on_order)
        self._follow(msgspec.json.decode(link.policy, type=Policy))
        self._gathering: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run until `close`; io loop only."""
        self._running = asyncio.get_running_loop().create_task(self.run())

    async def close(self) -> None:
        """Stop, after a moment for reports of calls; what is not sent waits in the log for the next start."""
        if self._gathering is not None:
            self._gathering.cancel()
        if self._running is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORTS_S):
                    await self.orders.sent()
            self._running.cancel()
            await asyncio.wait([self._running])

    def wake(self) -> None:
        """Something was written to the log; io loop only."""
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self.outbox.wake()

    def retry(self) -> None:
        """The machine woke, its network changed, or a part reached the server: all try now. Io loop only."""
        for part in (self.outbox, self.inbox, self.push, self.orders):
            part.retry()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self.outbox, self.inbox, self.push, self.orders):
                    tasks.create_task(self._keep_up(part))
        finally:
            await self._client.close()

    async def _keep_up(self, part: Outbox | Inbox | Push | CallOrders) -> None:
        """A failure of our own, of the disk say, must not end a part for the day."""
        while True:
            try:
                await part.run()
            except Exception as error:
                _log.exception("sync_failed", kind=type(part).__name__, error=type(error).__name__)
                await asyncio.sleep(pace.jittered(RESTART_S))

    async def once(self) -> None:
        """Send all there is and take all there is, then stop. Raises `ServerAwayError`, `RefusedError`."""
        try:
            await self.inbox.sync()
            await self.outbox.drain()
        finally:
            await self._client.close()

    def _policy_given(self, policy: Policy) -> None:
        self._follow(policy)
        data = msgspec.json.encode(policy)
        if data != self._link.policy:
            self._link = msgspec.structs.replace(self._link, policy=data)
            self._store.change_link(policy=data)

    def _follow(self, policy: Policy) -> None:
        self.outbox.policy = self.inbox.policy = self.orders.policy = policy

    def _poked(self, poke: Poke) -> None:
        self.outbox.epoch_seen(poke.epoch)
        self.inbox.wake()
        if poke.orders:
            self.orders.wake()

    def _revoked(self, refusal: RefusedError) -> None:
        self._on_state(SyncState(state="trouble", message=refusal.message, todo=refusal.todo))


def credentials_of(link: Link, seat: str) -> Credentials:
    """What an enrolled seat signs in with."""
    return Credentials(
        tenant=link.tenant,
        role="seat",
        subject=seat,
        key=SigningKey(link.sign_seed),
        server_key=link.server_key,
    )
