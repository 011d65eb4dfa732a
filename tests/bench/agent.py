"""The directory: finding people as one types, against SQLite's full-text search (FTS5) in the same run."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from halodesk.runtime.directory import MOST_CONTACTS, MOST_FOUND, Contact, Contacts, contact
from tests.bench.measure import Figure, figure, seconds

RUNS = 9
FIRST = ("Ann", "Bo", "Åsa", "Jürgen", "Robin", "Kim", "Zoë", "Maria", "Omar", "Li")
LAST = ("Berg", "Öst", "Ortiz", "Larsen", "Müller", "Okafor", "Nguyen", "Smith", "Silva", "Novak")
TYPED = ("a", "an", "jurgen", "zoe nov", "larsen 42", "nobody", "2025550", "x")
FRAME_MS = 16.0


def figures() -> Iterator[Figure]:
    """Milliseconds until a typed letter has its list, the slowest of several things one types."""
    draw = random.Random(1)
    people = [
        contact(
            f"{draw.choice(FIRST)} {draw.choice(LAST)}",
            f"+1202555{number:05}",
            more=f"Team {number % 97}",
        )
        for number in range(MOST_CONTACTS)
    ]
    contacts = Contacts(people)
    ours = [max(_each(contacts.find, TYPED)) for _ in range(RUNS)]
    yield figure(
        f"people found as one types, of {MOST_CONTACTS:,}",
        [one * 1000 for one in ours],
        "ms",
        goal="one frame, <= 16",
        met=lambda value: value <= FRAME_MS,
        note="the slowest of eight searches",
    )
    theirs = _fts(people)
    slow = [max(_each(partial(_ask, theirs), _queries())) for _ in range(RUNS)]
    theirs.close()
    yield figure(
        "the same with SQLite FTS5", [one * 1000 for one in slow], "ms", note="finds no parts of numbers"
    )


def _each(search: Callable[[str], object], typed: Sequence[str]) -> list[float]:
    return [seconds(partial(search, words)) for words in typed]


def _fts(people: list[Contact]) -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.execute(
        "CREATE VIRTUAL TABLE people USING fts5(name, more, tokenize='unicode61 remove_diacritics 2')"
    )
    rows = [(one.name, one.more) for one in people]
    made.executemany("INSERT INTO people VALUES (?, ?)", rows)
    return made


def _queries() -> list[str]:
    return [" ".join(f'"{word}"*' for word in typed.split()) for typed in TYPED]


def _ask(connection: sqlite3.Connection, query: str) -> object:
    wanted = "SELECT name, more FROM people WHERE people MATCH ? ORDER BY name LIMIT ?"
    return connection.execute(wanted, (query, MOST_FOUND)).fetchall()
