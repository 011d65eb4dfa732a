"""The agent's states, calls, callbacks and favourites.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_EMPTY = sa.text("''")


def upgrade() -> None:
    """Four tables of their own; nothing that was there changes."""
    op.create_table(
        "agent_fact",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("call", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("session", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "call_record",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("direction", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("begun_at", sa.Float, nullable=False),
        sa.Column("answered_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("reason", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("session", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("outcome", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("missed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("seen", sa.Integer, nullable=False, server_default=sa.text("1")),
    )
    op.create_index("call_record_begun", "call_record", ["begun_at"])
    op.create_table(
        "callback",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("note", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("session", sa.String, nullable=False, server_default=_EMPTY),
        sa.Column("made_at", sa.Float, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("closed_at", sa.Float),
    )
    op.create_index("callback_open", "callback", ["state", "due"])
    op.create_table(
        "favourite",
        sa.Column("number", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
    )
