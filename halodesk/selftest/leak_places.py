"""The places a canary could have been left in, each scanned and counted.

Rules:
- Files are scanned as they lie on the disk, also in the middle of the call: what is there for a moment
  only (a write-ahead log, a temporary file) can be copied in that moment.
- Databases are scanned twice: as files, and row by row in the clear. A row whose cells are pieces of one
  text is read as one text.
- Our own figures (milliseconds, ports, samples) are not where a code is looked for; nor are the sandbox
  gateway's books, which are the card company's side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from halodesk.selftest.leak_scan import Find, Scanner, is_text
from halodesk.store.dump import Row

_SOUND = (".flac", ".wav", ".part")
_DATABASE = (".db", ".sqlite", ".db-journal")
_BATCH = 4096


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of place. `things`: files, rows or processes; `size`: bytes looked at, unpacked."""

    name: str
    things: int
    size: int
    finds: tuple[Find, ...] = ()


def kind_of(path: Path) -> str:
    """What a file of a data folder is, in the words of the certificate."""
    parts = {part.lower() for part in path.parts}
    name = path.name.lower()
    if "tmp" in parts:
        return "temporary files"
    if name.endswith(("-wal", "-shm")):
        return "write-ahead logs"
    if path.suffix in _DATABASE:
        return "database files"
    if "exports" in parts:
        return "exports"
    if "logs" in parts or path.suffix in (".log", ".stderr") or ".log." in name:
        return "logs"
    if "recordings" in parts or path.suffix in _SOUND:
        return "recording files"
    if "crash" in parts or name.startswith("core") or path.suffix == ".dmp":
        return "crash reports"
    if name == "settings.json":
        return "settings"
    return "other files"


def files(scanner: Scanner, folder: Path, *, no_codes: Iterable[Path] = ()) -> list[Place]:
    """Every file below the folder."""
    spared = tuple(no_codes)
    things: dict[str, int] = {}
    sizes: dict[str, int] = {}
    finds: dict[str, list[Find]] = {}
    for path in sorted(found for found in folder.rglob("*") if found.is_file() and not found.is_symlink()):
        shown = path.relative_to(folder)
        kind, before = kind_of(shown), scanner.bytes_seen
        codes = not any(path.is_relative_to(each) for each in spared)
        finds.setdefault(kind, []).extend(scanner.scan_file(path, str(shown), codes=codes))
        things[kind] = things.get(kind, 0) + 1
        sizes[kind] = sizes.get(kind, 0) + scanner.bytes_seen - before
    return [
        Place(name=kind, things=things[kind], size=sizes[kind], finds=tuple(finds[kind]))
        for kind in sorted(things)
    ]


def table_rows(scanner: Scanner, name: str, found: Sequence[Row]) -> Place:
    """The rows of a database. Cells stand beside each other; each is looked at alone, too, where packed."""
    before = scanner.bytes_seen
    finds: list[Find] = []
    batch: dict[str, list[bytes]] = {}
    for table, cells in found:
        where = f"{name}, table {table}"
        texts = [cell for cell in cells if is_text(cell)]
        batch.setdefault(where, []).append(b"\t".join(texts))
        for cell in cells:
            if not is_text(cell):  # a key, a salt, something packed
                finds += scanner.scan(cell, where, codes=False)
    for where, lines in batch.items():
        for begin in range(0, len(lines), _BATCH):
            finds += scanner.scan(b"\n".join(lines[begin : begin + _BATCH]), where)
    unique = tuple(dict.fromkeys(finds))
    return Place(name=name, things=len(found), size=scanner.bytes_seen - before, finds=unique)
