"""Who may sign in at a tenant's seats; jobs on the database.

The seat asks on behalf of a person; what it gets is the role, and for how long it may let that person
in by itself. Wrong passwords lock a name as at the seat, for all seats at once.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from halodesk.crypto import verifier
from halodesk.engine.roles import ROLES
from halodesk.protocol.sync import SyncError
from halodesk.server import audit
from halodesk.server import audit_tables as a
from halodesk.server.access import Holder, refused
from halodesk.server.tenants import ensure_tenant

FREE_TRIES, FIRST_LOCK_S, LONGEST_LOCK_S = 3, 5.0, 3600.0
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One of a tenant. An empty team may sign in at every seat."""

    name: str
    role: str
    team: str
    verifier: str
    failures: int = 0
    locked_until: float = 0.0


def listed(connection: Connection, tenant: str) -> list[Person]:
    """Everybody, by name."""
    columns = [column for column in a.person.c if column.name != "tenant"]
    query = select(*columns).where(a.person.c.tenant == tenant).order_by(a.person.c.name)
    return [Person(**row) for row in connection.execute(query).mappings()]


def add(connection: Connection, tenant: str, *, name: str, role: str, team: str, kept: str) -> None:
    """`kept` is the verifier of the password. Raises `SyncError` in words."""
    ensure_tenant(connection, tenant)
    name = name.strip()
    _check(name, role)
    if _find(connection, tenant, name) is not None:
        raise SyncError(f"{name} is here already.", "See: halodesk server people list")
    connection.execute(insert(a.person).values(tenant=tenant, name=name, role=role, team=team, verifier=kept))
    audit.write(connection, tenant, actor="console", action="person_added", subject=name, detail=role)


def change(connection: Connection, tenant: str, *, name: str, role: str = "", kept: str = "") -> None:
    """Another role or password. Raises `SyncError`."""
    person = _one(connection, tenant, name)
    values: dict[str, Any] = {}
    if role:
        _check(person.name, role)
        values["role"] = role
    if kept:
        values |= {"verifier": kept, "failures": 0, "locked_until": 0.0}
    connection.execute(update(a.person).where(*_mine(tenant, person.name)).values(**values))
    what = role or "new password"
    audit.write(
        connection, tenant, actor="console", action="person_changed", subject=person.name, detail=what
    )


def remove(connection: Connection, tenant: str, name: str) -> None:
    """Let a person in no more: at once where seats reach the server, else when the lease ends."""
    person = _one(connection, tenant, name)
    connection.execute(delete(a.person).where(*_mine(tenant, person.name)))
    audit.write(connection, tenant, actor="console", action="person_removed", subject=person.name)


def who(connection: Connection, holder: Holder, name: str, now: float) -> Person | None:
    """The person that may sign in at that seat, None for nobody. Raises `RefusedError` (403): locked."""
    person = _find(connection, holder.tenant, name)
    if person is None or person.team not in ("", holder.team):
        return None
    left = person.locked_until - now
    if left > 0:
        words = f"Wait {int(min(left, LONGEST_LOCK_S)) + 1} seconds."
        raise refused(403, "sign_in_locked", "There were too many wrong passwords for this name.", words)
    return person


def settle(connection: Connection, holder: Holder, name: str, *, good: bool, now: float) -> None:
    """Count a wrong password, or forget those before."""
    person = _find(connection, holder.tenant, name)
    if person is None:
        return
    failures = 0 if good else person.failures + 1
    until = now + _lock_s(failures) if failures > FREE_TRIES else 0.0
    mine = _mine(holder.tenant, person.name)
    connection.execute(update(a.person).where(*mine).values(failures=failures, locked_until=until))
    if failures == FREE_TRIES + 1:
        audit.write(
            connection, holder.tenant, actor=holder.subject, action="sign_in_locked", subject=person.name
        )


def fits(person: Person | None, password: str) -> bool:
    """Whether it is the person's password; as slow for nobody. Blocks for 0.1 s."""
    return verifier.fits(person.verifier if person is not None else verifier.NOBODY, password)


def _lock_s(failures: int) -> float:
    return float(min(FIRST_LOCK_S * 2.0 ** min(failures - FREE_TRIES - 1, 20), LONGEST_LOCK_S))


def _mine(tenant: str, name: str) -> tuple[Any, Any]:
    return a.person.c.tenant == tenant, a.person.c.name == name


def _find(connection: Connection, tenant: str, name: str) -> Person | None:
    wanted = name.strip().casefold()
    return next((one for one in listed(connection, tenant) if one.name.casefold() == wanted), None)


def _one(connection: Connection, tenant: str, name: str) -> Person:
    person = _find(connection, tenant, name)
    if person is None:
        raise SyncError(f"There is no {name.strip()} in {tenant}.", "See: halodesk server people list")
    return person


def _check(name: str, role: str) -> None:
    if not _NAME.fullmatch(name):
        raise SyncError("This is no name of a person.", "Use up to 80 characters on one line.")
    if role not in ROLES:
        raise SyncError(f"There is no role {role}.", f"Use one of {', '.join(ROLES)}.")
