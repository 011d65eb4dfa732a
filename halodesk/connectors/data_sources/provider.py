"""What a module of this package says of itself, what it is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

LARGEST_FILE = 16 << 20


class DataConnection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source. `path`: of a file; `url`: of a database, its password in it."""

    name: str
    kind: str
    path: str = ""
    url: str = ""
    timeout_s: float = 5.0

    def __repr__(self) -> str:
        """Without the address, which may hold a password."""
        return f"<DataConnection {self.name}>"


class DataQuery(Protocol):
    """What a flow asks for. Without a connection the source's name is the connection's."""

    @property
    def source(self) -> str: ...

    @property
    def connection(self) -> str: ...

    @property
    def query(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    @property
    def limit(self) -> int: ...


class UnreadableError(Exception):
    """A source gave no rows; the text says why, in the agent's words, without a secret."""


class Reader(Protocol):
    """Reads one source. Blocks; raises `UnreadableError` and nothing else of its own."""

    def rows(self, query: str, parameters: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """At most `limit` rows; values are JSON."""
        ...


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of source. `build` raises `SettingsError` for an unusable connection."""

    key: str
    """Name in settings, for ever."""
    label: str
    build: Callable[[DataConnection], Reader]


def content_of(path: str) -> str:
    """The text of a source's file. Raises `UnreadableError`."""
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise UnreadableError(f"The list {file.name} is larger than {LARGEST_FILE >> 20} MB.")
        return file.read_bytes().decode("utf-8-sig")
    except OSError:
        raise UnreadableError(f"The list {file.name} cannot be read. Tell IT.") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"The list {file.name} is not UTF-8. Tell IT.") from None


def matching(
    rows: Iterable[dict[str, Any]], parameters: Mapping[str, Any], limit: int
) -> Iterator[dict[str, Any]]:
    """The first `limit` rows whose values equal the parameters, compared as text.

    Raises `UnreadableError` for a parameter that no row has: it would match nothing in silence.
    """
    known: set[str] = set()
    found = 0

    def fits(row: dict[str, Any]) -> bool:
        known.update(row)
        return all(str(row.get(name, "")) == str(value) for name, value in parameters.items())

    for row in islice(filter(fits, rows), limit):
        found += 1
        yield row
    missing = sorted(set(parameters) - known)
    if missing and known and not found:
        raise UnreadableError(f"The list has no column “{missing[0]}”.")
