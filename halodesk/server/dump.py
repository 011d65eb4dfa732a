"""Every row of a server's database, for whoever looks for what must not be in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from halodesk.server.database import open_database
from halodesk.store.dump import Row, rows


def server_rows(folder: Path) -> list[Row]:
    """Of the server in that folder. Raises `StoreError`, `ServerAwayError`."""
    database = open_database(folder)
    try:
        return asyncio.run(database.read(lambda connection: list(rows(connection))))
    finally:
        database.close()
