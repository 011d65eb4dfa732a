"""Recordings: which files there are, which must be kept, which are being deleted.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_KEPT = """
SELECT e.session, e.payload FROM event e
WHERE e.payload IS NOT NULL AND instr(CAST(e.payload AS TEXT), '"recording_kept"')
"""


def upgrade() -> None:
    """The table is filled from the events that are there."""
    recording = op.create_table(
        "recording",
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("deleted_at", sa.Float),
        sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "recording_hold",
        sa.Column("session", sa.String, sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    known = {}
    for session, payload in op.get_bind().execute(sa.text(_KEPT)):
        event = json.loads(payload)
        if event.get("event") == "recording_kept" and event.get("path"):
            known[event["path"]] = {
                "path": event["path"],
                "session": session,
                "sha256": event.get("sha256", ""),
                "gone": False,
            }
    if known:
        op.bulk_insert(recording, list(known.values()))
