"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Seat, flow versions, sessions, events and drafts."""
    op.create_table(
        "seat",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("sessions", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "flow_version",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("flow", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("flow_hash", sa.String, sa.ForeignKey("flow_version.hash"), nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("disposition", sa.String, nullable=False, server_default=sa.text("''")),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("recording", sa.String, nullable=False, server_default=sa.text("''")),
    )
    op.create_index("session_open", "session", ["status", "started_at"])
    op.create_table(
        "event",
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("payload", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "draft",
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("step", sa.String, primary_key=True),
        sa.Column("field", sa.String, primary_key=True),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
