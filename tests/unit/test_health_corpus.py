"""The corpus: every code has a flow with exactly that defect, and good flows have no findings."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import halodesk.engine
from halodesk.engine.findings import Finding
from halodesk.engine.flow import load
from halodesk.engine.health import findings

ENGINE = Path(halodesk.engine.__file__).parent
CORPUS = Path(__file__).resolve().parents[1] / "corpus"
BROKEN = sorted((CORPUS / "broken").glob("*.flow.json"))
GOOD = sorted((CORPUS / "good").glob("*.flow.json"))


def js_problem(expression: str) -> str | None:
    """A syntax check that knows one mistake."""
    return "unexpected end" if expression.endswith("+") else None


def check(path: Path) -> list[Finding]:
    return findings(load(path.read_bytes()), js_problem, hints=True)


def code_of(path: Path) -> str:
    return path.name.removesuffix(".flow.json").rstrip("0123456789").rstrip("-")


def all_codes() -> set[str]:
    """Every code that the engine's source can give."""
    found: set[str] = set()
    for path in [*ENGINE.glob("health*.py"), *ENGINE.glob("steps/*.py"), ENGINE / "findings.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            if name in ("error", "warning", "hint") and node.args and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
            for keyword in node.keywords:
                if name == "Finding" and keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                    found.add(str(keyword.value.value))
    return found


def test_every_code_has_a_broken_flow() -> None:
    assert {code_of(path) for path in BROKEN} == all_codes()


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.name.removesuffix(".flow.json"))
def test_a_broken_flow_has_exactly_its_defect(path: Path) -> None:
    found = check(path)
    assert {one.code for one in found} == {code_of(path)}, found
    assert all(one.message.endswith(".") and one.fix.endswith((".", ")")) for one in found)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name.removesuffix(".flow.json"))
def test_a_good_flow_has_no_findings(path: Path) -> None:
    assert check(path) == []
