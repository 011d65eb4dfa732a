"""The seat's tables for its server: the migration makes them, and keeps what was there."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlcipher3.dbapi2 as sqlcipher
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, select

from halodesk.store import sync_tables as s
from halodesk.store import tables as t
from halodesk.store.database import open_database

KEY = b"k" * 32


def test_the_migrations_make_the_tables_the_code_uses(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "seat.db", KEY)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), t.metadata)
    engine.dispose()
    assert differences == []


@pytest.mark.parametrize("opened", [1, 2])
def test_a_database_from_before_the_server_is_taken_along(tmp_path: Path, opened: int) -> None:
    path = tmp_path / "seat.db"
    before = create_engine(f"sqlite:///{path}", module=sqlcipher)
    with before.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA key=\"x'{KEY.hex()}'\"")
        config = Config()
        config.set_main_option("script_location", "halodesk.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(insert(t.seat).values(id="seat-old", sessions=7))
        connection.commit()
    before.dispose()
    for _ in range(opened):
        engine = open_database(path, KEY)
        with engine.connect() as connection:
            assert connection.execute(select(t.seat.c.id, t.seat.c.sessions)).one() == ("seat-old", 7)
            assert connection.execute(select(s.server_link)).all() == []
        engine.dispose()
