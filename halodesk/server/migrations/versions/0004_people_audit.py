"""The seats' counts of their sessions, erasures that were carried out, people who sign in.

Revision ID: 0004
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Four tables, and the number of each session."""
    op.add_column("session", sa.Column("number", sa.BigInteger))
    op.create_index("session_number", "session", ["tenant", "seat", "number"], unique=True)
    op.create_table(
        "seat_count",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("seat", sa.String, primary_key=True),
        sa.Column("highest", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session_gap",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("seat", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("noticed_at", sa.Float, nullable=False),
        sa.Column("told", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "erasure",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("session", sa.String, nullable=False),
        sa.Column("seat", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "person",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("team", sa.String, nullable=False),
        sa.Column("verifier", sa.String, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("locked_until", sa.Float, nullable=False, server_default=sa.text("0")),
    )
