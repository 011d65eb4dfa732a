"""Sends the log of this seat to its server: what happened there, there once, in order.

Rules:
- The log itself is the queue: a piece is read after the acknowledged event, sent, and the
  acknowledgement kept. Nothing is ever dropped; a server that is away for a day delays.
- Sessions take turns, one piece each, so that a long one does not hold up the others.
- An acknowledgement counts only with the server's signature over that very head.
- 409: the server names the event it expects. Where our own head before it is the server's, we go
  on from there (back or forth); else the session has two histories.
- 422, and a session that is another seat's: put aside for good, with words for IT; the others go on.
- 413: half of it. 429, 503 or no answer: wait as asked, and at random up to a minute more; `retry`
  ends that wait, when the network is another one or the server was just reached by another way.
- Each answer names the server's history (epoch). When it is another one than before, the server may
  have lost what it had acknowledged: every session acknowledged in the last days is offered again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from halodesk.crypto import chain
from halodesk.crypto.signing import HEAD_TAG, SEEN_TAG, SigningKey, holds
from halodesk.engine.errors import SessionFileError
from halodesk.protocol import log_lines
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.erasure import Erased
from halodesk.protocol.sync import (
    LOG_SCHEMA,
    Chunk,
    Have,
    HaveAnswer,
    Held,
    Policy,
    Receipt,
    RefusedError,
    ServerAwayError,
)
from halodesk.runtime.ports import SyncPhase, SyncState
from halodesk.store.sync_store import Link, Waiting
from halodesk.sync import pace
from halodesk.sync.ports import OnState, OutboxStore, Server

POLL_S = 15.0
"""How often the log is looked at without being woken."""
SHUT_OUT_S = 300.0
HAVE_BATCH = 1000
_DAY = 86_400.0

_log = structlog.get_logger("outbox")


class Outbox:
    """Run `run` as a task of the loop that `server` belongs to; all other calls on that loop.

    `on_back` hears that the server answers again.
    """

    def __init__(
        self,
        store: OutboxStore,
        server: Server,
        link: Link,
        *,
        seat: str,
        on_state: OnState = lambda state: None,
        on_back: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        between: pace.Chance = pace.chance,
    ) -> None:
        self._store, self._server, self._seat = store, server, seat
        self._tenant, self._server_key = link.tenant, link.server_key
        self._key = SigningKey(link.sign_seed)
        self._epoch = self._newest_epoch = link.epoch
        self._on_state, self._on_back = on_state, on_back
        self._sleep, self._between = sleep, between
        self._patience = pace.Patience(sleep, between)
        self._wake = asyncio.Event()
        self._most: dict[str, int] = {}
        self._aside: dict[str, tuple[int, float]] = {}
        self.policy = Policy()

    def wake(self) -> None:
        """Something was written."""
        self._wake.set()

    def retry(self) -> None:
        """The server may be there again."""
        self._patience.end()

    def epoch_seen(self, epoch: str) -> None:
        """The server's history, as another answer named it."""
        if epoch != self._newest_epoch:
            self._newest_epoch = epoch
            self._wake.set()

    async def run(self) -> None:
        """Send for ever, until cancelled."""
        failures = 0
        while True:
            self._wake.clear()
            self._patience.fresh()
            try:
                await self.drain()
                failures = pace.back(failures, self._on_back)
                await self._rest(pace.jittered(POLL_S, between=self._between))
            except ServerAwayError as away:
                failures += 1
                await self._tell("waiting", away.message, away.todo)
                await self._patience.wait(pace.delay(failures, away.retry_after, between=self._between))
            except RefusedError as refusal:  # not of one session: of this seat
                _log.error("seat_refused", code=refusal.problem.code)
                await self._tell("trouble", refusal.message, refusal.todo or "Tell IT.")
                await self._sleep(pace.jittered(SHUT_OUT_S, between=self._between))

    async def drain(self) -> None:
        """Send until nothing waits. Raises `ServerAwayError`; `RefusedError` when this seat is refused."""
        await self._recheck()
        while pending := [one for one in await asyncio.to_thread(self._store.waiting) if self._its_turn(one)]:
            await self._tell("sending", waiting=len(pending))
            for one in pending:
                await self._push(one)
            await self._recheck()
        await self._erase()
        await self._tell("sent")

    async def _erase(self) -> None:
        """Have the server erase what was erased here; after the sessions, which go up as they are now."""
        for order, signed in await asyncio.to_thread(self._store.erasures):
            try:
                await self._server.post("/v1/erasures", signed, Erased)
            except RefusedError as refusal:  # the others go on; it is tried again
                _log.error("erasure_refused", code=refusal.problem.code)
                continue
            await asyncio.wrap_future(self._store.erasure_sent(order))

    async def _push(self, one: Waiting) -> None:
        most = self._most.get(one.session, self.policy.chunk_events)
        rows = await asyncio.to_thread(self._store.events_after, one.session, one.acked, most)
        try:
            body = _fit(rows, self.policy.chunk_bytes)
        except (SessionFileError, UnicodeDecodeError):
            await self._refuse(one.session, "damaged", "This record cannot be read at the seat any more.")
            return
        try:
            receipt = await self._server.post("/v1/ingest", self._chunk(one, rows, body), Receipt)
        except RefusedError as refusal:
            await self._refused(one, rows, refusal)
            return
        last = rows[-1]
        parts = (self._tenant, self._seat, one.session, last.seq, last.head, receipt.at)
        if (receipt.last, receipt.head) != (last.seq, last.head) or not holds(
            self._server_key, receipt.signature, SEEN_TAG, *parts
        ):
            raise ServerAwayError("An acknowledgement came that the server did not sign.", "Tell IT.")
        await self._acknowledge(one.session, last.seq, last.head, receipt.at, receipt.signature)
        self._most.pop(one.session, None)
        self._aside.pop(one.session, None)
        self.epoch_seen(receipt.epoch)

    def _chunk(self, one: Waiting, rows: Sequence[StoredEvent], body: str) -> Chunk:
        first, last = rows[0], rows[-1]
        prev = one.acked_head if one.acked and one.acked_head else chain.genesis(one.session)
        return Chunk(
            tenant=self._tenant,
            sid=one.session,
            first=first.seq,
            last=last.seq,
            prev=prev,
            head=last.head,
            schema=LOG_SCHEMA,
            epoch=self._epoch,
            body=body,
            signature=self._key.sign(HEAD_TAG, self._tenant, one.session, last.seq, last.head),
        )

    async def _refused(self, one: Waiting, rows: Sequence[StoredEvent], refusal: RefusedError) -> None:
        problem = refusal.problem
        match refusal.status, problem.code:
            case 409, "expect":
                await self._go_on_from(one, problem.expect - 1, problem.head)
            case (413, _) if len(rows) > 1:
                self._most[one.session] = len(rows) // 2
            case (413 | 422, _) | (403, "not_yours"):
                await self._refuse(one.session, problem.code, str(refusal))
            case 401 | 403, _:
                raise refusal
            case _:  # damaged on its way, or a server we do not understand: later again, the others first
                failures = self._aside.get(one.session, (0, 0.0))[0] + 1
                until = time.monotonic() + pace.delay(failures, between=self._between)
                self._aside[one.session] = failures, until
                _log.warning("upload_failed", session=one.session, code=problem.code)

    async def _go_on_from(self, one: Waiting, seq: int, head: bytes) -> None:
        if seq == one.acked:
            raise ServerAwayError("The server contradicts itself.", retry_after=1.0)
        if await self._own_head(one.session, seq) == head:
            await self._acknowledge(one.session, seq, head, int(time.time()), b"")
            return
        await self._refuse(
            one.session, "fork", f"The server has another history of this session up to event {seq}."
        )

    async def _own_head(self, session: str, seq: int) -> bytes | None:
        if seq == 0:
            return chain.genesis(session)
        return await asyncio.to_thread(self._store.head_at, session, seq)

    async def _recheck(self) -> None:
        """After a change of the server's history: offer again what it may have lost."""
        if self._newest_epoch == self._epoch:
            return
        epoch = self._newest_epoch
        since = time.time() - self.policy.recheck_days * _DAY
        acked = await asyncio.to_thread(self._store.acknowledged, since) if self._epoch else {}
        names = list(acked)
        for start in range(0, len(names), HAVE_BATCH):
            said = {name: Held(*acked[name]) for name in names[start : start + HAVE_BATCH]}
            lacking = await self._server.post("/v1/have", Have(sessions=said), HaveAnswer)
            for session, held in lacking.behind.items():
                if session in said:
                    await self._offer_again(session, held)
        await asyncio.wrap_future(self._store.change_link(epoch=epoch))
        _log.info("history_changed", events=len(names))
        self._epoch = epoch

    async def _offer_again(self, session: str, held: Held) -> None:
        head = chain.genesis(session) if held.last == 0 else held.head
        if await self._own_head(session, held.last) == head:
            await self._acknowledge(session, held.last, head, int(time.time()), b"")
        else:
            words = f"The server has another history of this session up to event {held.last}."
            await self._refuse(session, "fork", words)

    async def _acknowledge(self, session: str, seq: int, head: bytes, at: int, receipt: bytes) -> None:
        await asyncio.wrap_future(self._store.acknowledge(session, seq, head, at=at, receipt=receipt))

    async def _refuse(self, session: str, code: str, words: str) -> None:
        _log.error("session_refused", session=session, code=code)
        await asyncio.wrap_future(self._store.refuse(session, code, words))

    def _its_turn(self, one: Waiting) -> bool:
        return self._aside.get(one.session, (0, 0.0))[1] <= time.monotonic()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _tell(self, state: SyncPhase, message: str = "", todo: str = "", *, waiting: int = -1) -> None:
        refused = len(await asyncio.to_thread(self._store.refused))
        if waiting < 0:
            waiting = len(await asyncio.to_thread(self._store.waiting))
        if waiting and state == "sent":
            state = "waiting"
        if refused and state == "sent":
            state, message = "trouble", f"The server does not take {refused} of this seat's sessions."
            todo = "They are kept here. See `halodesk seat status` and tell IT."
        self._on_state(
            SyncState(state=state, message=message, todo=todo, waiting_sessions=waiting, refused=refused)
        )


def _fit(rows: list[StoredEvent], most_bytes: int) -> str:
    """The lines of as many of the rows as fit, at least one; the others are taken off the list.

    Raises `SessionFileError`, `UnicodeDecodeError` for a row that was damaged.
    """
    lines: list[bytes] = []
    size = 0
    for row in rows:
        line = log_lines.write([row])
        if lines and size + len(line) > most_bytes:
            break
        lines.append(line)
        size += len(line)
    del rows[len(lines) :]
    return b"".join(lines).decode()
