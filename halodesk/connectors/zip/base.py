"""The table that ships: resources/zip/zip.sqlite, made by `tools/build_zip_db`.

Rules:
- Opened immutable: nothing locks it, no journal appears beside it, a read-only disk will do.
- The small tables (counties, zones, markets) are read once, so a lookup is one row of one table.
- One connection for all threads: SQLite serialises its calls, and nothing is ever written.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from halodesk.engine.errors import SettingsError

_DEGREE = 10_000
_ROW = "SELECT cities, state, county, zone, market, latitude, longitude FROM place WHERE code = ?"


class BaseRow(NamedTuple):
    """What the table says of one code."""

    cities: tuple[str, ...]
    """The usual one first."""
    state: str
    county: str
    timezone: str
    dma: str
    latitude: float | None
    longitude: float | None


class Base:
    """The table, open. Raises `SettingsError` where the file is missing or no such table."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            if not file.is_file():
                raise self._unusable("is missing")
            self._base = sqlite3.connect(
                f"{file.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
            self._counties = self._names("county")
            self._zones = self._names("zone")
            self._markets = self._names("market")
        except sqlite3.Error as error:
            raise self._unusable(f"cannot be read ({error})") from None

    def find(self, code: str) -> BaseRow | None:
        """The row of a code as `place.key_of` gives it. Raises `SettingsError` for a damaged file."""
        try:
            row = self._base.execute(_ROW, (code,)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(f"cannot be read ({error})") from None
        if row is None:
            return None
        cities, state, county, zone, market, latitude, longitude = row
        return BaseRow(
            tuple(cities.split("|")),
            state,
            self._counties[county],
            self._zones[zone],
            self._markets[market],
            None if latitude is None else latitude / _DEGREE,
            None if longitude is None else longitude / _DEGREE,
        )

    def meta(self) -> dict[str, str]:
        """Sources, licences and counts, as the builder wrote them."""
        return dict(self._base.execute("SELECT key, value FROM meta ORDER BY key"))

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def _names(self, table: str) -> dict[int | None, str]:
        rows = self._base.execute(f"SELECT id, name FROM {table}")  # noqa: S608  # one of three names above
        return {None: "", **dict(rows)}

    def _unusable(self, what: str) -> SettingsError:
        return SettingsError(f"The postal code table {self._file.name} {what}.", "Install HaloDesk again.")
