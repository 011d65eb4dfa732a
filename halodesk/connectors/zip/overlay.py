"""The seat's own postal code table, imported from a client's file: one SQLite file in the data folder.

Rules:
- An import replaces the whole overlay at once (`os.replace`) or leaves it as it was.
- The file is read into memory: nothing is held open, so it can be replaced on Windows too.
- Where it is damaged a lookup says so; it never falls back to estimates in silence.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from halodesk.connectors.zip.place import ZipPlace
from halodesk.engine.errors import SettingsError

NAME = "zip-overlay.sqlite"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE place (code TEXT, city TEXT, state TEXT NOT NULL, county TEXT NOT NULL, dma TEXT NOT NULL,
                    tax TEXT NOT NULL, PRIMARY KEY (code, city)) WITHOUT ROWID;
"""
_MAGIC = b"SQLite format 3\0"
_ROW = "SELECT city, state, county, dma, tax FROM place WHERE code = ? ORDER BY city"


class OverlayRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a client's file says of one place; empty and None leave what ships."""

    code: str
    city: str = ""
    state: str = ""
    county: str = ""
    dma: str = ""
    tax: Decimal | None = None

    def over(self, place: ZipPlace) -> ZipPlace:
        """The place with what is said here."""
        said: dict[str, object] = {}
        if self.county:
            said["county"] = self.county
        if self.dma:
            said |= {"dma": self.dma, "dma_source": "imported"}
        if self.tax is not None:
            said |= {"tax_rate": self.tax, "tax_source": "imported", "tax_label": f"{self.tax} %, imported"}
        return msgspec.structs.replace(place, **said) if said else place


def overlay_file(data: Path) -> Path:
    """Where a seat's overlay is."""
    return data / NAME


class Overlay:
    """The overlay of one file, which may come, change and go while the seat runs."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._rows: sqlite3.Connection | None = None

    def find(self, code: str) -> tuple[OverlayRow, ...]:
        """Rows of a code, none without an overlay. Raises `SettingsError` for a damaged one."""
        rows = self._open()
        if rows is None:
            return ()
        try:
            found = rows.execute(_ROW, (code,)).fetchall()
        except sqlite3.Error:
            raise self._damaged() from None
        return tuple(
            OverlayRow(
                code=code, city=city, state=state, county=county, dma=dma, tax=Decimal(tax) if tax else None
            )
            for city, state, county, dma, tax in found
        )

    def meta(self) -> dict[str, str]:
        """What the import noted, empty without an overlay."""
        rows = self._open()
        if rows is None:
            return {}
        try:
            return dict(rows.execute("SELECT key, value FROM meta ORDER BY key"))
        except sqlite3.Error:
            raise self._damaged() from None

    def replace(self, rows: Iterable[OverlayRow], meta: Mapping[str, str]) -> None:
        """Put a new overlay in the place of the old one, whole. `OSError` where the disk refuses."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=NAME, suffix=".new", dir=self.file.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_packed(rows, meta))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self.file)
        finally:
            fresh.unlink(missing_ok=True)

    def remove(self) -> bool:
        """Take the overlay away; False where there was none."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            return False
        return True

    def _open(self) -> sqlite3.Connection | None:
        try:
            found = os.stat(self.file)
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen:
                return self._rows
            content = self.file.read_bytes()
        except FileNotFoundError:
            self._seen = self._rows = None
            return None
        if not content.startswith(_MAGIC):
            raise self._damaged()
        with self._lock:
            rows = sqlite3.connect(":memory:", check_same_thread=False)
            try:
                rows.deserialize(content)
                rows.execute(_ROW, ("",)).fetchone()
            except sqlite3.Error:
                rows.close()
                raise self._damaged() from None
            self._rows, self._seen = rows, seen
            return rows

    def _damaged(self) -> SettingsError:
        return SettingsError(
            f"The imported postal code table {self.file.name} is damaged.",
            "Import it again, or run: halodesk zip remove-overlay",
        )


def _packed(rows: Iterable[OverlayRow], meta: Mapping[str, str]) -> bytes:
    base = sqlite3.connect(":memory:")
    try:
        base.executescript(_SCHEMA)
        with base:
            base.executemany("INSERT INTO meta VALUES (?, ?)", sorted(meta.items()))
            base.executemany(
                "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (
                        row.code,
                        row.city,
                        row.state,
                        row.county,
                        row.dma,
                        "" if row.tax is None else str(row.tax),
                    )
                    for row in rows
                ),
            )
        return base.serialize()
    finally:
        base.close()
