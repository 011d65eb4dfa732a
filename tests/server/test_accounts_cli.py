"""`halodesk server seat-account` and its companions; and a server's database from before there were any."""

from __future__ import annotations

import json
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, insert, select
from typer.testing import CliRunner, Result

from halodesk.cli.root import app
from halodesk.server import tables as t
from halodesk.server import tenants
from halodesk.server.database import open_database
from tests.sync.world import World, recorder


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(app, ["server", *args, "--data", str(folder)])


def test_accounts_are_given_shown_and_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start()
    with recorder(world.enrol("one")) as seat:
        name = seat.seat
    world.stop()
    folder = world.server_folder
    status = CliRunner().invoke(app, ["seat", "status", "--data", str(tmp_path / "one"), "--json"])
    assert json.loads(status.output)["seat"] == name
    refused = run(folder, "seat-account", "seat-none", "1001")
    assert refused.exit_code != 0
    assert "has no seat seat-none" in refused.output
    assert run(folder, "seat-account", name, "1001").exit_code == 0
    assert run(folder, "seat-account", name, "1002", "--pbx", "berlin").exit_code == 0
    assert run(folder, "seat-accounts").output.splitlines() == [f"berlin/1002  {name}", f"main/1001  {name}"]
    shown = json.loads(run(folder, "seat-accounts", "--json").output)
    assert shown["accounts"][1] == {"pbx": "main", "account": "1001", "seat": name}
    assert run(folder, "no-seat-account", "1001").exit_code == 0
    assert run(folder, "no-seat-account", "1001").exit_code != 0
    audit = json.loads(run(folder, "audit", "--json").output)
    done = [(row["action"], row["detail"]) for row in audit["rows"] if row["action"].startswith("account")]
    assert done == [("account", "main/1001"), ("account", "berlin/1002"), ("account_taken", "main/1001")]


def test_a_database_from_before_is_taken_along(tmp_path: Path) -> None:
    before = create_engine(f"sqlite:///{tmp_path / 'server.db'}")
    with before.connect() as connection:
        config = Config()
        config.set_main_option("script_location", "halodesk.server:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(insert(t.server).values(one=1, id="kept"))
        tenants.ensure_tenant(connection, "old")
        connection.commit()
    before.dispose()
    for _ in range(2):
        database = open_database(tmp_path)
        database.close()
    after = create_engine(f"sqlite:///{tmp_path / 'server.db'}")
    with after.connect() as connection:
        assert connection.execute(select(t.server.c.id)).scalar_one() == "kept"
        assert connection.execute(select(t.tenant.c.id)).scalars().all() == ["old"]
        assert connection.execute(select(t.seat_account)).all() == []
    after.dispose()
