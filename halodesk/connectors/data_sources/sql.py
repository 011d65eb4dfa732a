"""Rows of a database, by SQLAlchemy: SQLite files and PostgreSQL.

Rules:
- Values reach a query as bound parameters (`:name`) only, never as text.
- One SELECT (or WITH … SELECT), without `;`: nothing can end the transaction, which is read-only
  in the database itself (PostgreSQL) or in the file's mode (SQLite), and rolled back.
- A query that takes too long is interrupted over there, not only given up here.
- What a database says of an error may quote its data: it is not shown.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from halodesk.connectors.data_sources.provider import DataConnection, Kind, UnreadableError
from halodesk.engine.errors import SettingsError

_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_CONNECT_SECONDS = 5


class SqlReader:
    """`Reader` of one database; a connection a query."""

    def __init__(self, connection: DataConnection) -> None:
        self._name, self._seconds = connection.name, connection.timeout_s
        try:
            self._engine = _engine(make_url(connection.url))
        except (ArgumentError, ImportError, ValueError):
            raise SettingsError(
                f"The address of the data connection “{connection.name}” cannot be used.",
                "Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.",
            ) from None

    def rows(self, query: str, parameters: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """The first rows of the query."""
        bare = query.strip().removesuffix(";")
        if not _SELECT.match(bare) or ";" in bare:
            raise UnreadableError(f"The query to “{self._name}” is not one SELECT. Tell your supervisor.")
        statement = text(bare)
        missing = sorted(set(statement.compile().params) - set(parameters))
        if missing:
            raise UnreadableError(f"The query to “{self._name}” lacks a value for “{missing[0]}”.")
        late = threading.Event()
        try:
            with self._engine.connect() as connection:
                watch = threading.Timer(self._seconds, _interrupt, (connection, late))
                watch.daemon = True
                watch.start()
                try:
                    used = {name: parameters[name] for name in statement.compile().params}
                    found = connection.execute(statement, used).mappings().fetchmany(limit)
                finally:
                    watch.cancel()
                    watch.join()
                    connection.rollback()
        except SQLAlchemyError:
            if late.is_set():
                raise UnreadableError(
                    f"The query to “{self._name}” took longer than {self._seconds:g} seconds."
                ) from None
            raise UnreadableError(f"The database “{self._name}” did not answer the query. Tell IT.") from None
        return [{str(name): _plain(value) for name, value in row.items()} for row in found]


def _engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    if backend == "sqlite":
        file = Path(url.database or "").resolve()
        if not url.database or url.query:
            raise ValueError("no file")
        read_only = URL.create("sqlite", database=file.as_uri(), query={"mode": "ro", "uri": "true"})
        return create_engine(read_only, poolclass=NullPool)
    if backend == "postgresql":
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
            execution_options={"postgresql_readonly": True},
        )
    raise ValueError("no such database")


def _interrupt(connection: Connection, late: threading.Event) -> None:
    late.set()
    driver = connection.connection.driver_connection
    # sqlite3 calls it interrupt, psycopg cancel; both are made to be called from another thread.
    stop = getattr(driver, "interrupt", None) or getattr(driver, "cancel", None)
    if stop is not None:
        stop()


def _plain(value: Any) -> Any:
    """As JSON: exact numbers, dates and ids as text."""
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)


KIND = Kind(key="sql", label="Database (SQL)", build=SqlReader)
