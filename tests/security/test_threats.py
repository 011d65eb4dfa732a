"""The list of threats is whole, and says what the documentation says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.threats import CARD_DATA, THREATS, Threat

ROOT = Path(__file__).resolve().parents[2]


def test_there_are_fifteen() -> None:
    assert [threat.number for threat in THREATS] == list(range(1, 16))
    for name in CARD_DATA:
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: str(threat.number))
def test_each_is_attacked_and_documented(threat: Threat) -> None:
    there = [path for name in threat.tests for path in ROOT.glob(name)]
    assert there, f"nothing attacks {threat.who}"
    for name in threat.tests:
        assert "*" in name or (ROOT / name).is_file(), name
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| {threat.number} |"))
    for part in (threat.who, threat.control, *threat.tests):
        assert part in row, f"docs/security.md, threat {threat.number}: {part}"
