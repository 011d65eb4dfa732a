"""`make security`: every test of every threat, and a table of how each stands."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.security.threats import CARD_DATA, THREATS, Threat

ROOT = Path(__file__).resolve().parents[2]


class Tally:
    """Counts outcomes by file."""

    def __init__(self) -> None:
        self.by_file: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pytest's own hook."""
        if report.when == "call" or report.outcome != "passed":
            self.by_file[report.nodeid.split("::")[0]][report.outcome] += 1


def files_of(names: tuple[str, ...]) -> list[str]:
    """The files there are."""
    found = [path for name in names for path in sorted(ROOT.glob(name))]
    return [str(path.relative_to(ROOT)) for path in found]


def main() -> int:
    """Exit code 1 when a test failed."""
    shown = (*THREATS, Threat(0, "Whoever looks for card data", "it is nowhere that lasts", CARD_DATA))
    every = dict.fromkeys(file for threat in shown for file in files_of(threat.tests))
    tally = Tally()
    given = sys.argv[1:] or ["-q", "-m", "not bench and not chaos"]
    code = pytest.main([*given, *every], plugins=[tally])
    print()
    for threat in shown:
        sums: Counter[str] = Counter()
        for file in files_of(threat.tests):
            sums += tally.by_file[file]
        state = "FAILED" if sums["failed"] else ("held" if sums["passed"] else "NOT RUN")
        print(
            f"{threat.number or '':>2}  {state:8} {sums['passed']:>4} tests  {threat.who}: {threat.control}"
        )
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
