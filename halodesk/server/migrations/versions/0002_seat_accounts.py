"""Which accounts of a PBX belong to which seat, and which calls seats have masked.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "seat_account",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("pbx", sa.String, primary_key=True),
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("seat", sa.String, nullable=False),
    )
    op.create_table(
        "mask_lease",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("pbx", sa.String, primary_key=True),
        sa.Column("call", sa.String, primary_key=True),
        sa.Column("seat", sa.String, nullable=False),
    )
