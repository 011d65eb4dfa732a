"""Postal codes: one lookup, bare and as steps make it, against the `zipcodes` package in the same run."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import zipcodes

from halodesk.connectors.zip import ZipBook
from halodesk.connectors.zip.overlay import OverlayRow
from tests.bench.measure import Figure, figure, seconds

RUNS = 9
CODES = 2000
THEIRS = 50


def figures() -> Iterator[Figure]:
    """Microseconds a lookup over codes drawn from the whole table, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        book = ZipBook(Path(folder))
        codes = random.Random(1).sample([row["zip_code"] for row in _all()], CODES)
        their_look_up: Callable[[str], object] = zipcodes.matching
        their_look_up(codes[0])  # unpacks its data
        ours = [_each(book.lookup, codes) for _ in range(RUNS)]
        yield figure("postal code lookup", ours, "us", note="no overlay; about 8 us on a quiet machine")
        theirs = [_each(their_look_up, codes[:THEIRS]) for _ in range(RUNS)]
        yield figure("the same with the zipcodes package", theirs, "us")
        yield figure(
            "zipcodes package against ours",
            [slow / fast for slow, fast in zip(theirs, ours, strict=True)],
            "ratio",
            goal=">= 10",
            met=lambda value: value >= 10,
        )
        if book.overlay is None:
            raise RuntimeError("the book has no overlay")
        book.overlay.replace((OverlayRow(code=code, dma="Own market") for code in codes), {})
        yield figure(
            "postal code lookup, imported values over it",
            [_each(book.lookup, codes) for _ in range(RUNS)],
            "us",
        )
        book.close()


def _all() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = zipcodes.list_all()  # type: ignore[no-untyped-call]  # its wrapper has no types
    return rows


def _each(look_up: Callable[[str], object], codes: list[str]) -> float:
    def work() -> None:
        for code in codes:
            look_up(code)

    return seconds(work) / len(codes) * 1e6
