"""Tables of the seat's database."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

seat = Table(
    "seat",
    metadata,
    Column("id", String, primary_key=True),
    Column("sessions", Integer, nullable=False, server_default=text("0")),
)
"""One row: this seat and how many sessions it has ever begun (a gap shows a deletion)."""

flow_version = Table(
    "flow_version",
    metadata,
    Column("hash", String, primary_key=True),
    Column("key", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Every flow document a session of this seat ran on, so that it replays for ever."""

session = Table(
    "session",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("flow", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("flow_hash", String, ForeignKey("flow_version.hash"), nullable=False),
    Column("agent", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("disposition", String, nullable=False, server_default=text("''")),
    Column("status", String, nullable=False),
    Column("recording", String, nullable=False, server_default=text("''")),
)
"""One row a session, rebuilt from its events on every append."""

event = Table(
    "event",
    metadata,
    Column("session", String, ForeignKey("session.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
    Column("payload", LargeBinary),
    sqlite_with_rowid=False,
)
"""The log. Rows are never changed; an erasure empties salt and payload."""

draft = Table(
    "draft",
    metadata,
    Column("session", String, ForeignKey("session.id"), primary_key=True),
    Column("step", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)
"""Half-typed input of open sessions; emptied when the step is left."""

session_search = Table(
    "session_search",
    metadata,
    Column("session", String, ForeignKey("session.id"), primary_key=True),
    Column("incidents", Integer, nullable=False),
    Column("flow_name", String, nullable=False),
    Column("words", Text, nullable=False),
)
"""What can be searched, made from the events; a row goes with every change of them (triggers)."""

recording = Table(
    "recording",
    metadata,
    Column("path", String, primary_key=True),
    Column("session", String, ForeignKey("session.id"), nullable=False),
    Column("sha256", String, nullable=False),
    Column("deleted_at", Float),
    Column("gone", Boolean, nullable=False, server_default=text("0")),
)
"""Files of recordings. `deleted_at`: the record says that it was deleted; `gone`: and so it is."""

recording_hold = Table(
    "recording_hold",
    metadata,
    Column("session", String, ForeignKey("session.id"), primary_key=True),
    Column("reason", String, nullable=False),
    Column("who", String, nullable=False),
    Column("at", Float, nullable=False),
)
"""Sessions whose recordings must not be deleted, whatever their age."""

Index("session_open", session.c.status, session.c.started_at)
