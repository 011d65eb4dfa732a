"""Keeps a phone process at the seat's side: attaches or starts it, registers, starts it again.

Rules:
- Io thread only, but for `send` and `client`.
- A phone that died is started again masked; the desk lifts that when it knows that no
  sensitive page is open.
- The accounts are registered on every attach; the phone ignores what it already has.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import structlog

from halodesk.engine.errors import PhoneAwayError, PhoneError, PhoneRefusedError
from halodesk.protocol.phone_link import (
    Account,
    Capabilities,
    Notice,
    Register,
    Registration,
    Reply,
    Request,
    Snapshot,
)
from halodesk.sip.client import PhoneClient

_log = structlog.get_logger("phone_keeper")

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0


class PhoneKeeper:
    """`argv` makes the phone's command line from whether it must start masked."""

    def __init__(
        self,
        *,
        data_dir: Path,
        argv: Callable[[bool], Sequence[str]],
        accounts: Sequence[Account],
        loop: asyncio.AbstractEventLoop,
        on_attached: Callable[[Snapshot, Capabilities], None],
        on_notice: Callable[[Notice], None],
        on_away: Callable[[PhoneError], None],
    ) -> None:
        self._data_dir, self._argv, self._accounts, self._loop = data_dir, argv, tuple(accounts), loop
        self._on_attached, self._on_notice, self._on_away = on_attached, on_notice, on_away
        self._client: PhoneClient | None = None
        self._restart = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> PhoneClient | None:
        """The attached phone, or None while it is away."""
        return self._client

    @property
    def leases(self) -> tuple[str, ...]:
        """Mask leases our own recorder holds."""
        client = self._client
        return client.snapshot.leases if client is not None else ()

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """What the phone last said of its accounts."""
        client = self._client
        return client.snapshot.registrations if client is not None else ()

    def start(self) -> None:
        """Begin; on the io thread."""
        self._task = self._loop.create_task(self._keep())

    def send(self, request: Request) -> Future[Reply]:
        """From any thread: ask the phone."""
        return asyncio.run_coroutine_threadsafe(self._send(request), self._loop)

    async def close(self, *, quit_phone: bool) -> None:
        """Detach; with `quit_phone` the phone ends its calls and leaves."""
        if self._task is not None:
            self._task.cancel()
        client, self._client = self._client, None
        if client is None:
            return
        if quit_phone:
            await client.quit()
        else:
            await client.close()

    async def _send(self, request: Request) -> Reply:
        if self._client is None:
            raise PhoneAwayError("The phone is away.", "Wait: HaloDesk starts it again by itself.")
        return await self._client.request(request)

    async def _keep(self) -> None:
        masked, wait = False, FIRST_WAIT_S
        while True:
            self._restart.clear()
            try:
                client = await PhoneClient.attach_or_start(
                    self._data_dir, argv=self._argv(masked), on_notice=self._on_notice, on_away=self._lost
                )
                self._client = client
                for account in self._accounts:
                    await self._register(client, account)
                self._on_attached(client.snapshot, client.capabilities)
            except PhoneError as error:
                _log.warning("phone_not_there", reason=error.message)
                self._client = None
                self._on_away(error)
                await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311  # jitter, no secret
                wait = min(wait * 2, LONGEST_WAIT_S)
                continue
            wait = FIRST_WAIT_S
            await self._restart.wait()
            masked = True

    async def _register(self, client: PhoneClient, account: Account) -> None:
        try:
            await client.request(Register(account=account))
        except PhoneRefusedError as refusal:  # one line that cannot be is no reason to do without the others
            _log.warning("account_refused", account=account.key, reason=refusal.message)

    def _lost(self, error: PhoneAwayError) -> None:
        _log.warning("phone_lost", reason=error.message)
        self._client = None
        self._on_away(error)
        self._restart.set()
