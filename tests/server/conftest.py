"""Both databases, ready to use."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from halodesk.server.database import Database, open_database
from tests.server.postgres import Postgres, binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this worker."""
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL here")
    cluster = Postgres(found)
    yield cluster
    cluster.close()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgres"))],
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    url = ""
    if request.param == "postgresql":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.database(f"t{secrets.token_hex(6)}")
    with ExitStack() as stack:
        opened = open_database(tmp_path, url)
        stack.callback(opened.close)
        yield opened
