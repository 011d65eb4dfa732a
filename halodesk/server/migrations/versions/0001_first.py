"""The first tables of the server.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Tenants, seats, tokens, catalogue, sessions and audit."""
    op.create_table(
        "tenant",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("trust", sa.LargeBinary),
        sa.Column("trust_version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("audited", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("audit_head", sa.LargeBinary),
    )
    op.create_table(
        "seat",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("team", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("sign_key", sa.LargeBinary, nullable=False),
        sa.Column("seal_key", sa.LargeBinary, nullable=False),
        sa.Column("enrolled_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )
    op.create_table(
        "enroll_token",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("team", sa.String, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("used_at", sa.Float),
        sa.Column("used_by", sa.LargeBinary),
    )
    op.create_table(
        "blob",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("sha256", sa.String, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "flow_version",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "flow_pointer",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("counter", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "catalogue_event",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("cursor", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("trust", sa.LargeBinary, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("pointer", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("seat", sa.String, nullable=False),
        sa.Column("team", sa.String, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("flow", sa.String, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("disposition", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
    )
    op.create_table(
        "session_chunk",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("session", sa.String, primary_key=True),
        sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "server",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False),
    )
    op.create_index("session_agent", "session", ["tenant", "agent", "started_at"])
    op.create_index("session_disposition", "session", ["tenant", "disposition", "started_at"])
    op.create_index("session_status", "session", ["tenant", "status", "started_at"])
    op.create_index("session_team", "session", ["tenant", "team", "started_at"])
