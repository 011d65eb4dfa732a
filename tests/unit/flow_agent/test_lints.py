"""Every finding has a document that causes it, and the samples cause none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.lints import findings

ROOT = Path(__file__).resolve().parents[3]
CORPUS = ROOT / "tests" / "corpus" / "flow_agents"
SAMPLES = sorted((ROOT / "resources" / "flow_agents").glob("*.json"))
SOURCE = "".join(
    path.read_text(encoding="utf-8")
    for path in (ROOT / "halodesk" / "engine" / "flow_agent").glob("lints*.py")
)
CODES = sorted(set(re.findall(r'"(?:error|warning|hint)",\s+"(\w+)"', SOURCE)) - {"warning", "hint"})


def test_each_code_has_a_document() -> None:
    assert len(CODES) >= 25
    assert sorted(path.stem for path in CORPUS.glob("*.json")) == CODES


@pytest.mark.parametrize("code", CODES)
def test_the_document_of_a_code_causes_it(code: str) -> None:
    found = [one for one in findings(loads((CORPUS / f"{code}.json").read_bytes())) if one.code == code]
    assert found
    for one in found:
        assert one.message.endswith(".")
        assert one.fix.endswith(".")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_have_no_finding(path: Path) -> None:
    assert findings(loads(path.read_bytes())) == []


def test_errors_come_first() -> None:
    found = findings(loads((CORPUS / "unbindable_argument.json").read_bytes()))
    severities = [one.severity for one in found]
    assert severities == sorted(severities, key=["error", "warning", "hint"].index)
