"""The exported schema and the authoring guide are what the engine says now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from halodesk.engine.flow import Step, from_builtins
from halodesk.engine.registry import step_types
from halodesk.engine.steps.base import read_config
from tests.fakes.json_schema import problems
from tests.fakes.order import SAMPLE, sample_document
from tools import build_authoring_guide, build_schema

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
EXAMPLES = build_authoring_guide.EXAMPLES
SCHEMA: dict[str, Any] = json.loads(build_schema.FILE.read_text(encoding="utf-8"))


def test_the_schema_is_current() -> None:
    assert build_schema.FILE.read_bytes() == build_schema.build(), "run: python -m tools.build_schema"


@pytest.mark.parametrize("path", [SAMPLE, *sorted((CORPUS / "good").glob("*.json"))], ids=lambda p: p.name)
def test_good_flows_fit_the_schema(path: Path) -> None:
    assert problems(json.loads(path.read_text(encoding="utf-8")), SCHEMA, SCHEMA) == []


@pytest.mark.parametrize(
    ("bend", "place"),
    [
        (lambda d: d.update(steps=7), "/steps"),
        (lambda d: d["steps"][0].pop("key"), "/steps/0"),
        (lambda d: d["steps"][0]["config"].update(did_patterns="x"), "/steps/0/config/did_patterns"),
        (lambda d: d["steps"][10]["config"].pop("cvv"), "/steps/10/config"),
        (
            lambda d: d["steps"][0]["routes"][0]["when"][0].update(op="resembles"),
            "/steps/0/routes/0/when/0/op",
        ),
        (lambda d: d["steps"][2].update(type="hologram"), "/steps/2/type"),
    ],
)
def test_wrong_flows_do_not(bend: Any, place: str) -> None:
    document = sample_document()
    bend(document)
    assert any(found.startswith(place) for found in problems(document, SCHEMA, SCHEMA))


def test_unknown_keys_are_no_problem() -> None:
    document = sample_document()
    document["steps"][0]["later"] = 1
    assert problems(document, SCHEMA, SCHEMA) == []


def test_the_guide_is_current() -> None:
    made = build_authoring_guide.pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in build_authoring_guide.OUT.glob("*.md")}
    assert there == made, "run: python -m tools.build_authoring_guide"


@pytest.mark.parametrize("name", sorted(step_types()))
def test_each_step_type_has_an_example_that_is_one(name: str) -> None:
    raw = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    step: Step = from_builtins({"key": "a", "name": "a", "start": "a", "steps": [raw]}).steps[0]
    assert step.type == name
    read_config(step_types()[name].config_type, step)
    schema = {"$ref": "#/$defs/Step"}
    assert problems(raw, schema, SCHEMA) == []


def test_each_page_names_every_key_of_its_config() -> None:
    text = (build_authoring_guide.OUT / "for_each.md").read_text(encoding="utf-8")
    for key in ("source", "name", "item", "index", "limit", "collect", "body", "exit"):
        assert f"| `{key}` |" in text
    assert "needed" in text
