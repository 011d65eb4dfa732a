"""Masks for seats: checks that a seat holds the call, has its PBX's recorders masked, keeps what is masked.

Rules:
- **A seat holds a call** when the PBX itself says that every leg with this SIP Call-ID belongs to an
  account that IT gave to this seat (`accounts`). What the seat says, what a SIP message says and what was
  true of another call prove nothing. No leg: no such call. A leg of anybody else: refused, and in the
  audit. Proven once, it stands until the call is let go: its leg may have been handed on meanwhile.
- Only who holds a call may mask it, and only who holds it or has masked it may let it go.
- All recorders of the PBX must confirm; the worst word is the answer.
- **Nobody is unmasked here by time, by a lost line or by our own start or end.** A seat that falls silent
  leaves its mask; it is asked of the PBX again and again until the call is over, so that a recorder that
  starts meanwhile is caught. The seat may come back and let it go.
- What is held outlives a restart (`mask_leases`): it is taken up again as if its seat had just been heard.
- One question at a time for a call, and only over the seat's newest line.

All of it belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import structlog

from halodesk.engine.errors import HaloDeskError, RecorderError
from halodesk.protocol.mask import LONGEST_CALL_ID, MaskAnswer, MaskAsk, MaskNews, Verdict
from halodesk.protocol.sync import RefusedError, ServerAwayError
from halodesk.recording.control import Control
from halodesk.runtime.ports import RecorderAnswer
from halodesk.server import accounts, audit, mask_leases
from halodesk.server.access import Holder, refused
from halodesk.server.database import Database
from halodesk.server.mask_leases import MaskLease
from halodesk.server.mask_seat import Line
from halodesk.server.recorders import Pbx, build

SILENT_S = 5.0
"""A seat that has not renewed for so long has gone."""
LOOK_S = 1.0
LONGEST_LEASE = 200
OUTSTANDING = 16
"""Questions of one line under way at once."""

MANY = 10_000

_log = structlog.get_logger("mask")


class _Held(msgspec.Struct, kw_only=True):
    """A call that a seat had masked. `masking`: it has not asked to let it go."""

    seat: str
    heard: float
    masking: bool = True
    kept_by: str = ""
    """The seat of whom it is written down."""
    noted: bool = False
    kept: bool = False


class Masks:
    """All masks of this process. `recorders`: the entries of `recorders.json`. Raises `SettingsError`."""

    def __init__(
        self,
        database: Database,
        recorders: Sequence[dict[str, Any]] = (),
        *,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._mono = database, mono
        self._pbxs = build(tuple(recorders), self._changed)
        self._held: dict[tuple[Pbx, str], _Held] = {}
        self._lines: dict[tuple[str, str], Line] = {}
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._entries: set[asyncio.Task[None]] = set()
        """On their way into the audit, one after the other: it tells what came first."""
        self._order = asyncio.Lock()
        self._refused: set[tuple[str, str, str]] = set()
        """Tenant, seat and call of refusals in the audit: a seat that asks again must not fill it."""

    def start(self) -> None:
        """Connect the recorders and watch over what is held."""
        for control in self._controls():
            control.start()
        self._spawn(self._watch())

    async def _take_up(self) -> None:
        """What was held before this process began. Raises `ServerAwayError`."""
        for lease in await self._database.read(mask_leases.listed):
            pbx = lease.tenant, lease.pbx
            if pbx in self._pbxs:
                held = _Held(seat=lease.seat, heard=self._mono(), noted=True, kept_by=lease.seat)
                self._held.setdefault((pbx, lease.call), held)

    async def close(self) -> None:
        """Stop. What is masked stays masked."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.written()
        await asyncio.gather(*(control.close() for control in self._controls()))

    async def written(self) -> None:
        """Wait until the audit holds all that was done so far."""
        if self._entries:
            await asyncio.wait(self._entries)

    # --- lines --------------------------------------------------------------------------------

    def join(self, line: Line) -> None:
        """This is the seat's line from now on; an older one is ended."""
        older, self._lines[line.key] = self._lines.get(line.key), line
        if older is not None:
            _log.info("line_replaced", seat=line.holder.subject)
            self._spawn(older.end())

    def leave(self, line: Line) -> None:
        """The line has ended. Nothing is unmasked for it."""
        if self._lines.get(line.key) is line:
            del self._lines[line.key]

    def hear(self, line: Line, asked: MaskAsk) -> None:
        """Answer one question over its line, beside whatever else is under way."""
        self._spawn(self._answer(line, asked))

    async def _answer(self, line: Line, asked: MaskAsk) -> None:
        line.waiting += 1
        try:
            answer = await self.ask(line, asked)
        finally:
            line.waiting -= 1
        await line.say(answer)

    async def ask(self, line: Line, asked: MaskAsk) -> MaskAnswer:
        """Do as the seat asks, with proof. Never raises for what may happen; a refusal is an answer."""
        try:
            if not _may_be(asked.call, LONGEST_CALL_ID) or not _may_be(asked.lease or "-", LONGEST_LEASE):
                raise refused(400, "malformed", "This is no SIP Call-ID.")
            if line.waiting > OUTSTANDING:
                raise refused(429, "slow_down", "Too many questions at once.")
            lock = self._locks.setdefault((line.holder.tenant, asked.call), asyncio.Lock())
            async with lock:
                return _together(asked.id, await self._do(line, asked))
        except RefusedError as refusal:
            words = refusal.problem
            _log.warning("mask_refused", seat=line.holder.subject, code=words.code)
            return _failed(asked.id, words.message, words.todo, words.code)
        except (RecorderError, ServerAwayError) as problem:
            return _failed(asked.id, problem.message, problem.todo)

    # --- one question -------------------------------------------------------------------------

    async def _do(self, line: Line, asked: MaskAsk) -> list[RecorderAnswer]:
        """Raises `RefusedError`, `RecorderError`, `ServerAwayError`."""
        if self._lines.get(line.key) is not line:
            raise refused(409, "line_replaced", "This seat has connected anew.")
        holder = line.holder
        if asked.was and asked.was != asked.call:
            await self._move(holder, asked.was, asked.call)
        pbx = self._held_by(holder, asked.call) or await self._proven(holder, asked.call)
        key = pbx, asked.call
        held = self._held.setdefault(key, _Held(seat=holder.subject, heard=0.0))
        held.seat, held.heard, held.kept = holder.subject, self._mono(), False
        held.masking = asked.act == "mask"
        controls = self._pbxs[pbx]
        act = [c.mask if held.masking else c.unmask for c in controls]
        written = self._spawn(self._write_down(key, held)) if held.masking else None
        answers = list(await asyncio.gather(*(do(asked.call, asked.lease) for do in act)))
        if written is not None:
            await asyncio.wait([written])
        if all(answer.verdict == "confirmed" for answer in answers):
            if not held.masking:
                await self._drop(key, held)
            if not held.masking or not held.noted:
                self._note(holder.tenant, held.seat, asked.act, asked.call, f"{pbx[1]} {asked.lease}".strip())
            held.noted = held.masking
        return answers

    def _held_by(self, holder: Holder, call: str) -> Pbx | None:
        """The PBX of a call that this seat has had masked."""
        found = (
            pbx
            for (pbx, other), held in self._held.items()
            if other == call and pbx[0] == holder.tenant and held.seat == holder.subject
        )
        return next(found, None)

    async def _proven(self, holder: Holder, call: str) -> Pbx:
        """The PBX on which this seat holds the call. Raises `RefusedError` and others."""
        mine = await self._database.read(partial(accounts.of_seat, tenant=holder.tenant, seat=holder.subject))
        if not mine:
            self._refusal(holder, call, "the seat has no account")
            raise refused(
                403,
                "no_account",
                "IT has given this seat no account of a PBX.",
                "IT: run halodesk server seat-account SEAT ACCOUNT",
            )
        for name, own in mine.items():
            found = await self._holders((holder.tenant, name), call)
            if found and not found <= own:
                others = ", ".join(sorted(found - own)) or "nobody known"
                self._refusal(holder, call, f"{name}: held by {others}")
                raise refused(403, "not_yours", "This call is not of this seat.", "If it is: call IT.")
            if found:
                return holder.tenant, name
        raise RecorderError(
            "The PBX knows no call of this seat with this SIP Call-ID.",
            "If a device between phone and PBX changes Call-IDs, this cannot work: call IT.",
        )

    async def _holders(self, pbx: Pbx, call: str) -> frozenset[str]:
        """Accounts whose legs carry the Call-ID, as all recorders of the PBX say. Raises `RecorderError`."""
        tell = [control for control in self._pbxs.get(pbx, ()) if control.tells_holders]
        said = await asyncio.gather(*(control.holders(call) for control in tell))
        return frozenset().union(*said)

    async def _move(self, holder: Holder, old: str, new: str) -> None:
        """The call goes on under `new`, if it does. Raises as `_proven`; then the old one stays masked."""
        pbx = self._held_by(holder, old)
        if pbx is None or await self._proven(holder, new) != pbx:
            return
        held = self._held.pop((pbx, old), None)
        if held is not None:
            for control in self._pbxs[pbx]:
                control.moved(old, new)
            self._held[pbx, new] = held
            job = partial(mask_leases.moved, old=_row((pbx, old), held), new=_row((pbx, new), held))
            await self._database.write(job)

    async def _write_down(self, key: tuple[Pbx, str], held: _Held) -> None:
        """So that a restart knows of it; a database that is away must not keep a call from being masked."""
        if held.kept_by == held.seat:
            return
        try:
            await self._database.write(partial(mask_leases.begin, lease=_row(key, held)))
            held.kept_by = held.seat
        except HaloDeskError as error:
            _log.error("lease_not_written", error=type(error).__name__)

    async def _drop(self, key: tuple[Pbx, str], held: _Held) -> None:
        """The call is let go, or over. Raises `ServerAwayError`."""
        await self._database.write(partial(mask_leases.end, lease=_row(key, held)))
        self._held.pop(key, None)

    # --- between questions --------------------------------------------------------------------

    def _changed(self, pbx: Pbx, call: str, answer: RecorderAnswer) -> None:
        """A recorder's own word: passed on to the seat that has the call masked."""
        held = self._held.get((pbx, call))
        line = self._lines.get((pbx[0], held.seat)) if held is not None and held.masking else None
        if line is not None:
            news = MaskNews(call=call, verdict=answer.verdict, detail=answer.detail, todo=answer.todo)
            self._spawn(line.say(news))

    async def _watch(self) -> None:
        taken_up = False
        while True:
            try:
                if not taken_up:
                    await self._take_up()
                    taken_up = True
                await self.look()
            except ServerAwayError:
                _log.warning("database_away")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Once of the watch: ask again for the masks of seats that have gone, drop calls that are over.

        Raises `ServerAwayError`.
        """
        silent = [key for key, held in self._held.items() if self._mono() - held.heard > SILENT_S]
        await asyncio.gather(*(self._keep(*key) for key in silent))

    async def _keep(self, pbx: Pbx, call: str) -> None:
        lock = self._locks.setdefault((pbx[0], call), asyncio.Lock())
        async with lock:
            held = self._held.get((pbx, call))
            if held is None or self._mono() - held.heard <= SILENT_S:
                return
            try:
                over = not await self._holders(pbx, call)
            except RecorderError:
                return
            row = _row((pbx, call), held)
            if held.kept_by and not await self._database.read(partial(mask_leases.stands, lease=row)):
                self._held.pop((pbx, call), None)  # another process has let it go
                return
            if over or not held.masking:
                await self._drop((pbx, call), held)
                return
            if not held.kept:
                held.kept = True
                _log.warning("mask_kept", seat=held.seat)
                self._note(pbx[0], held.seat, "mask_kept", call, f"{pbx[1]}: the seat fell silent")
            await asyncio.gather(*(control.mask(call, "kept") for control in self._pbxs[pbx]))

    # --- small things -------------------------------------------------------------------------

    def _controls(self) -> list[Control]:
        return [control for controls in self._pbxs.values() for control in controls]

    def _refusal(self, holder: Holder, call: str, why: str) -> None:
        said = holder.tenant, holder.subject, call
        if said in self._refused:
            return
        if len(self._refused) >= MANY:
            self._refused.clear()
        self._refused.add(said)
        self._write(
            holder.tenant,
            partial(audit.once, actor=holder.subject, action="mask_refused", subject=call, detail=why),
        )

    def _note(self, tenant: str, seat: str, action: str, call: str, detail: str) -> None:
        self._write(tenant, partial(audit.write, actor=seat, action=action, subject=call, detail=detail))

    def _write(self, tenant: str, entry: Callable[..., None]) -> None:
        """Into the audit, without having a seat wait for the disk."""

        async def write() -> None:
            try:
                async with self._order:
                    await self._database.write(lambda connection: entry(connection, tenant))
            except HaloDeskError as error:
                _log.error("audit_not_written", error=type(error).__name__)

        self._spawn(write(), self._entries)

    def _spawn(
        self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]] | None = None
    ) -> asyncio.Task[None]:
        tasks = self._tasks if among is None else among
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task


def _row(key: tuple[Pbx, str], held: _Held) -> MaskLease:
    (tenant, pbx), call = key
    return MaskLease(tenant=tenant, pbx=pbx, call=call, seat=held.seat)


def _may_be(text: str, longest: int) -> bool:
    """Whether it is a name that may also stand in the audit."""
    return 0 < len(text) <= longest and text.isprintable()


_ORDER: tuple[Verdict, ...] = ("failed", "unconfirmed", "confirmed")


def _together(number: int, answers: Sequence[RecorderAnswer]) -> MaskAnswer:
    """One answer out of all: the worst verdict, and the words of those who gave it."""
    worst = min((answer.verdict for answer in answers), key=_ORDER.index)
    said = [answer for answer in answers if answer.verdict == worst]
    detail = " ".join(f"{a.recorder}: {a.detail}" for a in said) if len(answers) > 1 else said[0].detail
    return MaskAnswer(
        id=number, verdict=worst, detail=detail[:1000], todo=next((a.todo for a in said if a.todo), "")[:500]
    )


def _failed(number: int, message: str, todo: str, code: str = "") -> MaskAnswer:
    return MaskAnswer(id=number, verdict="failed", detail=message, todo=todo, code=code)
