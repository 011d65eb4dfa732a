"""What is known of one place, and how a postal code is read."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

import msgspec

from halodesk.engine.errors import SettingsError

DmaSource = Literal["", "estimated", "imported"]
TaxSource = Literal["", "state or province base rate", "imported"]

_US = re.compile(r"([0-9]{5})(?:-?[0-9]{4})?")
# Letters that Canada Post uses; never D, F, I, O, Q, U, and W and Z not in front.
_CANADA = re.compile(r"([ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z])(?:-?[0-9][ABCEGHJ-NPRSTV-Z][0-9])?")
_LONGEST = 32


class ZipPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One place of a postal code; texts are empty and figures None where nothing is known."""

    code: str
    """Five digits, or the three signs of a Canadian forward sortation area."""
    city: str
    state: str
    """Two letters: state, territory, province, or AA, AE, AP of the forces."""
    county: str = ""
    country: Literal["US", "CA"] = "US"
    """Whose postal system: US for its territories and forces too."""
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""
    """Name in the tz database."""
    dma: str = ""
    """Market the place is in."""
    dma_source: DmaSource = ""
    tax_rate: Decimal | None = None
    """Percent."""
    tax_source: TaxSource = ""
    tax_label: str = ""
    """The rate in words: its parts, its date and the authority, or that it was imported."""


def key_of(code: str) -> str:
    """The code as the tables have it: ZIP+4 without the four, a Canadian code's first three signs.

    Blanks and lower case are taken. Raises `SettingsError` for what is no postal code.
    """
    bare = "".join(code.split()).upper() if len(code) <= _LONGEST else ""
    found = _US.fullmatch(bare) or _CANADA.fullmatch(bare)
    if found is None:
        shown = code if len(code) <= _LONGEST else f"{code[:_LONGEST]}…"
        raise SettingsError(
            f"“{shown}” is no postal code of the United States or Canada.",
            "Write five digits (90210), nine (90210-1234), or a code such as K1A 0B1 or its first half, K1A.",
        )
    return found[1]
