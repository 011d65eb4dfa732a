"""Lists from outside, for loops and dropdowns: one module a kind of source, found by itself.

A module of this package that defines `KIND` (`provider.Kind`) is a kind; adding one is adding its
module. Sources are only ever read.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence

from halodesk.connectors.data_sources.provider import (
    DataConnection,
    DataQuery,
    Kind,
    UnreadableError,
)
from halodesk.engine.errors import SettingsError
from halodesk.runtime.discovery import found_in
from halodesk.runtime.effect_ports import DataAnswer

MOST_ROWS = 10_000


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """Every kind of source by its key."""
    return found_in(__path__, __name__, "KIND", Kind)


class DataSources:
    """All data connections of a seat. Raises `SettingsError` for one that cannot be used."""

    def __init__(self, connections: Sequence[DataConnection]) -> None:
        for connection in connections:
            if connection.kind not in kinds():
                raise SettingsError(
                    f"There is no kind of data source “{connection.kind}”.",
                    f"Choose one of: {', '.join(sorted(kinds()))}.",
                )
        self._readers = {one.name: kinds()[one.kind].build(one) for one in connections}
        if len(self._readers) != len(connections):
            raise SettingsError("Two data connections have the same name.", "Give each its own.")

    async def rows(self, query: DataQuery) -> DataAnswer:
        """At most `query.limit` rows of JSON values; never raises for what a file or a database does."""
        name = query.connection or query.source
        reader = self._readers.get(name)
        if reader is None:
            return DataAnswer(reason=f"This seat has no data source “{name}”.")
        limit = min(max(query.limit, 0), MOST_ROWS)
        try:
            # On a thread: files and drivers wait, and the loop must not.
            found = await asyncio.to_thread(reader.rows, query.query, dict(query.parameters), limit)
        except UnreadableError as problem:
            return DataAnswer(reason=str(problem))
        return DataAnswer(rows=tuple(found))
