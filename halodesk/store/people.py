"""Who may sign in at this seat; reads from any thread, writes through the one writer.

Rules:
- `local` people were added here and stay until they are removed. `server` people signed in with the
  server once: until their lease ends they sign in without it, then only with it.
- Wrong passwords lock a name: nothing for the first three, then 5 s, 10 s, 20 s … up to an hour. That
  is on disk before the answer is given: a restart does not help, nor does a clock that is set back.
- The latest time the clock has ever shown is kept. While the clock is behind it, no lease is believed:
  only the server, or a right clock, lets such a person in. The server's time corrects what is kept.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.engine.errors import StoreError
from halodesk.engine.roles import ROLES
from halodesk.store import audit_tables as a
from halodesk.store.writer import Writer

FREE_TRIES = 3
FIRST_LOCK_S, LONGEST_LOCK_S = 5.0, 3600.0
SET_BACK_S = 300.0
"""A clock may be corrected by so much without a word."""
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """`lease_until`: Unix seconds, None without an end."""

    name: str
    role: str
    origin: Literal["local", "server"]
    verifier: str
    lease_until: float | None = None
    failures: int = 0
    locked_until: float = 0.0


class People:
    """Part of `SeatStore`."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(a.person).order_by(a.person.c.name)).mappings()
            return [Person(**row) for row in rows]

    def find(self, name: str) -> Person | None:
        """By name, whatever its case."""
        wanted = name.strip().casefold()
        return next((person for person in self.all() if person.name.casefold() == wanted), None)

    def add(self, name: str, role: str, verifier: str) -> None:
        """A person of this seat. Raises `StoreError` in words. Blocks."""
        name = name.strip()
        _check(name, role)
        if self.find(name) is not None:
            raise StoreError(f"{name} is here already.", "See: halodesk people list")
        values = {"name": name, "role": role, "verifier": verifier, "origin": "local"}
        self._do(insert(a.person).values(**values))

    def change(self, name: str, *, role: str = "", verifier: str = "") -> Person:
        """Another role or password; a new password also ends a lock. Raises `StoreError`. Blocks."""
        person = self._one(name)
        values: dict[str, Any] = {}
        if role:
            _check(person.name, role)
            values["role"] = role
        if verifier:
            values |= {"verifier": verifier, "failures": 0, "locked_until": 0.0}
        self._do(update(a.person).where(a.person.c.name == person.name).values(**values))
        return person

    def remove(self, name: str) -> Person:
        """Let a person in no more. Raises `StoreError`. Blocks."""
        person = self._one(name)
        self._do(delete(a.person).where(a.person.c.name == person.name))
        return person

    def lease(self, name: str, role: str, verifier: str, until: float, now: float) -> None:
        """A person the server has let in `now` (its time) may sign in without it until then. Blocks."""
        values = {
            "role": role if role in ROLES else "agent",
            "verifier": verifier,
            "lease_until": until,
            "failures": 0,
            "locked_until": 0.0,
        }
        self._do(
            upsert(a.person)
            .values(name=name, origin="server", **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )
        self._do(update(a.clock_mark).values(latest=now))

    def failed(self, person: Person, now: float) -> float:
        """One more wrong password; the time until which the name is locked, 0 for not. Blocks."""
        return float(self._writer.submit(partial(_failed, name=person.name, now=now)).result(10))

    def came_in(self, name: str) -> None:
        """The password was right: the count of wrong ones starts anew. Blocks."""
        change = update(a.person).where(a.person.c.name == name)
        self._do(change.values(failures=0, locked_until=0.0))

    def latest(self, wall: float) -> float:
        """The latest time the clock has shown, `wall` (now) among them; kept. Blocks."""
        return float(self._writer.submit(partial(_latest, wall=wall)).result(10))

    def locked_for(self, person: Person, wall: float) -> float:
        """Seconds for which the name is still locked; never longer than that many failures deserve."""
        return max(0.0, min(person.locked_until - wall, lock_s(person.failures)))

    def _one(self, name: str) -> Person:
        person = self.find(name)
        if person is None:
            raise StoreError(f"There is no {name.strip()} here.", "See: halodesk people list")
        return person

    def _do(self, statement: Any) -> None:
        self._writer.submit(partial(_execute, statement=statement)).result(10)


def lock_s(failures: int) -> float:
    """How long a name is locked after so many wrong passwords in a row."""
    if failures <= FREE_TRIES:
        return 0.0
    return float(min(FIRST_LOCK_S * 2.0 ** min(failures - FREE_TRIES - 1, 20), LONGEST_LOCK_S))


def _check(name: str, role: str) -> None:
    if not _NAME.fullmatch(name):
        raise StoreError("This is no name of a person.", "Use up to 80 characters on one line.")
    if role not in ROLES:
        raise StoreError(f"There is no role {role}.", f"Use one of {', '.join(ROLES)}.")


def _execute(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def _failed(connection: Connection, *, name: str, now: float) -> float:
    mine = a.person.c.name == name
    failures = (connection.execute(select(a.person.c.failures).where(mine)).scalar() or 0) + 1
    seconds = lock_s(failures)
    until = now + seconds if seconds else 0.0
    connection.execute(update(a.person).where(mine).values(failures=failures, locked_until=until))
    return until


def _latest(connection: Connection, *, wall: float) -> float:
    known = connection.execute(select(a.clock_mark.c.latest)).scalar()
    if known is None:
        connection.execute(insert(a.clock_mark).values(one=1, latest=wall))
        return wall
    if wall > known:
        connection.execute(update(a.clock_mark).values(latest=wall))
    return max(float(known), wall)
