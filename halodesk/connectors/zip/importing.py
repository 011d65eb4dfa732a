"""Reads a client's CSV file into the overlay.

Rules:
- All or nothing: every row is read and checked before the overlay is touched, and the first
  thing that is wrong is named by its line.
- Only mapped columns are read; an empty cell leaves what ships.
- A code may stand in several rows where the city is mapped and differs: those are its places.
- A code that the shipped table does not know needs city and state; without them it is passed over
  and counted, as it could never be found.
- Percent and fraction are told apart by the caller, never guessed; a column that looks like the
  other is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

import msgspec

from halodesk.connectors.zip.book import ZipBook
from halodesk.connectors.zip.overlay import OverlayRow
from halodesk.connectors.zip.place import key_of
from halodesk.engine.errors import HaloDeskError, SettingsError

TaxUnit = Literal["percent", "fraction"]
COLUMNS = ("zip", "dma", "tax", "city", "state", "county")
LARGEST_FILE = 64 << 20
MOST_ROWS = 500_000
_LONGEST_CELL = 200
_HIGHEST_TAX = Decimal(30)
_SHOWN = 10


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did."""

    rows: int
    codes: int
    passed_over: int
    """Rows whose code nobody knows and that name no city."""
    examples: tuple[str, ...] = ()
    """Some of those codes."""
    file: str


def import_file(
    book: ZipBook, file: Path, columns: Mapping[str, str], *, tax_unit: TaxUnit = "percent"
) -> Imported:
    """Make the file the overlay of `book`. `columns`: our name to the file's column; `zip` is a must.

    Raises `SettingsError` with the line that is wrong; the old overlay is then untouched.
    """
    if book.overlay is None:
        raise SettingsError("This book has no data folder to import into.", "Name one with --data.")
    _check_columns(columns)
    text = _text(file)
    seen: dict[tuple[str, str], int] = {}
    taken: list[OverlayRow] = []
    unknown: list[str] = []
    for line, cells in _lines(text, file, columns):
        try:
            row = _row(cells, tax_unit)
        except HaloDeskError as error:
            raise SettingsError(f"{file.name}, line {line}: {error.message}", error.todo) from None
        before = seen.setdefault((row.code, row.city), line)
        if before != line:
            city = f" {row.city}" if row.city else ""
            raise SettingsError(
                f"{file.name}, line {line}: {row.code}{city} already stands in line {before}.",
                "Keep one of them"
                + ("." if row.city else ", or map the city column where they are two places."),
            )
        if book.base.find(row.code) is None and not (row.city and row.state):
            unknown.append(row.code)
        else:
            taken.append(row)
    _check_taken(file, taken, unknown, tax_unit)
    book.overlay.replace(
        taken,
        {
            "file": file.name,
            "imported_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": str(len(taken)),
            "columns": ",".join(f"{name}={column}" for name, column in sorted(columns.items())),
        },
    )
    return Imported(
        rows=len(taken),
        codes=len({row.code for row in taken}),
        passed_over=len(unknown),
        examples=tuple(unknown[:_SHOWN]),
        file=str(book.overlay.file),
    )


def _check_columns(columns: Mapping[str, str]) -> None:
    strange = sorted(set(columns) - set(COLUMNS))
    if strange:
        raise SettingsError(f"“{strange[0]}” cannot be mapped.", f"Choose from: {', '.join(COLUMNS)}.")
    if "zip" not in columns or len(columns) < 2:
        raise SettingsError(
            "The map needs zip and at least one more.", "For example: --map zip=ZIP,dma=MARKET,tax=RATE"
        )


def _text(file: Path) -> str:
    size = file.stat().st_size
    if size > LARGEST_FILE:
        raise SettingsError(
            f"{file.name} has {size >> 20} MB; at most {LARGEST_FILE >> 20} MB are read.",
            "Keep only the columns you map.",
        )
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file.name} is not UTF-8: byte {error.start} cannot be read.",
            "Save it as “CSV UTF-8” in your spreadsheet program.",
        ) from None
    if "\0" in text:
        raise SettingsError(f"{file.name} is no text file.", "Save it as “CSV UTF-8”.")
    return text


def _lines(text: str, file: Path, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and mapped cells of each row."""
    head = text.split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        missing = [column for column in columns.values() if names.count(column) != 1]
        if missing:
            how = "twice" if missing[0] in names else "not there"
            raise SettingsError(
                f"{file.name}: column “{missing[0]}” is {how}.",
                f"Its columns are: {', '.join(filter(None, names)) or 'none'}.",
            )
        places = {ours: names.index(column) for ours, column in columns.items()}
        count = 0
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MOST_ROWS:
                raise SettingsError(
                    f"{file.name} has more than {MOST_ROWS:,} rows.", "Keep one row a code and city."
                )
            if len(cells) != len(names):
                raise SettingsError(
                    f"{file.name}, line {reader.line_num}: {len(cells)} cells instead of {len(names)}.",
                    "Put text with commas in quotes.",
                )
            yield reader.line_num, {ours: cells[at].strip() for ours, at in places.items()}
    except csv.Error as error:
        raise SettingsError(
            f"{file.name}, line {reader.line_num}: {error}.", "Check the quotes of that line."
        ) from None


def _row(cells: Mapping[str, str], tax_unit: TaxUnit) -> OverlayRow:
    for name, cell in cells.items():
        if len(cell) > _LONGEST_CELL or not cell.isprintable():
            raise SettingsError(f"The {name} is too long or holds signs that are no text.", "Correct it.")
    code = cells["zip"]
    if code.isdigit() and len(code) in (3, 4):
        raise SettingsError(
            f"“{code}” has lost its leading zeros.", "Format the column as text and save the file again."
        )
    state = cells.get("state", "").upper()
    if state and not (len(state) == 2 and state.isascii() and state.isalpha()):
        raise SettingsError(f"“{state}” is no state.", "Write two letters, such as CA or ON.")
    return OverlayRow(
        code=key_of(code),
        city=cells.get("city", ""),
        state=state,
        county=cells.get("county", ""),
        dma=cells.get("dma", ""),
        tax=_rate(cells.get("tax", ""), tax_unit),
    )


def _rate(text: str, unit: TaxUnit) -> Decimal | None:
    if not text:
        return None
    try:
        rate = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        raise SettingsError(f"“{text}” is no tax rate.", "Write percent, such as 8.25.") from None
    if unit == "fraction" and not text.endswith("%"):
        rate *= 100
    if not rate.is_finite() or not 0 <= rate <= _HIGHEST_TAX:
        raise SettingsError(f"A tax rate of {text} cannot be.", f"Write percent from 0 to {_HIGHEST_TAX}.")
    return rate


def _check_taken(file: Path, taken: list[OverlayRow], unknown: list[str], unit: TaxUnit) -> None:
    if not taken:
        raise SettingsError(
            f"{file.name} has no row that can be used"
            + (f" ({len(unknown)} unknown codes)." if unknown else "."),
            "Check the mapped columns.",
        )
    rates = [row.tax for row in taken if row.tax]
    if unit == "percent" and rates and max(rates) < Decimal("0.5"):
        raise SettingsError(
            f"{file.name}: no tax rate reaches 0.5 %: they look like fractions (0.0825 for 8.25 %).",
            "If they are, add --tax-unit fraction.",
        )
