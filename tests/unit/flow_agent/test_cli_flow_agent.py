"""`halodesk flow-agent`, as a person or a script calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.log import read, replay
from tests.fakes.llm_server import Reply, llm_server

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "resources" / "flow_agents" / "clinic_booking.json"
CALLERS = ROOT / "resources" / "flow_agents" / "callers" / "clinic_booking"
BROKEN = ROOT / "tests" / "corpus" / "flow_agents" / "dangling_node.json"


def halodesk(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["flow-agent", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.stdout


def test_check_as_json() -> None:
    assert json.loads(halodesk("check", SAMPLE, "--json")) == {
        "ok": True,
        "nodes": 4,
        "transitions": 9,
        "findings": [],
    }
    found = json.loads(halodesk("check", BROKEN, "--json", code=1))
    assert not found["ok"]
    assert found["findings"][0]["code"] == "dangling_node"
    assert found["findings"][0]["severity"] == "error"


def test_what_is_no_document_is_told_in_words(tmp_path: Path) -> None:
    wrong = tmp_path / "x.json"
    wrong.write_text('{"version": "1"}')
    assert "expected an object" in json.loads(halodesk("check", wrong, "--json", code=1))["error"]
    halodesk("check", tmp_path / "none.json", code=1)


def test_chat_with_a_server_prints_the_log_that_replays(tmp_path: Path) -> None:
    script = tmp_path / "caller.txt"
    script.write_text("# a caller\nYes.\nAnn.\n(hang up)\n")
    with llm_server(
        Reply("", (("caller_available", "{}"), ("caller_not_interested", "{}"))),
        Reply("Your name?"),
        Reply("", (("details_confirmed", '{"patient_name": "Ann"}'),)),
        Reply("And which day?"),
    ) as server:
        log = tmp_path / "talk.jsonl"
        text = halodesk(
            *("chat", SAMPLE, "--llm-url", server.url, "--script", script, "--json"),
            *("--log", log, "--data", tmp_path, "--param", "x=1"),
        )
    lines = [json.loads(line) for line in text.splitlines()]
    events = [line["out"] for line in lines if "out" in line]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "began"
    assert events[0]["context"] == {"x": "1"}
    assert kinds[-1] == "ended"
    assert [event["node"] for event in events if event["event"] == "node_entered"] == [
        "greeting",
        "collect_details",
    ]
    assert [event["code"] for event in events if event["event"] == "call_refused"] == [
        "one_transition",
        "invalid_arguments",
    ]
    first, kept = read(log.read_bytes())
    _, differs = replay(loads(SAMPLE.read_bytes()), first.manner, kept)
    assert differs is None
    assert "never read out function names" in server.seen[0]["messages"][0]["content"].lower()


def test_chat_without_a_model_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["flow-agent", "chat", str(SAMPLE), "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "no model" in done.stderr


def test_chat_by_hand(tmp_path: Path) -> None:
    with llm_server(Reply("Goodbye.", (("end_call", "{}"),))) as server:
        done = CliRunner().invoke(
            app,
            ["flow-agent", "chat", str(SAMPLE), "--llm-url", server.url, "--data", str(tmp_path)],
            input="No.\n",
        )
    assert done.exit_code == 0
    assert "Caller: No." in done.stdout
    assert "Agent: Goodbye." in done.stdout
    assert "end_call" in done.stdout


def test_eval_reports_coverage_and_saves(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    report = json.loads(
        halodesk("eval", SAMPLE, "--callers", CALLERS, "--save", saved, "--json", "--data", tmp_path)
    )
    assert report["ok"]
    assert report["pass_rate"] == 1.0
    assert report["nodes"] == {"reached": 4, "all": 4, "missed": []}
    assert report["transitions"]["missed"] == []
    again = json.loads(halodesk("eval", SAMPLE, "--callers", saved, "--json", "--data", tmp_path))
    assert [run["visits"] for run in again["runs"]] == [run["visits"] for run in report["runs"]]


def test_eval_with_a_persona_played_by_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "callers"
    folder.mkdir()
    (folder / "p.json").write_text(
        json.dumps({"persona": "You have no time.", "expect": {"end": ["end_call"], "node": "farewell"}})
    )

    def answer(body: dict[str, object]) -> Reply:
        text = json.dumps(body)
        if "You play a person" in text:
            return Reply("I have no time.")
        if "You must call end_call" in text:
            return Reply("Goodbye.", (("end_call", "{}"),))
        return Reply("", (("caller_not_interested", "{}"),))

    with llm_server(answer=answer) as server:
        report = json.loads(
            halodesk(
                *("eval", SAMPLE, "--callers", folder, "--llm-url", server.url, "--times", 3),
                *("--json", "--data", tmp_path),
            )
        )
    assert [run["reason"] for run in report["runs"]] == ["end_call"] * 3
    assert report["runs"][0]["tokens"] > 0


def test_a_failed_expectation_is_exit_code_one(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        json.dumps({"says": ["Hi."], "model": [{"text": "Hi."}], "expect": {"node": "n"}})
    )
    text = halodesk("eval", SAMPLE, "--callers", tmp_path, "--data", tmp_path, code=1)
    assert "It ended in greeting, not in n." in text


@pytest.mark.parametrize("text", ["{", '{"says": 1}', '{"model": [{"fail": "sleep"}]}'])
def test_a_wrong_caller_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert "x.json" in halodesk("eval", SAMPLE, "--callers", tmp_path, "--json", code=1)


def test_import_and_export_without_loss(tmp_path: Path) -> None:
    halodesk("import", SAMPLE, "--data", tmp_path)
    assert json.loads(halodesk("export", "clinic-booking", "--data", tmp_path)) == json.loads(
        SAMPLE.read_text()
    )
    assert "already" in json.loads(halodesk("import", SAMPLE, "--data", tmp_path, "--json", code=1))["error"]
    out = tmp_path / "out.json"
    halodesk("import", SAMPLE, "--overwrite", "--data", tmp_path)
    halodesk("export", "clinic-booking", "--version", 2, "--out", out, "--data", tmp_path)
    assert json.loads(out.read_text()) == json.loads(SAMPLE.read_text())
    halodesk("import", BROKEN, "--data", tmp_path, code=1)
    halodesk("export", "../x", "--data", tmp_path, code=1)
