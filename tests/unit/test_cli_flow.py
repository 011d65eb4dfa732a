"""`halodesk flow check`: words, JSON and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from halodesk.cli.root import app
from tests.fakes.order import SAMPLE, sample_document


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["flow", *args])


def written(folder: Path, document: Any) -> str:
    file = folder / "a.flow.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return str(file)


def test_a_good_flow() -> None:
    result = run("check", str(SAMPLE))
    assert result.exit_code == 0, result.output
    assert "16 steps" in result.output
    assert "All checks passed." in result.output


def test_a_good_flow_as_json() -> None:
    result = run("check", str(SAMPLE), "--json")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert found.keys() == {"ok", "steps", "routes", "findings"}
    assert (found["ok"], found["steps"], found["findings"]) == (True, 16, [])
    assert found["routes"] > 16


def test_an_error_is_named_with_its_step_and_fix_and_exit_code_1(tmp_path: Path) -> None:
    document = sample_document()
    document["steps"][13]["functions"][0]["expression"] = "attempts +"
    file = written(tmp_path, document)
    result = run("check", file)
    assert result.exit_code == 1
    assert "attempts_left" in result.output
    assert "[javascript]" in result.output
    assert "must not be used" in result.output
    found = json.loads(run("check", file, "--json").output)
    assert found["ok"] is False
    (finding,) = found["findings"]
    assert finding["severity"] == "error"
    assert finding["code"] == "javascript"
    assert finding["step"] == "attempts_left"
    assert finding["message"]
    assert finding["fix"]


def test_a_warning_alone_is_no_failure(tmp_path: Path) -> None:
    document = sample_document()
    document["steps"][1]["config"]["body"] = "{{ fist_name }}"
    result = run("check", written(tmp_path, document))
    assert result.exit_code == 0
    assert "Usable, see above." in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSON"),
        ('{"key": "a", "name": "a", "start": 7}', "/start: expected text"),
        ('{"key": "a", "name": "a", "start": "s", "schema": 99}', "Update HaloDesk"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_broken_file_is_said_in_words(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.flow.json"
    file.write_text(text, encoding="utf-8")
    result = run("check", str(file))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("halodesk: ")
    assert said in result.stderr
    assert "Traceback" not in result.output
    error = json.loads(run("check", str(file), "--json").stdout)
    assert error.keys() == {"error", "todo"}
    assert error["todo"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "gone.flow.json"))
    assert result.exit_code == 1
    assert "cannot be read: No such file" in result.stderr
    assert run("check", str(tmp_path)).exit_code == 1


@pytest.mark.parametrize("args", [[], ["check"], ["check", "--nonsense"], ["teleport"]])
def test_wrong_usage_is_exit_code_2(args: list[str]) -> None:
    assert run(*args).exit_code == 2


def test_the_command_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "halodesk", "flow", "check", str(SAMPLE), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert done.stderr == ""
