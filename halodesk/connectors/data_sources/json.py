"""Rows of a JSON file. The query is the JSON Pointer (RFC 6901) of the list, empty for the document.

Objects are rows as they are; any other value becomes a row with one column, `value`. Parameters
choose the rows whose values equal them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from halodesk.connectors.data_sources.provider import (
    DataConnection,
    Kind,
    UnreadableError,
    content_of,
    matching,
)
from halodesk.engine.errors import SettingsError


class JsonReader:
    """`Reader` of one file, read anew each time."""

    def __init__(self, connection: DataConnection) -> None:
        if not connection.path:
            raise SettingsError(f"The data connection “{connection.name}” has no path.", "Name its file.")
        self._path = connection.path

    def rows(self, query: str, parameters: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
        """The first rows that match."""
        name = Path(self._path).name
        try:
            document = msgspec.json.decode(content_of(self._path))
        except (msgspec.DecodeError, RecursionError):
            raise UnreadableError(f"The list {name} is not JSON. Tell IT.") from None
        found = _at(document, query.strip())
        if not isinstance(found, list):
            raise UnreadableError(f"The list {name} has no list at “{query or '/'}”.")
        rows = (one if isinstance(one, dict) else {"value": one} for one in found)
        return list(matching(rows, parameters, limit))


def _at(document: Any, pointer: str) -> Any:
    """The value at a pointer, None where it leads nowhere."""
    if not pointer:
        return document
    head, *parts = pointer.split("/")
    if head:
        return None
    for part in parts:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and name.isascii() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


KIND = Kind(key="json", label="JSON file", build=JsonReader)
