"""Every row of a database in the clear, for whoever looks for what must not be in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from halodesk.crypto.keystore import load_key
from halodesk.store.database import open_database
from halodesk.store.seat_store import FILE

Row = tuple[str, tuple[bytes, ...]]
"""Table, and its cells as bytes: text in UTF-8, numbers as they are written."""


def rows(connection: Connection) -> Iterator[Row]:
    """All rows of all tables."""
    for table in inspect(connection).get_table_names():
        name = connection.dialect.identifier_preparer.quote(table)
        for row in connection.execute(text(f"SELECT * FROM {name}")):  # noqa: S608  # a name of the file itself
            yield table, tuple(_bytes(cell) for cell in row)


def seat_rows(folder: Path) -> list[Row]:
    """Of the seat's own database, decrypted. Raises `StoreError`."""
    key, _ = load_key(folder)
    engine = open_database(folder / FILE, key, as_it_is=True)
    try:
        with engine.connect() as connection:
            return list(rows(connection))
    finally:
        engine.dispose()


def _bytes(cell: object) -> bytes:
    if cell is None:
        return b""
    return bytes(cell) if isinstance(cell, bytes | bytearray | memoryview) else str(cell).encode()
