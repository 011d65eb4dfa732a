"""Looks postal codes up: the overlay first, then the table that ships.

Rules:
- A value of the overlay wins over the shipped one, value by value, and says `imported`.
- An overlay with cities replaces the list of places; one without leaves it.
- A code known to neither gives no place, which is an answer and not an error.
- The overlay's file is looked at on each lookup (one `stat`): an import is there at once.
"""

from __future__ import annotations

import functools
from pathlib import Path

from halodesk.connectors.zip import tax
from halodesk.connectors.zip.base import Base, BaseRow
from halodesk.connectors.zip.overlay import Overlay, OverlayRow, overlay_file
from halodesk.connectors.zip.place import ZipPlace, key_of
from halodesk.runtime.paths import data_dir, resources_dir

_NOTHING = BaseRow((), "", "", "", "", None, None)


class ZipBook:
    """All postal codes: those of `resources/zip`, and the overlay of a seat's data folder (None: without).

    Lookups may come from any thread. Raises `SettingsError` where the shipped tables are unusable.
    """

    def __init__(self, data: Path | None = None, *, resources: Path | None = None) -> None:
        folder = resources or resources_dir() / "zip"
        self.base = Base(folder / "zip.sqlite")
        # Label made once a region: a lookup only takes it.
        self._taxes = {key: (row.rate, row.label) for key, row in tax.load(folder / "tax_rates.toml").items()}
        self._overlay = None if data is None else Overlay(overlay_file(data))

    @property
    def overlay(self) -> Overlay | None:
        """The seat's own table; None for a book without one."""
        return self._overlay

    def lookup(self, code: str) -> tuple[ZipPlace, ...]:
        """Every place of a code, the usual one first; empty for a code nobody knows.

        Raises `SettingsError` for what is no postal code, and for a damaged overlay.
        """
        key = key_of(code)
        row = self.base.find(key)
        own = () if self._overlay is None else self._overlay.find(key)
        if row is None:
            if not own or not own[0].city:
                return ()
            row = _NOTHING
        if own and own[0].city:
            return tuple([self._place(key, row, one.city, one) for one in own])
        mine = own[0] if own else None
        return tuple([self._place(key, row, city, mine) for city in row.cities])

    def close(self) -> None:
        """Let go of the files."""
        self.base.close()

    def _place(self, code: str, row: BaseRow, city: str, own: OverlayRow | None) -> ZipPlace:
        country = "CA" if code[0].isalpha() else "US"
        state = (own.state if own is not None else "") or row.state
        rate, label = self._taxes.get((country, state), (None, ""))
        place = ZipPlace(
            code=code,
            city=city,
            state=state,
            county=row.county,
            country="CA" if country == "CA" else "US",
            latitude=row.latitude,
            longitude=row.longitude,
            timezone=row.timezone,
            dma=row.dma,
            dma_source="estimated" if row.dma else "",
            tax_rate=rate,
            tax_source="state or province base rate" if label else "",
            tax_label=label,
        )
        return place if own is None else own.over(place)


@functools.cache
def _book(data: Path) -> ZipBook:
    return ZipBook(data)


def lookup(code: str) -> tuple[ZipPlace, ...]:
    """Every place of a code with the seat's own overlay, as `ZipBook.lookup`."""
    return _book(data_dir(make=False)).lookup(code)
