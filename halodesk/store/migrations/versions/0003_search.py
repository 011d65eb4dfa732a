"""The words of each session, to be searched.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# What was indexed holds no longer once something was added or erased: the row goes at once, so that
# an erased answer cannot be found by its words; the index is made anew from what is left.
_FORGET = """
CREATE TRIGGER {name} AFTER {change} ON event
BEGIN DELETE FROM session_search WHERE session = {row}.session; END
"""


def upgrade() -> None:
    """A table that can be made anew at any time, and the triggers that keep it honest."""
    op.create_table(
        "session_search",
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("incidents", sa.Integer, nullable=False),
        sa.Column("flow_name", sa.String, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    for name, change, row in (
        ("search_added", "INSERT", "NEW"),
        ("search_erased", "UPDATE OF payload", "NEW"),
        ("search_deleted", "DELETE", "OLD"),
    ):
        op.execute(_FORGET.format(name=name, change=change, row=row))
