"""`halodesk leak-test` as a person runs it, and that it finds what is planted while it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from halodesk.crypto.keystore import load_key
from halodesk.selftest import leak_test
from halodesk.selftest.leak_scan import Canary, Scanner
from halodesk.server.database import open_database as open_server
from halodesk.store.database import open_database

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]


def halodesk(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "halodesk", "leak-test", *arguments],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )


def test_nothing_is_left_and_the_certificate_says_so(tmp_path: Path) -> None:
    paper = tmp_path / "certificate.json"
    done = halodesk("--json", "--out", str(paper))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["ok"], found["findings"]) == (True, 0)
    names = {place["name"] for place in found["places"]}
    assert {"database files", "write-ahead logs", "logs", "exports", "settings", "recording files"} <= names
    assert {"rows of the seat", "rows of the server"} <= names
    assert len(found["canaries"]) >= 11
    assert found["bytes_scanned"] > 1_000_000
    sound = found["recording"]
    assert (sound["loud_frames"], sound["dtmf_frames"], sound["unproven"]) == (0, 0, 0)
    assert sound["windows"] >= 3
    assert found["memory"]["processes"] >= 2
    assert "card 1 typed" in found["moments"]
    checked = halodesk("--verify", str(paper))
    assert checked.returncode == 0
    assert "NOTHING LEAKED" in checked.stdout
    paper.write_text(paper.read_text().replace('"findings": 0', '"findings": 1'))
    forged = halodesk("--verify", str(paper))
    assert forged.returncode == 1
    assert "this certificate was changed" in forged.stderr


def test_leaks_that_are_planted_while_it_runs_are_found_and_nothing_else(tmp_path: Path) -> None:
    def plant(folder: Path, moment: str, canaries: dict[str, Canary]) -> None:
        card = canaries["card_1"].value
        if moment == "card 1 typed":  # there for a moment only
            (folder / "tmp" / "clipboard").write_text(card)
        elif moment == "card 2 typed":
            (folder / "tmp" / "clipboard").unlink()
        elif moment == "closed":
            (folder / "seat" / "logs" / "seat.log").write_text(f'"{canaries["ssn"].value}"\n')
            shutil.make_archive(str(folder / "exports" / "pack"), "zip", folder / "seat" / "logs")
            in_database(folder, canaries["bank_account"].value)

    said: list[str] = []
    found = leak_test.run(tmp_path, say=said.append, plant=plant)
    assert not found.ok
    leaks = {(place.name, find.kind) for place in found.places for find in place.finds}
    assert leaks == {
        ("temporary files", "card_number"),
        ("logs", "ssn"),
        ("exports", "ssn"),
        ("rows of the seat", "bank_account"),
        ("rows of the server", "bank_account"),
        ("database files", "bank_account"),  # the server's file is not encrypted
    }
    assert found.is_genuine()
    assert len(said) == 8
    assert Scanner([Canary(kind="ssn", value="900000000")]).scan(repr(found).encode(), "it") == []


def in_database(folder: Path, value: str) -> None:
    key, _ = load_key(folder / "seat")
    engine = open_database(folder / "seat" / "seat.db", key)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE planted (a)"))
        connection.execute(text("INSERT INTO planted VALUES (:value)"), {"value": value[::-1]})
    engine.dispose()
    import asyncio

    server = open_server(folder / "server")
    insert = text("CREATE TABLE planted AS SELECT :value AS a").bindparams(value=" ".join(value))
    asyncio.run(server.write(lambda connection: connection.execute(insert)))
    server.close()
