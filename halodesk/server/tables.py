"""Tables of the server's database: the tenant comes first in every key."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData()

tenant = Table(
    "tenant",
    metadata,
    Column("id", String, primary_key=True),
    Column("cursor", BigInteger, nullable=False, server_default=text("0")),
    Column("trust", LargeBinary),
    Column("trust_version", BigInteger, nullable=False, server_default=text("0")),
    Column("audited", BigInteger, nullable=False, server_default=text("0")),
    Column("audit_head", LargeBinary),
)
"""An organisation. `cursor` counts its catalogue and is raised in the publishing transaction itself:
a sequence would hand out numbers in another order than they become visible."""

seat = Table(
    "seat",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("team", String, nullable=False),
    Column("name", String, nullable=False),
    Column("sign_key", LargeBinary, nullable=False),
    Column("seal_key", LargeBinary, nullable=False),
    Column("enrolled_at", Float, nullable=False),
    Column("revoked_at", Float),
)

seat_account = Table(
    "seat_account",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("pbx", String, primary_key=True),
    Column("account", String, primary_key=True),
    Column("seat", String, nullable=False),
)
"""Whose calls a seat may have masked: the accounts of a PBX that IT gave it."""

mask_lease = Table(
    "mask_lease",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("pbx", String, primary_key=True),
    Column("call", String, primary_key=True),
    Column("seat", String, nullable=False),
)
"""Calls (SIP Call-IDs) that seats have masked."""

enroll_token = Table(
    "enroll_token",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("team", String, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Column("used_by", LargeBinary),
)
"""Only the SHA-256 of a token is kept. `used_by` is the key that used it, which may ask again:
its answer may have been lost."""

blob = Table(
    "blob",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("sha256", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

flow_version = Table(
    "flow_version",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("flow", String, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("content", String, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
)

flow_pointer = Table(
    "flow_pointer",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("flow", String, primary_key=True),
    Column("counter", BigInteger, nullable=False),
)
"""The newest pointer's counter: the log of pointers is the catalogue."""

catalogue_event = Table(
    "catalogue_event",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("trust", LargeBinary, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("pointer", LargeBinary, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("seat", String, nullable=False),
    Column("team", String, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("flow", String, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("agent", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("disposition", String, nullable=False),
    Column("status", String, nullable=False),
    Column("number", BigInteger),
)
"""One line a session, as its chunks tell it; `status` is open or ended, `number` which one of its seat."""

session_chunk = Table(
    "session_chunk",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("session", String, primary_key=True),
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The seat's exact lines with its signature over the head they end at."""

flow_agent = Table(
    "flow_agent",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("tenant", "name"),
)
"""A flow agent and its newest version."""

flow_agent_version = Table(
    "flow_agent_version",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Its documents; none is ever changed."""

flow_agent_order = Table(
    "flow_agent_order",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("actor", String, nullable=False),
    Column("key", String, nullable=False),
    Column("asked", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("seat", String, nullable=False),
    Column("to", String, nullable=False),
    Column("parameters", LargeBinary, nullable=False),
    Column("ordered_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("taker", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
    UniqueConstraint("tenant", "actor", "key"),
)
"""Calls that flow agents are to make. `asked`: SHA-256 of what was asked for with that key. `state` is what
was said last: an order that nobody took in time is still waiting here (`flow_agent_orders.state_of`)."""

audit = Table(
    "audit",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("head", LargeBinary, nullable=False),
)
"""What was done to the server and what it refused for good; rows are chained and never changed."""

holder_list = Table(
    "holder_list",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""The newest list of key holders of a tenant, as its root signed it."""

unseal_request = Table(
    "unseal_request",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("asker", String, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("opened_at", Float),
    Column("opened", LargeBinary),
)
"""Requests to open a sealed value; `data` and `opened` are the asker's signed words. Times are ours."""

unseal_share = Table(
    "unseal_share",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("request", String, primary_key=True),
    Column("kid", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("received_at", Float, nullable=False),
)
"""A holder's signed approval: a share that only the asker's machine can read."""

server = Table(
    "server",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
)
"""One row: the name of this database."""

Index(
    "flow_agent_order_waiting",
    flow_agent_order.c.state,
    flow_agent_order.c.tenant,
    flow_agent_order.c.seat,
    flow_agent_order.c.expires_at,
)
Index("session_team", session.c.tenant, session.c.team, session.c.started_at)
Index("session_agent", session.c.tenant, session.c.agent, session.c.started_at)
Index("session_disposition", session.c.tenant, session.c.disposition, session.c.started_at)
Index("session_status", session.c.tenant, session.c.status, session.c.started_at)
