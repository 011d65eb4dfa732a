"""Rows of a CSV file: UTF-8, one line of column names; commas, semicolons or tabs.

It has no query language: parameters choose the rows whose columns equal them. Values are text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from halodesk.connectors.data_sources.provider import (
    DataConnection,
    Kind,
    UnreadableError,
    content_of,
    matching,
)
from halodesk.engine.errors import SettingsError


class CsvReader:
    """`Reader` of one file, read anew each time."""

    def __init__(self, connection: DataConnection) -> None:
        if not connection.path:
            raise SettingsError(f"The data connection “{connection.name}” has no path.", "Name its file.")
        self._path = connection.path

    def rows(self, query: str, parameters: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """The first rows that match."""
        if query.strip():
            raise UnreadableError("A CSV list takes no query, only parameters.")
        return list(matching(self._all(), parameters, limit))

    def _all(self) -> Iterator[dict[str, Any]]:
        name = Path(self._path).name
        text = content_of(self._path)
        head = text.split("\n", 1)[0]
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
        try:
            names = [one.strip() for one in next(reader, [])]
            if not names or len(set(names)) != len(names) or "" in names:
                raise UnreadableError(f"The list {name} lacks a line of different column names.")
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) != len(names):
                    where = f"The list {name}, line {reader.line_num},"
                    raise UnreadableError(f"{where} has {len(cells)} cells instead of {len(names)}.")
                yield dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise UnreadableError(f"The list {name}, line {reader.line_num}: {error}.") from None


KIND = Kind(key="csv", label="CSV file", build=CsvReader)
