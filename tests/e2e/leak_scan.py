"""Looks for card data in everything a run has left behind.

Rules:
- A card number is looked for in every file as it is on disk, in every form in which carelessness
  leaves it: plain, grouped, reversed, in hex, base64, UTF-16 and as a number of 8 bytes.
- A CVV has three or four digits, so it is looked for as a token of its own, and only where a byte
  means a character: in text. In a cipher text, a compressed image or sound three such bytes come
  about by chance (one file of 200 kB in a hundred).
- The database is a cipher text: its tables are dumped in the clear and searched as text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import sqlcipher3.dbapi2 as sqlcipher

from halodesk.crypto.keystore import load_key

_CHANCE_NUMBERS = re.compile(rb'"?\b(?:pid|port|ms|samples?|lost)"?[:=] ?\d+')
"""Figures of our own logs that are no input of anybody and could be three digits by chance."""


class Find(msgspec.Struct, frozen=True):
    """A secret where it must not be. `form` says in which shape."""

    where: str
    form: str


def card_forms(number: str) -> dict[str, bytes]:
    """The shapes of a card number, by name."""
    plain = number.encode()
    groups = (
        [number[:4], number[4:10], number[10:]]
        if len(number) == 15
        else [number[i : i + 4] for i in range(0, len(number), 4)]
    )
    forms = {
        "plain": plain,
        "grouped by spaces": " ".join(groups).encode(),
        "grouped by dashes": "-".join(groups).encode(),
        "grouped by no-break spaces": "\xa0".join(groups).encode(),
        "reversed": plain[::-1],
        "hex": plain.hex().encode(),
        "hex of UTF-16": number.encode("utf-16-le").hex().encode(),
        "UTF-16": number.encode("utf-16-le"),
        "UTF-16, big-endian": number.encode("utf-16-be"),
        "a number": int(number).to_bytes(8, "big"),
        "a number, little-endian": int(number).to_bytes(8, "little"),
    }
    for shift in range(3):
        # What stands before it in the same text shifts the alphabet; the edges depend on neighbours.
        encoded = base64.b64encode(b"\x00" * shift + plain)
        forms[f"base64, shifted by {shift}"] = encoded[shift and shift + 1 : len(encoded) // 4 * 4 - 4]
    return forms


def find_cards(data: bytes, cards: Iterable[str], where: str) -> Iterator[Find]:
    """Card numbers in any form, anywhere in these bytes."""
    lower = data.lower()
    for card in cards:
        for name, form in card_forms(card).items():
            if form in data or ("hex" in name and form in lower):
                yield Find(where, name)


def find_cvvs(data: bytes, cvvs: Iterable[str], where: str) -> Iterator[Find]:
    """CVVs as tokens of their own: no letter, digit or sign of a longer token beside them."""
    told = _CHANCE_NUMBERS.sub(b"", data)
    for cvv in cvvs:
        if re.search(rb"(?<![\w.+/#=-])" + cvv.encode() + rb"(?![\w+/=-]|\.\d)", told):
            yield Find(where, "CVV")


def is_text(data: bytes) -> bool:
    """UTF-8 without control characters."""
    try:
        return not re.search(r"[\x00-\x08\x0e-\x1a]", data.decode())
    except UnicodeDecodeError:
        return False


def scan(
    folders: Iterable[Path], *, cards: Iterable[str], cvvs: Iterable[str], no_cvv: Iterable[Path] = ()
) -> tuple[int, list[Find]]:
    """Every file under the folders: how many there were, and what was found.

    CVVs are not looked for under `no_cvv`.
    """
    cards, cvvs, spared = tuple(cards), tuple(cvvs), tuple(no_cvv)
    seen = 0
    found: list[Find] = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            data = path.read_bytes()
            seen += 1
            found += find_cards(data, cards, str(path))
            found += find_cards(str(path).encode(), cards, f"name of {path}")
            if is_text(data) and not any(path.is_relative_to(each) for each in spared):
                found += find_cvvs(data, cvvs, str(path))
    return seen, found


def dump(seat_folder: Path) -> bytes:
    """Everything in the seat's database in the clear, a line a row."""
    key, _ = load_key(seat_folder)
    connection = sqlcipher.connect(str(seat_folder / "seat.db"))
    try:
        connection.execute(f"PRAGMA key=\"x'{key.hex()}'\"")
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        lines = []
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # names of the file itself
                parts = [part if isinstance(part, bytes) else str(part).encode() for part in row]
                lines.append(table.encode() + b"\t" + b"\t".join(parts))
        return b"\n".join(lines)
    finally:
        connection.close()
