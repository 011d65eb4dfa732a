"""The seat's own key, seals and erasures of sessions, the people who sign in.

Revision ID: 0005
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Five tables."""
    op.create_table(
        "seat_key",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sign_seed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "session_seal",
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("files", sa.LargeBinary, nullable=False),
        sa.Column("sent", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "person",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("verifier", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("lease_until", sa.Float),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("locked_until", sa.Float, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "clock_mark",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("latest", sa.Float, nullable=False),
    )
