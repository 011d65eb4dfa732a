"""Lists from outside: CSV and JSON files and a real database, read and only read."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from halodesk.connectors.data_sources import DataSources, kinds
from halodesk.connectors.data_sources.provider import LARGEST_FILE, DataConnection
from halodesk.engine.errors import SettingsError
from halodesk.runtime.effect_ports import DataAnswer
from tests.server.postgres import Postgres, binaries


class Query(msgspec.Struct, frozen=True, kw_only=True):
    source: str = "list"
    connection: str = ""
    query: str = ""
    parameters: dict[str, Any] = {}
    limit: int = 100


def ask(connection: DataConnection, **query: Any) -> DataAnswer:
    return asyncio.run(DataSources([connection]).rows(Query(**query)))


def rows(connection: DataConnection, **query: Any) -> list[dict[str, Any]]:
    answer = ask(connection, **query)
    assert answer.rows is not None, answer.reason
    return list(answer.rows)


def csv_file(tmp_path: Path, content: str | bytes) -> DataConnection:
    path = tmp_path / "stores.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return DataConnection(name="list", kind="csv", path=str(path))


def json_file(tmp_path: Path, content: str | bytes) -> DataConnection:
    path = tmp_path / "stores.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return DataConnection(name="list", kind="json", path=str(path))


def test_kinds_are_found_by_themselves() -> None:
    assert set(kinds()) == {"csv", "json", "sql"}


# CSV

STORES = "city,state\nAustin,TX\nDallas,TX\n\nReno,NV\n"


def test_csv_rows_parameters_and_limit(tmp_path: Path) -> None:
    source = csv_file(tmp_path, STORES)
    assert [row["city"] for row in rows(source)] == ["Austin", "Dallas", "Reno"]
    assert rows(source, parameters={"state": "TX"}, limit=1) == [{"city": "Austin", "state": "TX"}]
    assert rows(source, parameters={"state": "CA"}) == []
    assert rows(source, limit=0) == []
    assert rows(source, limit=-5) == []
    assert rows(csv_file(tmp_path, '\ufeffcity;state\n"A;b";TX\n')) == [{"city": "A;b", "state": "TX"}]


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    sources = DataSources([csv_file(tmp_path, STORES)])
    assert len(asyncio.run(sources.rows(Query())).rows or ()) == 3
    csv_file(tmp_path, "city,state\nBoise,ID\n")
    assert asyncio.run(sources.rows(Query())).rows == ({"city": "Boise", "state": "ID"},)


@pytest.mark.parametrize(
    ("content", "query", "words"),
    [
        ("", {}, "column names"),
        ("a,a\n1,2\n", {}, "column names"),
        ("a,b\n1\n", {}, "line 2, has 1 cells instead of 2"),
        ('a,b\n"1,2\n', {}, "line"),
        (b"a,b\n\xff,2\n", {}, "not UTF-8"),
        (STORES, {"query": "select 1"}, "takes no query"),
        (STORES, {"parameters": {"county": "x"}}, "no column “county”"),
        (STORES, {"source": "other"}, "no data source “other”"),
    ],
)
def test_a_bad_csv_is_said(tmp_path: Path, content: str | bytes, query: dict[str, Any], words: str) -> None:
    answer = ask(csv_file(tmp_path, content), **query)
    assert answer.rows is None
    assert words in answer.reason


def test_a_file_that_is_gone_or_huge_is_said(tmp_path: Path) -> None:
    for make in (csv_file, json_file):
        source = make(tmp_path, "x")
        with Path(source.path).open("r+b") as file:
            file.truncate(LARGEST_FILE + 1)
        assert "larger than 16 MB" in ask(source).reason
        Path(source.path).unlink()
        assert "cannot be read" in ask(source).reason


# JSON


def test_json_rows_by_pointer(tmp_path: Path) -> None:
    source = json_file(tmp_path, '{"a/b": {"items": [{"id": 1, "ok": true}, {"id": 2}, 7]}, "list": [[1]]}')
    assert rows(source, query="/a~1b/items") == [{"id": 1, "ok": True}, {"id": 2}, {"value": 7}]
    assert rows(source, query="/a~1b/items", parameters={"id": "2"}) == [{"id": 2}]
    assert rows(source, query="/list/0") == [{"value": 1}]
    assert rows(json_file(tmp_path, '["x"]')) == [{"value": "x"}]


@pytest.mark.parametrize(
    ("content", "query", "words"),
    [
        ("{", "", "not JSON"),
        (b"\xff", "", "not UTF-8"),
        ("[" * 100_000, "", "not JSON"),
        ('{"a": 1}', "", "no list"),
        ('{"a": [1]}', "a", "no list"),
        ('{"a": [1]}', "/b", "no list"),
        ('{"a": [1]}', "/a/9", "no list"),
        ('{"a": [1]}', "/a/-1", "no list"),
    ],
)
def test_a_bad_json_is_said(tmp_path: Path, content: str | bytes, query: str, words: str) -> None:
    answer = ask(json_file(tmp_path, content), query=query)
    assert answer.rows is None
    assert words in answer.reason


# SQL


def test_sql_rows_with_bound_values(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE store (id INTEGER, city TEXT, logo BLOB)")
        made.executemany("INSERT INTO store VALUES (?, ?, ?)", [(1, "Austin", b"\0"), (2, "O'Fallon", None)])
    made.close()
    source = DataConnection(name="list", kind="sql", url=f"sqlite:///{file}")
    assert rows(source, query="SELECT id, city FROM store ORDER BY id;") == [
        {"id": 1, "city": "Austin"},
        {"id": 2, "city": "O'Fallon"},
    ]
    assert rows(source, query="SELECT id FROM store WHERE city = :city", parameters={"city": "O'Fallon"}) == [
        {"id": 2}
    ]
    assert rows(source, query="with s as (select 1 one) select * from s", parameters={"unused": 1}) == [
        {"one": 1}
    ]
    assert rows(source, query="SELECT logo FROM store", limit=1) == [{"logo": "AA=="}]
    attack = {"city": "x' OR '1'='1"}
    assert rows(source, query="SELECT id FROM store WHERE city = :city", parameters=attack) == []


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM store", "", "SELECT 1; DELETE FROM store", "PRAGMA writable_schema=1", "COMMIT",
        "SELECTED", "-- x\nDELETE FROM store",
    ],
)  # fmt: skip
def test_only_one_select_is_sent(tmp_path: Path, query: str) -> None:
    file = tmp_path / "shop.db"
    sqlite3.connect(file).close()
    source = DataConnection(name="list", kind="sql", url=f"sqlite:///{file}")
    assert "not one SELECT" in ask(source, query=query).reason


def test_a_database_is_never_written(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE store (id INTEGER)")
        made.execute("INSERT INTO store VALUES (1)")
    made.close()
    source = DataConnection(name="list", kind="sql", url=f"sqlite:///{file}")
    before = file.read_bytes()
    answer = ask(source, query="WITH x AS (SELECT 1) DELETE FROM store")
    assert "did not answer" in answer.reason
    assert file.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["shop.db"]


def test_a_query_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    sqlite3.connect(file).close()
    source = DataConnection(name="list", kind="sql", url=f"sqlite:///{file}", timeout_s=0.3)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"
    begun = time.monotonic()
    answer = ask(source, query=endless)
    assert "longer than 0.3 seconds" in answer.reason
    assert time.monotonic() - begun < 20


def test_sql_errors_say_nothing_of_the_data(tmp_path: Path) -> None:
    gone = DataConnection(name="list", kind="sql", url=f"sqlite:///{tmp_path / 'none.db'}")
    assert "did not answer" in ask(gone, query="SELECT 1").reason
    assert not (tmp_path / "none.db").exists()
    file = tmp_path / "shop.db"
    sqlite3.connect(file).close()
    source = DataConnection(name="list", kind="sql", url=f"sqlite:///{file}")
    assert "secret_table" not in ask(source, query="SELECT * FROM secret_table").reason
    assert "lacks a value for “city”" in ask(source, query="SELECT :city").reason
    away = DataConnection(name="list", kind="sql", url="postgresql://u:hidden@127.0.0.1:1/db")
    answer = ask(away, query="SELECT 1")
    assert "did not answer" in answer.reason
    assert "hidden" not in answer.reason + repr(away)


@pytest.mark.parametrize(
    "more",
    [{"kind": "csv"}, {"kind": "json"}, {"kind": "sql"}, {"kind": "xml"}, {"kind": "sql", "url": "nonsense"},
     {"kind": "sql", "url": "sqlite://"}, {"kind": "sql", "url": "mysql://x/y"},
     {"kind": "sql", "url": "sqlite:///x.db?mode=rwc"}],
)  # fmt: skip
def test_a_connection_that_cannot_be_used_is_refused(more: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        DataSources([msgspec.convert({"name": "list", **more}, DataConnection)])


def test_two_connections_of_one_name_are_refused(tmp_path: Path) -> None:
    source = csv_file(tmp_path, STORES)
    with pytest.raises(SettingsError, match="same name"):
        DataSources([source, source])


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a database with one table, on a PostgreSQL of our own."""
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL here")
    cluster = Postgres(found)
    try:
        url = cluster.database("shop")
        with psycopg.connect(url, autocommit=True) as made:
            made.execute("CREATE TABLE store (id uuid, price numeric(8, 2), opened date, tags jsonb)")
            made.execute(
                "INSERT INTO store VALUES (%s, 12.50, '2026-01-02', '[1, \"a\"]')", (uuid.UUID(int=7),)
            )
        yield url
    finally:
        cluster.close()


def test_postgresql_gives_json_values(postgres: str) -> None:
    source = DataConnection(name="list", kind="sql", url=postgres)
    assert rows(source, query="SELECT * FROM store WHERE price > :least", parameters={"least": 10}) == [
        {"id": str(uuid.UUID(int=7)), "price": "12.50", "opened": "2026-01-02", "tags": [1, "a"]}
    ]


def test_postgresql_is_never_written(postgres: str) -> None:
    source = DataConnection(name="list", kind="sql", url=postgres)
    for attack in (
        "WITH gone AS (DELETE FROM store RETURNING *) SELECT * FROM gone",
        "SELECT 1 AS one INTO copy",
        "SELECT set_config('transaction_read_only', 'off', false) AS c FROM store",
    ):
        ask(source, query=attack)
    with psycopg.connect(postgres) as looked:
        assert looked.execute("SELECT count(*) FROM store").fetchone() == (1,)
        assert looked.execute("SELECT to_regclass('copy')").fetchone() == (None,)


def test_postgresql_is_interrupted_over_there(postgres: str) -> None:
    source = DataConnection(name="list", kind="sql", url=postgres, timeout_s=0.3)
    begun = time.monotonic()
    assert "longer than 0.3 seconds" in ask(source, query="SELECT pg_sleep(60)").reason
    assert time.monotonic() - begun < 20
    with psycopg.connect(postgres) as looked:
        sleeping = (
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
        )
        assert looked.execute(sleeping).fetchone() == (0,)
