"""Key holders, requests to open sealed values, and the shares that answer them.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Three tables."""
    op.create_table(
        "holder_list",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "unseal_request",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("asker", sa.String, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("opened_at", sa.Float),
        sa.Column("opened", sa.LargeBinary),
    )
    op.create_table(
        "unseal_share",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("request", sa.String, primary_key=True),
        sa.Column("kid", sa.String, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
    )
