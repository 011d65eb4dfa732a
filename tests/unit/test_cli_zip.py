"""`halodesk zip`: words for people, JSON for scripts, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from halodesk.cli.root import app


def run(seat: Path, *args: str) -> Result:
    return CliRunner().invoke(app, ["zip", *args, "--data", str(seat)])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "client.csv"
    path.write_text("ZIP,Market,Rate\n90210,West,9.5\n00000,East,8\n", encoding="utf-8")
    return path


def test_lookup_in_words_shows_the_sources(tmp_path: Path) -> None:
    result = run(tmp_path / "seat", "lookup", "90210-1234")
    assert result.exit_code == 0, result.output
    assert "90210  Beverly Hills, CA, US" in result.stdout
    assert "Los Angeles (estimated)" in result.stdout
    assert "7.25 % (state or province base rate): CA sales tax" in result.stdout
    assert "as of 2025-07-01" in result.stdout
    assert not (tmp_path / "seat").exists()


def test_lookup_as_json_gives_every_place(tmp_path: Path) -> None:
    places = json.loads(run(tmp_path, "lookup", "00901", "--json").stdout)
    assert [place["city"] for place in places][:2] == ["San Juan", "Old San Juan"]
    (place,) = json.loads(run(tmp_path, "lookup", "m5v 2t6", "--json").stdout)
    assert (place["tax_rate"], place["tax_source"]) == ("13", "state or province base rate")


@pytest.mark.parametrize(("code", "words"), [("abc", "no postal code"), ("00000", "No place is known")])
def test_a_code_that_is_none_or_unknown_is_a_failure(tmp_path: Path, code: str, words: str) -> None:
    result = run(tmp_path, "lookup", code)
    assert result.exit_code == 1
    assert words in result.stderr
    assert words in json.loads(run(tmp_path, "lookup", code, "--json").stdout)["error"]


def test_import_lookup_meta_and_back(tmp_path: Path, table: Path) -> None:
    seat = tmp_path / "seat"
    done = run(seat, "import", str(table), "--map", "zip=ZIP, dma=Market, tax=Rate")
    assert done.exit_code == 0, done.output
    assert "1 rows for 1 codes are used from now on." in done.stdout
    assert "1 rows were passed over: unknown codes without city and state (00000)." in done.stdout
    shown = run(seat, "lookup", "90210").stdout
    assert "West (imported)" in shown
    assert "9.5 %: 9.5 %, imported" in shown
    meta = json.loads(run(seat, "meta", "--json").stdout)
    assert meta["imported"]["file"] == "client.csv"
    assert int(meta["shipped"]["rows"]) >= 43_140
    assert "imported file      client.csv" in run(seat, "meta").stdout
    assert "is gone" in run(seat, "remove-overlay").stdout
    assert "Los Angeles (estimated)" in run(seat, "lookup", "90210").stdout
    assert json.loads(run(seat, "remove-overlay", "--json").stdout) == {"removed": False}
    assert json.loads(run(seat, "meta", "--json").stdout)["imported"] == {}


def test_a_bad_file_fails_in_words(tmp_path: Path, table: Path) -> None:
    result = run(tmp_path / "seat", "import", str(table), "--map", "zip=ZIP,dma=Nothing")
    assert result.exit_code == 1
    assert "column “Nothing” is not there" in result.stderr
    gone = run(tmp_path / "seat", "import", str(tmp_path / "gone.csv"), "--map", "zip=ZIP,dma=M", "--json")
    assert gone.exit_code == 1
    assert "gone.csv" in json.loads(gone.stdout)["error"]


@pytest.mark.parametrize(
    "args",
    [
        ("import", "x.csv"),
        ("import", "x.csv", "--map", "zip"),
        ("import", "x.csv", "--map", "zip=A,zip=B"),
        ("import", "x.csv", "--map", "zip=A,dma=B", "--tax-unit", "permille"),
        ("lookup",),
    ],
)
def test_wrong_usage(tmp_path: Path, args: tuple[str, ...]) -> None:
    assert run(tmp_path, *args).exit_code == 2
