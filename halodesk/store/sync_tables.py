"""Tables of the seat's database for its server: the link, what was acknowledged, what came down."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, text

from halodesk.store.tables import metadata

server_link = Table(
    "server_link",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("url", String, nullable=False),
    Column("authority", LargeBinary, nullable=False),
    Column("tenant", String, nullable=False),
    Column("team", String, nullable=False),
    Column("server_key", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("trust", LargeBinary, nullable=False),
    Column("sign_seed", LargeBinary, nullable=False),
    Column("seal_seed", LargeBinary, nullable=False),
    Column("policy", LargeBinary, nullable=False),
    Column("enrolled", Integer, nullable=False),
    Column("epoch", String, nullable=False, server_default=text("''")),
    Column("catalogue_epoch", String, nullable=False, server_default=text("''")),
    Column("cursor", Integer, nullable=False, server_default=text("0")),
    Column("engine", Integer, nullable=False, server_default=text("0")),
)
"""At most one row: the server this seat belongs to, its keys, the pinned root. `enrolled` is 0 while
the server's answer is awaited. The private keys lie here because this file is encrypted."""

outbox = Table(
    "outbox",
    metadata,
    Column("session", String, ForeignKey("session.id"), primary_key=True),
    Column("acked_seq", Integer, nullable=False),
    Column("acked_head", LargeBinary, nullable=False),
    Column("acked_at", Integer, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("refused_code", String, nullable=False, server_default=text("''")),
    Column("refused_words", String, nullable=False, server_default=text("''")),
)
"""How far each session is on the server, with its receipt; the log itself is what waits to be sent."""

flow_pointer = Table(
    "flow_pointer",
    metadata,
    Column("flow", String, primary_key=True),
    Column("counter", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", String, ForeignKey("flow_version.hash"), nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("pointer", LargeBinary, nullable=False),
)
"""The signed version new sessions of a flow begin on; the counter only grows."""
