"""Opening sealed values over the server: jobs on the database.

Rules:
- The server checks every signature and every person as the others do, refuses early, and proves
  nothing by that: who asks and who approves check each other again.
- It can read no value and no share. It keeps what was signed and writes each act into the audit,
  refusals for good as well.
- Time is the server's: a request ends 15 minutes after it came. A server whose clock was set back
  behind what it has taken already lets nothing happen.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from halodesk.crypto import ceremony, holders
from halodesk.crypto import envelope as envelopes
from halodesk.crypto.ceremony import CeremonyError, Request
from halodesk.crypto.envelope import EnvelopeError
from halodesk.crypto.holders import Holders
from halodesk.crypto.metadata import MetadataError
from halodesk.crypto.signing import key_id
from halodesk.engine.sealed import sealed_answers
from halodesk.protocol import log_lines
from halodesk.protocol import unseal as wire
from halodesk.protocol.sync import RefusedError, Role, SyncError
from halodesk.server import audit, tenants
from halodesk.server import tables as t
from halodesk.server.access import Holder as Caller
from halodesk.server.access import refused

MOST_OPEN = 50
"""Requests of one person that may be in force at a time."""
_FORBIDDEN = frozenset({"self_approval", "one_owner", "holder", "asker", "tenant"})
_NOT_NOW = frozenset({"expired", "clock", "same_holder"})


def install_list(connection: Connection, tenant: str, data: bytes) -> Holders:
    """Take a new list of key holders and pass it on to the seats.

    Raises `MetadataError` when it is not the next one of the tenant's root, `SyncError` without a root.
    """
    tenants.ensure_tenant(connection, tenant)
    new = holders.open_list(data, root=tenants.trust(connection, tenant).root, tenant=tenant, now=time.time())
    cursor = tenants.next_cursor(connection, tenant)  # the tenant's row is locked from here on
    known = select(t.holder_list.c.data).where(t.holder_list.c.tenant == tenant)
    before = connection.execute(known).scalar()
    if before is not None:
        old = holders.open_list(bytes(before), root=new.root, tenant=tenant)
        if not holders.check_newer(new, data, old, bytes(before)):
            raise MetadataError(f"List {new.version} of key holders is in force already.")
        where = t.holder_list.c.tenant == tenant
        connection.execute(update(t.holder_list).where(where).values(version=new.version, data=data))
    else:
        connection.execute(insert(t.holder_list).values(tenant=tenant, version=new.version, data=data))
    connection.execute(
        insert(t.catalogue_event).values(
            tenant=tenant, cursor=cursor, kind="holders", trust=data, manifest=b"", pointer=b""
        )
    )
    names = ", ".join(f"{holder.name} {holder.kid}" for holder in new.holders if holder.kid in new.pair)
    _note(connection, tenant, "console", "holders", str(new.version), names)
    return new


def list_of(connection: Connection, tenant: str) -> tuple[Holders, bytes]:
    """The list in force, opened. Raises `SyncError` where there is none, `MetadataError`."""
    query = select(t.holder_list.c.data).where(t.holder_list.c.tenant == tenant)
    data = connection.execute(query).scalar()
    if data is None:
        raise SyncError(f"{tenant} has no key holders.", "Run: halodesk server holders FILE")
    root = tenants.trust(connection, tenant).root
    return holders.open_list(bytes(data), root=root, tenant=tenant, now=time.time()), bytes(data)


def public_key(connection: Connection, tenant: str, role: Role, subject: str) -> bytes:
    """Key that an asker or a holder signs in with. Raises `RefusedError` (403)."""
    try:
        found, _ = list_of(connection, tenant)
    except (SyncError, MetadataError) as error:
        raise refused(403, "no_holders", error.message, error.todo) from None
    asker, holder = found.asker(subject), found.holder(subject)
    if role == "asker" and asker is not None:
        return asker.key
    if role == "holder" and holder is not None:
        return holder.sign_key
    raise refused(403, "person_unknown", "This key is not on the list of key holders.", "Tell IT.")


def sealed_fields(connection: Connection, caller: Caller, session: str) -> wire.SealedFields:
    """The sealed values of a session the server holds. Raises `RefusedError` (404)."""
    _, data = list_of(connection, caller.tenant)
    chunk = t.session_chunk
    mine = chunk.c.tenant == caller.tenant, chunk.c.session == session
    rows = connection.execute(select(chunk.c.body).where(*mine).order_by(chunk.c.first_seq)).all()
    if not rows:
        raise refused(404, "session", "The server holds no such session.", "Take its whole id.")
    payloads = (stored.payload for row in rows for _, stored in log_lines.read(bytes(row.body)))
    found = sealed_answers(payload for payload in payloads if payload is not None)
    values = tuple(
        wire.SealedField(
            field=one.field,
            flow_hash=one.flow_hash,
            version=one.version,
            envelope=one.envelope,
            holders=one.holders,
        )
        for one in found
    )
    return wire.SealedFields(session=session, holders=data, values=values)


def take_request(connection: Connection, caller: Caller, data: bytes) -> wire.Taken:
    """A new request; the very same once more is answered as before. Raises `RefusedError`."""
    found, _ = list_of(connection, caller.tenant)
    now = time.time()
    try:
        request, asker = ceremony.read_request(data, found, now=now)
        _check_recipients(request, found)
    except (CeremonyError, EnvelopeError) as error:
        raise _refusal(error) from None
    if key_id(asker.key) != caller.subject:
        raise refused(403, "asker", "This request was signed by someone else than who sends it.")
    row = _row(connection, caller.tenant, request.id)
    if row is not None and bytes(row.data) == data and row.asker == caller.subject:
        return wire.Taken(id=request.id, expires_at=row.expires_at)  # its answer was lost on the way
    if row is not None:
        raise refused(409, "request_id", "Another request has this id.", "Ask anew.")
    place = request.place
    words = f"{asker.name} asks for {place.field} of {place.session}: {request.reason}"
    _note(connection, caller.tenant, caller.subject, "unseal_request", request.id, words, data)
    table = t.unseal_request
    mine = table.c.tenant == caller.tenant, table.c.asker == caller.subject, table.c.expires_at > now
    if (connection.execute(select(func.count()).where(*mine)).scalar() or 0) >= MOST_OPEN:
        raise refused(429, "too_many", f"{MOST_OPEN} requests are open already.", "Wait until some end.")
    expires_at = min(request.expires_at, now + ceremony.LIFETIME_S)
    connection.execute(
        insert(table).values(
            tenant=caller.tenant,
            id=request.id,
            asker=caller.subject,
            data=data,
            received_at=now,
            expires_at=expires_at,
        )
    )
    return wire.Taken(id=request.id, expires_at=expires_at)


def waiting(connection: Connection, caller: Caller) -> wire.WaitingList:
    """Requests in force whose value was sealed to this holder."""
    _, data = list_of(connection, caller.tenant)
    table = t.unseal_request
    query = select(table.c.id, table.c.data).where(
        table.c.tenant == caller.tenant, table.c.expires_at > time.time(), table.c.opened_at.is_(None)
    )
    found = []
    for row in connection.execute(query.order_by(table.c.received_at)):
        request = ceremony.claimed_request(bytes(row.data))
        if caller.subject in envelopes.unpack(request.envelope).kids:
            approved = tuple(_shares(connection, caller.tenant, row.id))
            found.append(wire.Waiting(id=row.id, data=bytes(row.data), approved=approved))
    return wire.WaitingList(holders=data, requests=tuple(found))


def take_share(connection: Connection, caller: Caller, request_id: str, data: bytes) -> wire.Approved:
    """A holder's approval. Raises `RefusedError`: 403 for who may not, 404, 409 too late, 422."""
    found, _ = list_of(connection, caller.tenant)
    before = _shares(connection, caller.tenant, request_id)
    if caller.subject in before and before[caller.subject][0] == data:
        return wire.Approved(approvals=len(before))  # its answer was lost on the way
    _note(connection, caller.tenant, caller.subject, "unseal_approve", request_id, "", data)  # locks, too
    row = _row(connection, caller.tenant, request_id)
    if row is None:
        raise refused(404, "request", "There is no such request.", "It may have ended: it lasts 15 minutes.")
    shares = _shares(connection, caller.tenant, request_id)
    now = time.time()
    try:
        request, _ = ceremony.read_request(bytes(row.data), found, now=now)
        ceremony.check_time(request, now, latest=max([row.received_at, *(at for _, at in shares.values())]))
        approval, holder = ceremony.read_approval(data, bytes(row.data), found)
        others = [ceremony.read_approval(one, bytes(row.data), found)[1] for one, _ in shares.values()]
        for other in others:
            ceremony.check_two(holder, other)
    except (CeremonyError, EnvelopeError) as error:
        raise _refusal(error) from None
    if holder.kid != caller.subject:
        raise refused(403, "holder", "This approval was signed by someone else than who sends it.")
    if row.opened_at is not None:
        raise refused(409, "opened", "This request has been opened already.")
    connection.execute(
        insert(t.unseal_share).values(
            tenant=caller.tenant, request=request_id, kid=approval.kid, data=data, received_at=now
        )
    )
    return wire.Approved(approvals=len(shares) + 1)


def collect(connection: Connection, caller: Caller, request_id: str) -> wire.Answer:
    """The approvals of the own request. Raises `RefusedError` (404, 409)."""
    row = _own(connection, caller, request_id)
    _, data = list_of(connection, caller.tenant)
    try:
        ceremony.check_time(ceremony.claimed_request(bytes(row.data)), time.time(), latest=row.received_at)
    except CeremonyError as error:
        raise _refusal(error) from None
    shares = _shares(connection, caller.tenant, request_id)
    if len(shares) > 1:
        _note(connection, caller.tenant, caller.subject, "unseal_collect", request_id, ", ".join(shares))
    approvals = tuple(one for one, _ in shares.values())
    return wire.Answer(holders=data, data=bytes(row.data), approvals=approvals)


def take_opened(connection: Connection, caller: Caller, request_id: str, data: bytes) -> wire.Approved:
    """The asker's signed word that the value was opened; no more approvals after it."""
    row = _own(connection, caller, request_id)
    found, _ = list_of(connection, caller.tenant)
    try:
        ceremony.read_opened(data, bytes(row.data), found)
    except CeremonyError as error:
        raise _refusal(error) from None
    shares = _shares(connection, caller.tenant, request_id)
    if row.opened_at is None:
        _note(connection, caller.tenant, caller.subject, "unseal_opened", request_id, "", data)
        table = t.unseal_request
        mine = table.c.tenant == caller.tenant, table.c.id == request_id
        connection.execute(update(table).where(*mine).values(opened_at=time.time(), opened=data))
    return wire.Approved(approvals=len(shares))


def note_refused(connection: Connection, caller: Caller, request_id: str, refusal: RefusedError) -> None:
    """Keep in the audit that someone was refused for good."""
    words = f"{refusal.problem.code}: {refusal.problem.message}"
    subject, action = request_id[:64].replace("\0", ""), "unseal_refused"
    audit.once(connection, caller.tenant, actor=caller.subject, action=action, subject=subject, detail=words)


def _check_recipients(request: Request, found: Holders) -> None:
    kids = envelopes.unpack(request.envelope).kids
    missing = [kid for kid in kids if found.holder(kid) is None]
    if missing:
        raise EnvelopeError(
            f"This value was sealed to {' and '.join(missing)}, which is on the list of key holders no more.",
            "Ask who keeps the root key to put the holder back on the list.",
        )


def _own(connection: Connection, caller: Caller, request_id: str) -> Row[Any]:
    row = _row(connection, caller.tenant, request_id)
    if row is None or row.asker != caller.subject:
        raise refused(404, "request", "You have no such request.")
    return row


def _row(connection: Connection, tenant: str, request_id: str) -> Row[Any] | None:
    table = t.unseal_request
    return connection.execute(select(table).where(table.c.tenant == tenant, table.c.id == request_id)).first()


def _shares(connection: Connection, tenant: str, request_id: str) -> dict[str, tuple[bytes, float]]:
    share = t.unseal_share
    rows = connection.execute(
        select(share).where(share.c.tenant == tenant, share.c.request == request_id).order_by(share.c.kid)
    )
    return {row.kid: (bytes(row.data), row.received_at) for row in rows}


def _note(
    connection: Connection,
    tenant: str,
    actor: str,
    action: str,
    subject: str,
    detail: str,
    signed: bytes = b"",
) -> None:
    proof = f" sha256={ceremony.digest(signed).hex()}" if signed else ""
    words = (detail + proof).strip().replace("\0", "")
    audit.write(
        connection, tenant, actor=actor, action=action, subject=subject.replace("\0", ""), detail=words
    )


def _refusal(error: CeremonyError | EnvelopeError) -> RefusedError:
    code = error.code if isinstance(error, CeremonyError) else "envelope"
    status = 403 if code in _FORBIDDEN else 409 if code in _NOT_NOW else 422
    return refused(status, code, error.message, error.todo)
