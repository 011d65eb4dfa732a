"""Tables of the server's database for what seats may not lose or keep: counts, gaps, erasures; and people."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table, text

from halodesk.server.tables import metadata, session

seat_count = Table(
    "seat_count",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("seat", String, primary_key=True),
    Column("highest", BigInteger, nullable=False),
)
"""The greatest number of a session that a seat has sent."""

session_gap = Table(
    "session_gap",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("seat", String, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("noticed_at", Float, nullable=False),
    Column("told", Integer, nullable=False, server_default=text("0")),
)
"""Numbers below the greatest whose session has not come. `told`: the alarm was raised."""

erasure = Table(
    "erasure",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("session", String, nullable=False),
    Column("seat", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("signed", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
"""Orders to erase that were carried out, as the seat signed them."""

person = Table(
    "person",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("team", String, nullable=False),
    Column("verifier", String, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", Float, nullable=False, server_default=text("0")),
)
"""Who may sign in at the seats of a team; an empty team: at all."""

Index("session_number", session.c.tenant, session.c.seat, session.c.number, unique=True)
