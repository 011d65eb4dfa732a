"""Base tax rates of states and provinces: resources/zip/tax_rates.toml.

A base rate is not the rate of an address: counties, cities and districts add theirs. So each answer
carries its label, and a client's own table (`overlay`) wins.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from halodesk.engine.errors import SettingsError


class TaxPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tax of a rate; percent."""

    name: str
    rate: Decimal


class TaxRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table; `rate` is percent and the sum of `parts`."""

    country: Literal["US", "CA"]
    region: str
    rate: Decimal
    parts: tuple[TaxPart, ...]
    as_of: datetime.date
    source: str
    note: str = ""

    @property
    def label(self) -> str:
        """In words, for the agent and the record: `GST 5 % + QST 9.975 %, as of 2025-07-01 (…)`."""
        parts = " + ".join(f"{part.name} {part.rate} %" for part in self.parts)
        return f"{self.region} {parts}, as of {self.as_of} ({self.source})"


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    rate: tuple[TaxRate, ...]


def load(file: Path) -> dict[tuple[str, str], TaxRate]:
    """The table by country and region. Raises `SettingsError` for one that contradicts itself."""
    try:
        rows = msgspec.toml.decode(file.read_bytes(), type=_Table).rate
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"{file.name} cannot be read: {error}.", "Install HaloDesk again.") from None
    table: dict[tuple[str, str], TaxRate] = {(row.country, row.region): row for row in rows}
    wrong = [row.region for row in rows if sum((part.rate for part in row.parts), Decimal()) != row.rate]
    if wrong or len(table) != len(rows):
        raise SettingsError(
            f"{file.name} contradicts itself: {', '.join(wrong) or 'a region stands there twice'}.",
            "Install HaloDesk again.",
        )
    return table
