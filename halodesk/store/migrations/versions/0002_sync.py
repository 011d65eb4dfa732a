"""The link to a server.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Link, outbox and flow pointers."""
    op.create_table(
        "server_link",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("authority", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("team", sa.String, nullable=False),
        sa.Column("server_key", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("trust", sa.LargeBinary, nullable=False),
        sa.Column("sign_seed", sa.LargeBinary, nullable=False),
        sa.Column("seal_seed", sa.LargeBinary, nullable=False),
        sa.Column("policy", sa.LargeBinary, nullable=False),
        sa.Column("enrolled", sa.Integer, nullable=False),
        sa.Column("epoch", sa.String, nullable=False, server_default=sa.text("''")),
        sa.Column("catalogue_epoch", sa.String, nullable=False, server_default=sa.text("''")),
        sa.Column("cursor", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("engine", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "outbox",
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("acked_seq", sa.Integer, nullable=False),
        sa.Column("acked_head", sa.LargeBinary, nullable=False),
        sa.Column("acked_at", sa.Integer, nullable=False),
        sa.Column("receipt", sa.LargeBinary, nullable=False),
        sa.Column("refused_code", sa.String, nullable=False, server_default=sa.text("''")),
        sa.Column("refused_words", sa.String, nullable=False, server_default=sa.text("''")),
    )
    op.create_table(
        "flow_pointer",
        sa.Column("flow", sa.String, primary_key=True),
        sa.Column("counter", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.String, sa.ForeignKey("flow_version.hash"), nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("pointer", sa.LargeBinary, nullable=False),
    )
