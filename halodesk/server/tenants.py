"""Tenants, their publishers, their seats: jobs on the database.

Rules:
- An enrolment token is 256 random bits, shown once, kept as its SHA-256, good for one seat and
  at most 72 hours. It ends in the fingerprint of the server's key and the tenant's root, so that
  a seat notices a foreign server before it says the token.
- Using a token and making the seat are one transaction. The same key may use it again: the
  answer may have been lost on the way.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time

from sqlalchemy import Connection, insert, select, update

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Trust
from halodesk.crypto.signing import ENROL_TAG, holds, key_id
from halodesk.protocol.sync import EnrolRequest, SyncError
from halodesk.server import audit
from halodesk.server import tables as t
from halodesk.server.access import refused

LONGEST_HOURS = 72.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def ensure_tenant(connection: Connection, tenant: str) -> None:
    """Make the tenant where it is not there. Raises `SyncError` for a bad name."""
    check_name(tenant, "tenant")
    if connection.execute(select(t.tenant.c.id).where(t.tenant.c.id == tenant)).first() is None:
        connection.execute(insert(t.tenant).values(id=tenant))


def check_name(name: str, what: str) -> None:
    """Raises `SyncError` unless it is a short name of letters, digits, dots, dashes, underscores."""
    if not _NAME.fullmatch(name):
        raise SyncError(
            f'"{name}" is no name for a {what}.',
            "Use up to 64 letters, digits, dots, dashes and underscores.",
        )


def trust_bytes(connection: Connection, tenant: str) -> bytes:
    """The signed list of publishers. Raises `SyncError` where there is none yet."""
    found = connection.execute(select(t.tenant.c.trust).where(t.tenant.c.id == tenant)).scalar()
    if found is None:
        raise SyncError(
            f"Nobody may publish to {tenant} yet, so a seat would have nobody to trust.",
            "Run: halodesk keys new-publisher, then: halodesk server trust FILE",
        )
    return bytes(found)


def trust(connection: Connection, tenant: str) -> Trust:
    """The list of publishers, checked. Raises `SyncError`, `MetadataError`."""
    data = trust_bytes(connection, tenant)
    return metadata.open_trust(data, root=metadata.claimed_root(data), tenant=tenant)


def install_trust(connection: Connection, tenant: str, data: bytes) -> Trust:
    """Take a new list of publishers and pass it on to the seats.

    Raises `MetadataError` when it is not signed by the root the tenant has, `SyncError` when it
    is not newer than the list that is there.
    """
    ensure_tenant(connection, tenant)
    row = connection.execute(
        select(t.tenant.c.trust, t.tenant.c.trust_version).where(t.tenant.c.id == tenant)
    ).one()
    root = metadata.claimed_root(row.trust if row.trust is not None else data)
    new = metadata.open_trust(data, root=root, tenant=tenant)
    if new.version <= row.trust_version:
        raise SyncError(f"List {new.version} of publishers is not newer than list {row.trust_version}.")
    cursor = next_cursor(connection, tenant)
    connection.execute(
        update(t.tenant).where(t.tenant.c.id == tenant).values(trust=data, trust_version=new.version)
    )
    connection.execute(
        insert(t.catalogue_event).values(
            tenant=tenant, cursor=cursor, kind="trust", trust=data, manifest=b"", pointer=b""
        )
    )
    names = ", ".join(publisher.name for publisher in new.publishers)
    audit.write(connection, tenant, actor="console", action="trust", subject=str(new.version), detail=names)
    return new


def next_cursor(connection: Connection, tenant: str) -> int:
    """The catalogue's next number; the tenant's row stays locked until the commit."""
    raised = update(t.tenant).where(t.tenant.c.id == tenant).values(cursor=t.tenant.c.cursor + 1)
    return int(connection.execute(raised.returning(t.tenant.c.cursor)).scalar_one())


def new_token(connection: Connection, *, tenant: str, team: str, hours: float, server_key: bytes) -> str:
    """A one-time enrolment token, to be shown once. Raises `SyncError`."""
    ensure_tenant(connection, tenant)
    check_name(team, "team")
    if not 0 < hours <= LONGEST_HOURS:
        raise SyncError(
            f"A token lasts at most {LONGEST_HOURS:g} hours.", "Make a new one when it is needed."
        )
    root = trust(connection, tenant).root
    secret = secrets.token_urlsafe(32)
    expires_at = time.time() + hours * 3600
    connection.execute(
        insert(t.enroll_token).values(hash=_hash(secret), tenant=tenant, team=team, expires_at=expires_at)
    )
    audit.write(connection, tenant, actor="console", action="token", subject=team)
    return f"{secret}.{key_id(server_key + root)}"


def tenant_of_token(connection: Connection, hashed: str) -> str:
    """The tenant a token belongs to, by its SHA-256 in hex. Raises `RefusedError` (403): a foreign one."""
    try:
        key = bytes.fromhex(hashed)
    except ValueError:
        key = b""
    query = select(t.enroll_token.c.tenant).where(t.enroll_token.c.hash == key)
    found = connection.execute(query).scalar()
    if found is None:
        raise refused(
            403, "token_unknown", "This token was not made by this server.", "Ask IT for a new one."
        )
    return str(found)


def enrol(connection: Connection, asked: EnrolRequest) -> tuple[str, str]:
    """Use a token and take the seat in; its tenant and team. Raises `RefusedError` in words."""
    hashed, now = _hash(asked.token), time.time()
    tenant = tenant_of_token(connection, hashed.hex())
    if not holds(
        asked.sign_key, asked.proof, ENROL_TAG, asked.token, asked.seat, asked.sign_key, asked.seal_key
    ):
        raise refused(403, "proof", "The seat did not prove that it holds its key.")
    if len(asked.seal_key) != 32 or not _NAME.fullmatch(asked.seat) or len(asked.name) > 200:
        raise refused(400, "seat_name", "The seat's id, name or key is malformed.")
    row = connection.execute(select(t.enroll_token).where(t.enroll_token.c.hash == hashed)).one()
    if row.used_at is not None and row.used_by == asked.sign_key:
        return tenant, str(row.team)
    if row.used_at is not None:
        raise refused(403, "token_used", "This token has been used already.", "Ask IT for a new one.")
    if row.expires_at <= now:
        raise refused(403, "token_expired", "This token has expired.", "Ask IT for a new one.")
    unused = t.enroll_token.c.hash == hashed, t.enroll_token.c.used_at.is_(None)
    taken = update(t.enroll_token).where(*unused).values(used_at=now, used_by=asked.sign_key)
    if connection.execute(taken).rowcount != 1:
        raise refused(403, "token_used", "This token has been used already.", "Ask IT for a new one.")
    known = select(t.seat.c.id).where(t.seat.c.tenant == tenant, t.seat.c.id == asked.seat)
    if connection.execute(known).first() is not None:
        raise refused(
            409,
            "seat_known",
            "A seat of this id has enrolled already, with another key.",
            "A copied or re-imaged machine is a new seat: begin with an empty data folder.",
        )
    connection.execute(
        insert(t.seat).values(
            tenant=tenant,
            id=asked.seat,
            team=row.team,
            name=asked.name.replace("\0", ""),
            sign_key=asked.sign_key,
            seal_key=asked.seal_key,
            enrolled_at=now,
        )
    )
    audit.write(connection, tenant, actor=asked.seat, action="enrol", subject=str(row.team))
    return tenant, str(row.team)


def seat_key(connection: Connection, tenant: str, seat: str) -> tuple[bytes, str]:
    """Public key and team of a seat that may sign in. Raises `RefusedError` (403)."""
    query = select(t.seat.c.sign_key, t.seat.c.team, t.seat.c.revoked_at)
    row = connection.execute(query.where(t.seat.c.tenant == tenant, t.seat.c.id == seat)).first()
    if row is None:
        raise refused(
            403, "seat_unknown", "This seat is not enrolled here.", "Enrol it: halodesk seat enroll"
        )
    if row.revoked_at is not None:
        raise refused(403, "seat_revoked", "This seat has been shut out.", "Tell IT.")
    return bytes(row.sign_key), str(row.team)


def revoke(connection: Connection, tenant: str, seat: str) -> None:
    """Shut a seat out. Raises `SyncError` when there is none of that id."""
    where = t.seat.c.tenant == tenant, t.seat.c.id == seat, t.seat.c.revoked_at.is_(None)
    if connection.execute(update(t.seat).where(*where).values(revoked_at=time.time())).rowcount != 1:
        raise SyncError(f"{tenant} has no seat {seat} that could be shut out.")
    audit.write(connection, tenant, actor="console", action="revoke", subject=seat)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.partition(".")[0].encode()).digest()
