"""Tables of the seat's database for its own proof: key, seals, erasures; and for who works here."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, String, Table, text

from halodesk.store.tables import metadata

seat_key = Table(
    "seat_key",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("sign_seed", LargeBinary, nullable=False),
)
"""At most one row: the Ed25519 seed of this seat. It lies here because this file is encrypted."""

session_seal = Table(
    "session_seal",
    metadata,
    Column("session", String, ForeignKey("session.id"), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("at", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
"""The seat's signature over the head a session was closed at (HDSEAL1); anew after each late fact."""

erasure = Table(
    "erasure",
    metadata,
    Column("id", String, primary_key=True),
    Column("session", String, ForeignKey("session.id"), nullable=False),
    Column("signed", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("files", LargeBinary, nullable=False),
    Column("sent", Integer, nullable=False, server_default=text("0")),
)
"""Orders to erase (`protocol.erasure`), each signed. `files`: JSON list of recordings still to be deleted."""

person = Table(
    "person",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("verifier", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("lease_until", Float),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", Float, nullable=False, server_default=text("0")),
)
"""Who may sign in. `verifier`: Argon2id in PHC form; `lease_until`: Unix seconds, for people of a server."""

clock_mark = Table(
    "clock_mark",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("latest", Float, nullable=False),
)
"""The latest time this seat's clock has shown, so that one that was set back is noticed."""
