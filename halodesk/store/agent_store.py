"""The agent's day on disk: `runtime.agent_records.AgentStore` over the seat's database.

Writing is a job of the one writer; reading is done where it is asked for, from small indexed tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, case, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.runtime.agent_records import MOST_CALLS, AgentFact, Callback, CallRecord, Favourite
from halodesk.runtime.agent_state import AgentState
from halodesk.store import agent_tables as t
from halodesk.store.writer import Writer


class AgentDayStore:
    """See `AgentStore`."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine, self._writer = engine, writer

    def last_state(self) -> AgentFact | None:
        """The last fact; a body of a release that cannot be read counts as none."""
        query = select(t.agent_fact).order_by(t.agent_fact.c.id.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        values = {name: value for name, value in row.items() if name not in ("id", "body")}
        try:
            return AgentFact(**values, body=msgspec.json.decode(row["body"], type=AgentState))
        except msgspec.DecodeError:
            return None

    def facts(self, since: float = 0.0) -> list[tuple[float, str, str, str, str, str]]:
        """Time, agent, state, reason, call and session of every change, in order: for reports."""
        c = t.agent_fact.c
        query = select(c.at, c.agent, c.state, c.reason, c.call, c.session).where(c.at >= since)
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(c.id))]

    def keep_state(self, fact: AgentFact) -> Future[Any]:
        """Adds a fact."""
        values = msgspec.structs.asdict(fact) | {"body": msgspec.json.encode(fact.body)}
        return self._writer.submit(partial(_execute, statement=insert(t.agent_fact).values(**values)))

    def calls(self, limit: int = MOST_CALLS) -> Sequence[CallRecord]:
        """Newest first."""
        query = select(t.call_record).order_by(t.call_record.c.begun_at.desc()).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            CallRecord(**{**row, "missed": bool(row["missed"]), "seen": bool(row["seen"])}) for row in rows
        ]

    def keep_call(self, record: CallRecord) -> Future[Any]:
        """New, or as it is now. The first outcome stays: it is given once."""
        values = msgspec.structs.asdict(record)
        statement = upsert(t.call_record).values(**values)
        new: dict[str, Any] = dict(statement.excluded)
        new.pop("key")
        had = t.call_record.c.outcome
        new["outcome"] = case((had != "", had), else_=statement.excluded.outcome)
        statement = statement.on_conflict_do_update(index_elements=["key"], set_=new)
        return self._writer.submit(partial(_execute, statement=statement))

    def see_calls(self) -> Future[Any]:
        """No missed call is news any more."""
        unseen = t.call_record.c.seen == 0
        return self._writer.submit(
            partial(_execute, statement=update(t.call_record).where(unseen).values(seen=1))
        )

    def callbacks(self) -> Sequence[Callback]:
        """Those that are open, the first that is due first."""
        query = select(t.callback).where(t.callback.c.state == "open").order_by(t.callback.c.due)
        with self._engine.connect() as connection:
            return [Callback(**row) for row in connection.execute(query).mappings()]

    def keep_callback(self, callback: Callback) -> Future[Any]:
        """New, or as it is now."""
        values = msgspec.structs.asdict(callback)
        statement = upsert(t.callback).values(**values)
        statement = statement.on_conflict_do_update(
            index_elements=["id"], set_={name: value for name, value in values.items() if name != "id"}
        )
        return self._writer.submit(partial(_execute, statement=statement))

    def favourites(self) -> Sequence[Favourite]:
        """By name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.favourite).order_by(t.favourite.c.name)).mappings()
            return [Favourite(**row) for row in rows]

    def keep_favourite(self, favourite: Favourite) -> Future[Any]:
        """New, or under another name."""
        statement = upsert(t.favourite).values(number=favourite.number, name=favourite.name)
        statement = statement.on_conflict_do_update(index_elements=["number"], set_={"name": favourite.name})
        return self._writer.submit(partial(_execute, statement=statement))

    def drop_favourite(self, number: str) -> Future[Any]:
        """No favourite any more."""
        statement = delete(t.favourite).where(t.favourite.c.number == number)
        return self._writer.submit(partial(_execute, statement=statement))


def _execute(connection: Connection, statement: Any) -> None:
    connection.execute(statement)
