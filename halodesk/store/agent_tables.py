"""Tables of the agent's day: states, calls, callbacks, favourites."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, String, Table, Text, text

from halodesk.store.tables import metadata

_EMPTY = text("''")

agent_fact = Table(
    "agent_fact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("agent", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False, server_default=_EMPTY),
    Column("call", String, nullable=False, server_default=_EMPTY),
    Column("session", String, nullable=False, server_default=_EMPTY),
    Column("body", LargeBinary, nullable=False),
)
"""Every change of the agent's state, in order. Rows are only added."""

call_record = Table(
    "call_record",
    metadata,
    Column("key", String, primary_key=True),
    Column("direction", String, nullable=False),
    Column("number", String, nullable=False),
    Column("name", String, nullable=False, server_default=_EMPTY),
    Column("begun_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("ended_at", Float),
    Column("reason", String, nullable=False, server_default=_EMPTY),
    Column("session", String, nullable=False, server_default=_EMPTY),
    Column("outcome", String, nullable=False, server_default=_EMPTY),
    Column("missed", Integer, nullable=False, server_default=text("0")),
    Column("seen", Integer, nullable=False, server_default=text("1")),
)
"""One row a call, as it stands now."""

callback = Table(
    "callback",
    metadata,
    Column("id", String, primary_key=True),
    Column("due", Float, nullable=False),
    Column("number", String, nullable=False),
    Column("name", String, nullable=False, server_default=_EMPTY),
    Column("note", Text, nullable=False, server_default=_EMPTY),
    Column("session", String, nullable=False, server_default=_EMPTY),
    Column("made_at", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("closed_at", Float),
)

favourite = Table(
    "favourite",
    metadata,
    Column("number", String, primary_key=True),
    Column("name", String, nullable=False),
)

Index("call_record_begun", call_record.c.begun_at)
Index("callback_open", callback.c.state, callback.c.due)
