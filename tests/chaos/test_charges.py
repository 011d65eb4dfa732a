"""SIGKILL at random points of charges: nobody is charged twice, no charge is lost.

A short storm runs with `make test-full`; `make chaos` runs one of 500 charges.
HALODESK_CHAOS_CHARGES sets its length, HALODESK_CHAOS_SEED repeats one that was printed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.chaos.charges import Books, run

CHARGES = int(os.environ.get("HALODESK_CHAOS_CHARGES", "500"))
SEED = os.environ.get("HALODESK_CHAOS_SEED", "")


def assert_right(books: Books, seed: int) -> None:
    print(f"seed {seed}: {books}")
    wrong = (books.twice, books.lost, books.imagined, books.open)
    assert wrong == (0, 0, 0, 0), f"HALODESK_CHAOS_SEED={seed}: {books}"


@pytest.mark.slow
def test_a_short_storm_of_charges(tmp_path: Path) -> None:
    books = run(tmp_path, 2, seed=7, between=3)
    assert_right(books, 7)
    assert books.kills >= 1
    assert books.taken >= 2


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_a_long_storm_of_charges(tmp_path: Path) -> None:
    seed = int(SEED) if SEED else secrets.randbelow(1_000_000)
    books = run(tmp_path, CHARGES, seed=seed)
    assert_right(books, seed)
    assert books.kills > CHARGES // 20
