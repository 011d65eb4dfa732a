"""Alembic's way in: runs migrations on the connection `halodesk.server.database` hands over."""

from __future__ import annotations

from alembic import context

from halodesk.server.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
