"""Fixtures of the lab: the PBX and two phones that live as long as their module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.pbx import VERSION_FILE, Pbx, pbx
from tests.lab.phones import Seat, write_tone

__all__ = ["agent", "caller", "pbx", "seats"]


def pytest_report_header() -> str | None:
    """Which Asterisk the last run had; a run that fetches another says so at its end."""
    return f"lab: {VERSION_FILE.read_text().strip()}" if VERSION_FILE.exists() else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which Asterisk this run had."""
    if VERSION_FILE.exists():
        terminalreporter.write_line(f"lab: {VERSION_FILE.read_text().strip()}")


@pytest.fixture
def seats(tmp_path: Path) -> Iterator[Callable[..., Seat]]:
    """Opens phones of one test: `seats("name", "--option")`; all are ended after it."""
    opened: list[Seat] = []

    def open_seat(name: str, *options: str) -> Seat:
        seat = Seat(tmp_path / name, *options)
        opened.append(seat)
        return seat

    yield open_seat
    with ThreadPoolExecutor(max(1, len(opened))) as pool:  # each takes a second to take leave of the PBX
        for left in [pool.submit(seat.quit) for seat in opened]:
            left.result()


@pytest.fixture(scope="module")
def agent(pbx: Pbx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """Agent 1001, member of the queue, with a silent microphone."""
    seat = Seat(tmp_path_factory.mktemp("agent") / "data")
    seat.register(pbx, "1001")
    yield seat
    seat.quit()


@pytest.fixture(scope="module")
def caller(pbx: Pbx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """Endpoint 1002, who hums 1 kHz."""
    folder = tmp_path_factory.mktemp("caller")
    tone = write_tone(folder / "tone.wav")
    seat = Seat(folder / "data", "--no-record", "--microphone", str(tone))
    seat.register(pbx, "1002")
    yield seat
    seat.quit()
