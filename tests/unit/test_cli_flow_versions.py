"""`halodesk flow simulate, diff, fork, state, replay-history` and the gate before publishing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from halodesk.cli.flow_versions import check_cases
from halodesk.cli.root import app
from halodesk.engine.errors import SettingsError
from halodesk.runtime.flow_files import load_file
from tests.fakes.order import SAMPLE, sample_document
from tests.fakes.records import keep, new_store, order_events

Document = dict[str, Any]


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["flow", *args])


def written(folder: Path, document: Document, name: str = "a.flow.json") -> str:
    file = folder / name
    file.write_text(json.dumps(document), encoding="utf-8")
    return str(file)


def broken() -> Document:
    """A function that fails where the caller tries again."""
    document = sample_document()
    document["steps"][13]["functions"][0]["expression"] = "attempts.none.gone"
    return document


def test_simulate_by_answers(tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps(
            {
                "answers": {"call_type": "order", "offer_response": ["is_it_safe", "yes"]},
                "effects": {"charge": [{"outcome": "declined"}, {"outcome": "ok"}]},
            }
        ),
        encoding="utf-8",
    )
    result = run("simulate", str(SAMPLE), "--answers", str(answers), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["ok"]
    assert "is_it_safe" in found["steps"]
    assert found["steps"].count("payment") == 2
    assert float(found["cart"]["total"]) > 0
    assert "→ is_it_safe" in run("simulate", str(SAMPLE), "--answers", str(answers)).output


def test_simulate_from_a_step_with_a_state(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(
        json.dumps({"values": {"attempts": 1}, "cart": [{"item": "nap-enhancer"}]}), encoding="utf-8"
    )
    result = run("simulate", str(SAMPLE), "--start", "attempts_left", "--state", str(state), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["steps"][:2] == ["attempts_left", "payment"]
    assert run("simulate", str(SAMPLE), "--state", str(state)).exit_code == 2
    assert run("simulate", str(SAMPLE), "--start", "gone").exit_code == 1


def test_explore_reports_coverage_and_reasons() -> None:
    result = run("simulate", str(SAMPLE), "--explore", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["ok"]
    assert found["edges"] == {"all": 27, "covered": 25}
    assert {one["why"] for one in found["missed"]} == {"proven"}
    assert "proven unreachable" in run("simulate", str(SAMPLE), "--explore").output


def test_a_failing_path_is_kept_and_stops_publishing(tmp_path: Path) -> None:
    file = written(tmp_path, broken())
    result = run("simulate", file, "--explore")
    assert result.exit_code == 1
    assert "function_failed" in result.output
    cases = json.loads((tmp_path / "a.cases.json").read_text(encoding="utf-8"))
    assert [case["expect"]["forbid"] for case in cases["cases"]] == [["function_failed"]]
    refused = run("publish", file, "--server", "https://127.0.0.1:1", "--keys", str(tmp_path / "keys"))
    assert refused.exit_code == 1
    assert "must not be used: the test case" in refused.output
    written(tmp_path, sample_document())
    check_cases(load_file(Path(file)), Path(file))


def test_no_keep_writes_nothing(tmp_path: Path) -> None:
    assert run("simulate", written(tmp_path, broken()), "--explore", "--no-keep").exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.flow.json"]


def test_a_broken_case_file_stops_publishing(tmp_path: Path) -> None:
    file = Path(written(tmp_path, sample_document()))
    (tmp_path / "a.cases.json").write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"a\.cases\.json cannot be used"):
        check_cases(load_file(file), file)


def test_few_states_are_exit_code_1() -> None:
    result = run("simulate", str(SAMPLE), "--explore", "--states", "5")
    assert result.exit_code == 1
    assert "no proof" in result.output


@pytest.mark.parametrize(
    "args", [["--states", "0"], ["--seconds", "0"], ["--explore", "--answers", "x"], ["--no"]]
)
def test_wrong_usage_is_exit_code_2(args: list[str]) -> None:
    assert run("simulate", str(SAMPLE), *args).exit_code == 2


def test_answers_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text('{"answers": 7}', encoding="utf-8")
    result = run("simulate", str(SAMPLE), "--answers", str(file))
    assert result.exit_code == 1
    assert "cannot be used" in result.output


def test_diff(tmp_path: Path) -> None:
    same = run("diff", str(SAMPLE), str(SAMPLE))
    assert (same.exit_code, same.output) == (0, "The same flow.\n")
    document = sample_document()
    document["steps"][2]["title"] = "The offer"
    other = written(tmp_path, document)
    result = run("diff", str(SAMPLE), other)
    assert result.exit_code == 1
    assert "main_offer title: “Main offer: Nap Enhancer” → “The offer”" in result.output
    (change,) = json.loads(run("diff", str(SAMPLE), other, "--json").output)["changes"]
    assert (change["what"], change["step"]) == ("text", "main_offer")


def test_fork_and_state(tmp_path: Path) -> None:
    file = written(tmp_path, sample_document())
    assert "draft" in run("state", file).output
    assert not (tmp_path / "a.state.json").exists(), "asking writes nothing"
    result = run("fork", file, "--key", "spanish")
    assert result.exit_code == 0, result.output
    copy = str(tmp_path / "spanish.flow.json")
    assert load_file(Path(copy)).key == "spanish"
    forked = f"Forked from supplement-order, version {sample_document()['version']}"
    assert forked in run("state", copy).output
    assert run("fork", file, "--key", "spanish").exit_code == 1, "nothing is overwritten"
    assert run("fork", file, "--key", "supplement-order").exit_code == 1
    assert run("state", copy, "--to", "archived").exit_code == 1
    assert run("state", copy, "--to", "testing", "--by", "Ann").exit_code == 0
    found = json.loads(run("state", copy, "--json").output)
    assert found["version"]["state"] == "testing"
    assert found["version"]["moves"][0]["by"] == "Ann"


def test_what_is_not_healthy_does_not_go_to_testing(tmp_path: Path) -> None:
    document = sample_document()
    document["steps"][3]["fallback"] = "nowhere"
    result = run("state", written(tmp_path, document), "--to", "testing")
    assert result.exit_code == 1
    assert "must not be used" in result.output


def test_a_state_file_of_another_flow_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, sample_document())
    (tmp_path / "a.state.json").write_text('{"flow": "other"}', encoding="utf-8")
    result = run("state", file)
    assert result.exit_code == 1
    assert "belongs to the flow" in result.output


@pytest.fixture
def seat(tmp_path: Path) -> Path:
    folder = tmp_path / "seat"
    folder.mkdir()
    store = new_store(folder)
    keep(store, "aaaa1111", order_events())
    keep(store, "bbbb2222", order_events())
    store.close()
    return folder


def test_replay_history_names_session_step_and_route(seat: Path, tmp_path: Path) -> None:
    same = run("replay-history", str(SAMPLE), "--data", str(seat))
    assert same.exit_code == 0, same.output
    assert "changes 0 of 2" in same.output
    document = sample_document()
    document["steps"][8]["fallback"] = "payment"
    other = written(tmp_path, document)
    result = run("replay-history", other, "--data", str(seat))
    assert result.exit_code == 1
    assert "This edit changes 2 of 2 sessions." in result.output
    assert "at upsell: went to billing" in result.output
    found = json.loads(run("replay-history", other, "--data", str(seat), "--json").output)
    assert (found["sessions"], found["changed"]) == (2, 2)
    assert {one["divergence"]["would"] for one in found["divergences"]} == {"payment"}
    assert run("replay-history", other, "--data", str(tmp_path)).exit_code == 1
