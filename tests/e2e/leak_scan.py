"""The scanner of `halodesk leak-test` over what a test has left behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from halodesk.selftest.leak_places import table_rows
from halodesk.selftest.leak_scan import Canary, Find, Scanner
from halodesk.store.dump import seat_rows


def _scanner(cards: Iterable[str], cvvs: Iterable[str]) -> Scanner:
    numbers = [Canary(kind="card_number", value=value) for value in cards]
    return Scanner([*numbers, *(Canary(kind="cvv", value=value) for value in cvvs)])


def scan(
    folders: Iterable[Path], *, cards: Iterable[str], cvvs: Iterable[str], no_cvv: Iterable[Path] = ()
) -> tuple[int, list[Find]]:
    """Every file under the folders: how many there were, and what was found.

    Codes are not looked for under `no_cvv`.
    """
    scanner, spared = _scanner(cards, cvvs), tuple(no_cvv)
    seen = 0
    found: list[Find] = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            seen += 1
            codes = not any(path.is_relative_to(each) for each in spared)
            found += scanner.scan_file(path, str(path), codes=codes)
    return seen, found


def scan_rows(seat_folder: Path, *, cards: Iterable[str], cvvs: Iterable[str] = ()) -> list[Find]:
    """What is in the seat's database, read in the clear."""
    rows = seat_rows(seat_folder)
    assert any(cell for _, cells in rows for cell in cells), "nothing was read"
    return list(table_rows(_scanner(cards, cvvs), "seat.db", rows).finds)


def says(seat_folder: Path, words: str) -> bool:
    """Whether the database holds a text in the clear: then a search in it means something."""
    cells: Sequence[bytes] = [cell for _, cells in seat_rows(seat_folder) for cell in cells]
    return any(words.encode() in cell for cell in cells)
