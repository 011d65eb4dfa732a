"""Calls that flow agents are ordered to make at a seat; jobs on the database.

Rules:
- An order is dialled at most once: it is waiting until one process of its seat takes it (one conditional
  update), and nobody takes it after it has expired. What that process does not report is lost, and never
  given to anybody again.
- The same `Idempotency-Key` of the same publisher is the same order; with other words it is refused.
- The version is chosen when the order is given: a change that is saved meanwhile is not spoken.
- Number and parameters are taken out when the seat says that it is over; of an order that expired or was
  lost when the next one is given. An order is forgotten after `KEPT_S`, and its key with it.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from halodesk.engine.flow_agent.document import Document
from halodesk.protocol.call_orders import NUMBER, CallOrder, OrderReport, OrderState
from halodesk.protocol.sync import Policy
from halodesk.runtime.emergency import EVERYWHERE
from halodesk.server import audit, flow_agents
from halodesk.server import tables as t
from halodesk.server.access import refused

TAKEN_S = 300.0
"""A seat that took an order has an answer, or none, by then; else it was killed."""
ANSWERED_S = 6 * 3600.0
"""No call is longer."""
KEPT_S = 30 * 86400.0
MOST_PARAMETERS, LONGEST_VALUE = 64, 2000
_NOISE = re.compile(r"[\s().\-/]")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is ordered with. `seat`: its id or its name. `expires_s`: for so long it may be taken."""

    to: str
    seat: str
    custom_parameters: dict[str, Any] = {}
    expires_s: float = 120.0


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order stands; times in Unix seconds."""

    order: str
    agent_id: str
    version: int
    seat: str
    state: OrderState
    reason: str
    ordered_at: float
    expires_at: float
    changed_at: float


def place(
    connection: Connection, *, tenant: str, actor: str, agent: str, key: str, wish: Wish, policy: Policy
) -> tuple[Ordered, bool]:
    """The order, and whether it is a new one.

    Raises `RefusedError`: 400 without a key, 403 where the policy forbids it, 404 for an agent or a seat
    that is not there, 409 for a seat that cannot be told and for a key that was used for something else,
    422 for what cannot be dialled or said.
    """
    if not policy.flow_agent_orders:
        raise refused(403, "policy", "The policy of this server lets nobody order calls.", "Ask IT.")
    if not _KEY.fullmatch(key):
        raise refused(
            400,
            "idempotency_key",
            "This needs a key, so that a call is not made twice.",
            "Send a fresh Idempotency-Key for each call that is wanted, the same one on each try.",
        )
    asked = hashlib.sha256(msgspec.json.encode([agent, wish], order="sorted")).hexdigest()
    before = _by_key(connection, tenant, actor, key)
    if before is not None:
        return _same(before, asked), False
    document, version = flow_agents.load(connection, tenant=tenant, agent=agent)
    seat, to, now = _seat(connection, tenant, wish.seat), number(wish.to), time.time()
    check(document, wish)
    _tidy(connection, tenant, now)
    values: dict[str, Any] = {
        "tenant": tenant,
        "id": str(uuid.uuid4()),
        "actor": actor,
        "key": key,
        "asked": asked,
        "agent": agent,
        "version": version,
        "seat": seat,
        "to": to,
        "parameters": msgspec.json.encode(wish.custom_parameters),
        "ordered_at": now,
        "expires_at": now + wish.expires_s,
        "changed_at": now,
        "taker": "",
        "state": "waiting",
        "reason": "",
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(t.flow_agent_order).values(**values))
    except IntegrityError:  # the same key, at the same time
        before = _by_key(connection, tenant, actor, key)
        if before is None:
            raise
        return _same(before, asked), False
    audit.write(
        connection,
        tenant,
        actor=actor,
        action="flow_agent_call",
        subject=document.name,
        detail=f"seat {seat}",
    )
    return found(connection, tenant=tenant, agent=agent, order=values["id"]), True


def found(connection: Connection, *, tenant: str, agent: str, order: str) -> Ordered:
    """Where an order stands. Raises `RefusedError` (404)."""
    row = _row(connection, tenant, order)
    if row is None or row.agent != agent:
        raise refused(404, "not_found", "There is no such order of this flow agent.")
    return _told(row)


def waiting(connection: Connection, *, tenant: str, seat: str) -> tuple[str, ...]:
    """Ids of what a seat may take now, the oldest first."""
    table = t.flow_agent_order
    query = select(table.c.id).where(
        table.c.state == "waiting",
        table.c.tenant == tenant,
        table.c.seat == seat,
        table.c.expires_at > time.time(),
    )
    return tuple(connection.execute(query.order_by(table.c.ordered_at)).scalars())


def all_waiting(connection: Connection) -> frozenset[tuple[str, str, str]]:
    """Tenant, seat and id of every order that may be taken now."""
    table = t.flow_agent_order
    query = select(table.c.tenant, table.c.seat, table.c.id)
    rows = connection.execute(query.where(table.c.state == "waiting", table.c.expires_at > time.time()))
    return frozenset((row.tenant, row.seat, row.id) for row in rows)


def take(connection: Connection, *, tenant: str, seat: str, order: str, taker: str) -> CallOrder:
    """The order belongs to this process of the seat now.

    Raises `RefusedError`: 404 for none of this seat, 409 for one that was taken, has ended or expired.
    """
    table, now = t.flow_agent_order, time.time()
    free = (table.c.tenant == tenant, table.c.id == order, table.c.seat == seat, table.c.state == "waiting")
    mine = update(table).where(*free, table.c.expires_at > now)
    taken = connection.execute(mine.values(state="taken", taker=taker, changed_at=now)).rowcount == 1
    row = _of_seat(connection, tenant, seat, order)
    again = row.state == "taken" and bool(taker) and row.taker == taker and row.expires_at > now
    if not taken and not again:
        raise refused(409, "order_gone", f"This order cannot be taken: it is {_told(row).state}.")
    document, version = flow_agents.load(connection, tenant=tenant, agent=row.agent, version=row.version)
    data = msgspec.json.encode(document.source)
    return CallOrder(
        order=row.id,
        agent=row.agent,
        version=version,
        sha256=hashlib.sha256(data).hexdigest(),
        document=data,
        to=row.to,
        parameters=msgspec.json.decode(row.parameters),
    )


_BEFORE = {"answered": ("taken",), "ended": ("taken", "answered"), "refused": ("waiting", "taken")}
"""What an order must be for a report to be taken."""


def report(connection: Connection, *, tenant: str, seat: str, order: str, said: OrderReport) -> OrderState:
    """A seat's word on an order; said twice it is taken once. Raises `RefusedError` 404, 409."""
    table = t.flow_agent_order
    values: dict[str, Any] = {"state": said.state, "reason": _plain(said.reason), "changed_at": time.time()}
    if said.state != "answered":
        values |= {"to": "", "parameters": b"{}"}
    where = (table.c.tenant == tenant, table.c.id == order, table.c.seat == seat)
    change = update(table).where(*where, table.c.state.in_(_BEFORE[said.state])).values(**values)
    changed = connection.execute(change).rowcount == 1
    row = _of_seat(connection, tenant, seat, order)
    if not changed and row.state != said.state:
        raise refused(409, "order_gone", f"This order is {row.state}: it cannot be {said.state} now.")
    return _told(row).state


def number(text: str) -> str:
    """What is dialled. Raises `RefusedError` (422)."""
    plain = _NOISE.sub("", text)
    if not NUMBER.fullmatch(plain):
        raise refused(
            422, "number", f"“{text[:40]}” is no telephone number.", "Write digits, with + before a country."
        )
    if plain.removeprefix("+") in EVERYWHERE:
        raise refused(422, "emergency", "No flow agent makes calls for help.")
    return plain


def check(document: Document, wish: Wish) -> None:
    """Raises `RefusedError` (422) for parameters the agent does not declare, or that are no plain values."""
    if not 10 <= wish.expires_s <= 3600:
        raise refused(422, "expires_s", "An order can be taken for 10 to 3600 seconds.")
    declared = {one.name for one in document.variables}
    strange = sorted(wish.custom_parameters.keys() - declared)
    if strange:
        words = f"“{document.name}” declares no context variable “{strange[0][:80]}”."
        raise refused(422, "parameters", words, f"It has: {', '.join(sorted(declared)) or 'none'}.")
    if len(wish.custom_parameters) > MOST_PARAMETERS:
        raise refused(422, "parameters", f"A call takes {MOST_PARAMETERS} parameters at most.")
    for name, value in wish.custom_parameters.items():
        flat = value is None or isinstance(value, str | int | float)
        if not flat or (isinstance(value, str) and len(value) > LONGEST_VALUE):
            todo = f"Write a number, true, false, null or a text of up to {LONGEST_VALUE} characters."
            raise refused(422, "parameters", f"“{name[:80]}” is no plain value.", todo)


def state_of(state: str, expires_at: float, changed_at: float, now: float) -> OrderState:
    """What was said last, and what the clock has made of it."""
    if state == "waiting" and expires_at <= now:
        return "expired"
    patience = {"taken": TAKEN_S, "answered": ANSWERED_S}.get(state)
    if patience is not None and changed_at + patience <= now:
        return "lost"
    known: OrderState = msgspec.convert(state, OrderState)
    return known


def _told(row: Row[Any]) -> Ordered:
    return Ordered(
        order=row.id,
        agent_id=row.agent,
        version=row.version,
        seat=row.seat,
        state=state_of(row.state, row.expires_at, row.changed_at, time.time()),
        reason=row.reason,
        ordered_at=row.ordered_at,
        expires_at=row.expires_at,
        changed_at=row.changed_at,
    )


def _same(row: Row[Any], asked: str) -> Ordered:
    if row.asked != asked:
        raise refused(
            409,
            "key_used",
            "This Idempotency-Key was used for another call.",
            "Take a fresh key for this one.",
        )
    return _told(row)


def _row(connection: Connection, tenant: str, order: str) -> Row[Any] | None:
    table = t.flow_agent_order
    return connection.execute(
        select(table).where(table.c.tenant == tenant, table.c.id == order)
    ).one_or_none()


def _of_seat(connection: Connection, tenant: str, seat: str, order: str) -> Row[Any]:
    row = _row(connection, tenant, order)
    if row is None or row.seat != seat:
        raise refused(404, "not_found", "There is no such order for this seat.")
    return row


def _by_key(connection: Connection, tenant: str, actor: str, key: str) -> Row[Any] | None:
    table = t.flow_agent_order
    query = select(table).where(table.c.tenant == tenant, table.c.actor == actor, table.c.key == key)
    return connection.execute(query).one_or_none()


def _seat(connection: Connection, tenant: str, wanted: str) -> str:
    """The id of a seat that may sign in, by its id or name."""
    table = t.seat
    query = select(table.c.id, table.c.name, table.c.revoked_at).where(
        table.c.tenant == tenant, (table.c.id == wanted) | (table.c.name == wanted)
    )
    rows = connection.execute(query).all() if wanted else []
    rows = [row for row in rows if row.id == wanted] or rows
    if not rows:
        raise refused(404, "seat_unknown", f"There is no seat “{wanted[:80]}”.", "Write its id or its name.")
    rows = [row for row in rows if row.revoked_at is None]
    if not rows:
        raise refused(409, "seat_revoked", "This seat has been shut out.")
    if len(rows) > 1:
        raise refused(409, "seat_name", f"Several seats are called “{wanted[:80]}”.", "Write the seat's id.")
    return str(rows[0].id)


def _tidy(connection: Connection, tenant: str, now: float) -> None:
    """Forget what no call needs any more."""
    table = t.flow_agent_order
    late = (table.c.tenant == tenant, table.c.expires_at < now - TAKEN_S)
    connection.execute(update(table).where(*late, table.c.to != "").values(to="", parameters=b"{}"))
    connection.execute(delete(table).where(table.c.tenant == tenant, table.c.ordered_at < now - KEPT_S))


def _plain(words: str) -> str:
    return words.replace("\0", "")[:500]
