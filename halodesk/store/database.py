"""Opens the seat's encrypted database.

Rules:
- SQLCipher with a raw 256-bit key, given first of all on each connection; the plain sqlite3
  module cannot open the file.
- WAL, `synchronous=FULL`: an answer that was acknowledged survives a power cut.
- The schema is brought up to date on opening, by Alembic; a database of a newer HaloDesk is
  refused, not touched.
"""

from __future__ import annotations

import os
from pathlib import Path

import sqlcipher3.dbapi2 as sqlcipher
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from halodesk.engine.errors import StoreError, StoreKeyError

SCHEMA = "0006"
"""The newest migration."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
)


def open_database(path: Path, key: bytes, *, as_it_is: bool = False) -> Engine:
    """An engine on the database at `path`, made and migrated where needed.

    `as_it_is`: for who only looks; nothing is made, migrated or changed. Raises `StoreKeyError` when
    the key does not open it, `StoreError` when it cannot be used.
    """
    try:
        if as_it_is and not path.exists():
            raise StoreError(f"There is no {path.name} in {path.parent}.", "Start HaloDesk once.")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path} cannot be made: {error.strerror}.", "Check the disk and its permissions."
        ) from None
    url = URL.create("sqlite", database=str(path))  # a path may hold signs that mean something in a URL
    engine = create_engine(url, module=sqlcipher, poolclass=QueuePool, pool_size=3, max_overflow=2)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlcipher.Connection, _: object) -> None:
        connection.execute(f"PRAGMA key=\"x'{key.hex()}'\"")
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if as_it_is:
            connection.execute("PRAGMA query_only=ON")

    try:
        with engine.connect() as connection:
            schema_version(connection) if as_it_is else _migrate(connection)
    except StoreError:
        engine.dispose()
        raise
    except DatabaseError as error:
        engine.dispose()
        if "not a database" in str(error.orig):
            raise StoreKeyError(
                f"The key of this seat does not open {path.name}.",
                "Restore the key from the keyring backup, or move the file away to begin anew.",
            ) from None
        raise StoreError(
            f"{path.name} cannot be used: {error.orig}.", "Check the disk and its permissions."
        ) from None
    return engine


def _migrate(connection: Connection) -> None:
    current = schema_version(connection)
    connection.rollback()
    if current == SCHEMA:
        return
    if current > SCHEMA:
        raise StoreError("This database was written by a newer HaloDesk.", "Update HaloDesk on this seat.")
    # All or nothing, and one process at a time: a crash in between must not leave half of the tables.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    if schema_version(connection) == SCHEMA:
        connection.rollback()
        return
    from alembic import command  # 0.2 s of imports that only a new or old database needs
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "halodesk.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def schema_version(connection: Connection) -> str:
    """Version of the schema; empty in a new database."""
    known = text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
    if not connection.execute(known).scalar():
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def damage(connection: Connection) -> list[str]:
    """What is damaged in the file, in SQLite's words; empty where every page is as it was written.

    SQLCipher checks the authentication code of each page, SQLite how the pages hang together. Reads
    the whole file.
    """
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA cipher_integrity_check")]
    if not found:
        rows = connection.exec_driver_sql("PRAGMA integrity_check(20)")
        found = [str(row[0]) for row in rows if row[0] != "ok"]
    return found
