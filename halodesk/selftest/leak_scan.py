"""Looks for canaries in bytes: every form in which carelessness leaves a number behind.

Rules:
- A number of nine signs or more is looked for in all bytes: with anything but letters and digits
  between its signs (spaced, dashed, broken over two lines, set in pieces on a page), reversed, in hex,
  base64 and UTF-16, as a packed or a binary number, as a bare hash (a card number can be found again
  from it by trying).
- A security code has three or four digits, so it is looked for as a token of its own, and only where
  a byte means a character: in text. In cipher text or sound three such bytes come about by chance.
- Zip, gzip, bzip2, xz and Zstandard are opened, also inside each other. What cannot be opened, or grows
  beyond all measure, is looked at as it is.
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import zstandard

Kind = Literal["card_number", "cvv", "ssn", "medicare_id", "bank_account", "other"]

_GAP = rb"[^0-9A-Za-z]{0,6}"
_PLAIN = "plain, or with signs between"
_MARKUP = re.compile(rb"<[^<>]{0,400}>")
_DEEPEST = 4
_LARGEST = 256 * 2**20
"""Bytes that one container may unpack to."""
_SHORT = 5
_FIGURES = re.compile(
    rb'"?\b(?:pid|port|ms|samples?|lost|seq|size|length|bytes|mono|wall|at|x|y|width|height|frames?|'
    rb'ended_at|answered_at|[a-z_]+_(?:s|ms|at|db))"?[:=] ?-?\d+(?:\.\d+)?'
)
"""Figures of our own that are nobody's input and could be three digits by chance."""


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """A value that was typed and must be nowhere."""

    kind: Kind
    value: str

    def __repr__(self) -> str:
        """Never the value: a traceback is a place, too."""
        return f"<Canary {self.kind}>"


class Find(msgspec.Struct, frozen=True, kw_only=True):
    """A canary where it must not be. `canary` counts from 0, `form` says in which shape."""

    where: str
    canary: int
    kind: Kind
    form: str


class _Shape(msgspec.Struct, frozen=True):
    form: str
    pattern: re.Pattern[bytes]


def _spread(signs: Iterable[bytes], gap: bytes = _GAP) -> re.Pattern[bytes]:
    return re.compile(gap.join(map(re.escape, signs)), re.IGNORECASE)


def _shapes(value: str) -> list[_Shape]:
    plain = value.encode()
    signs = [bytes([sign]) for sign in plain]
    hexed = [f"{sign:02x}".encode() for sign in plain]
    found = [
        _Shape(_PLAIN, _spread(signs)),
        _Shape("reversed", _spread(signs[::-1])),
        _Shape("hex", _spread(hexed, rb"(?:%|\\x|\\u00|0x|[^0-9A-Za-z]{0,2})")),
    ]
    literal: dict[str, bytes] = {}
    for text in (plain, value.encode("utf-16-le")):
        width = "UTF-16, " if text != plain else ""
        literal[f"{width}hex"] = text.hex().encode()
        for shift in range(3):
            # What stands before it in the same text shifts the alphabet; the edges depend on neighbours.
            encoded = base64.b64encode(b"\x00" * shift + text)
            literal[f"{width}base64, shifted by {shift}"] = encoded[
                shift and shift + 1 : (len(text) + shift) // 3 * 4
            ]
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, plain, usedforsecurity=False)
        literal[f"{name}"] = digest.digest()
        literal[f"{name}, hex"] = digest.hexdigest().encode()
    if plain.isdigit() and len(plain) >= 14:
        padded = value if len(value) % 2 == 0 else "0" + value
        literal["packed decimal"] = bytes.fromhex(padded)
        if int(value) < 2**64:
            literal["a number"] = int(value).to_bytes(8, "big")
            literal["a number, little-endian"] = int(value).to_bytes(8, "little")
    for form, piece in literal.items():
        flags = re.IGNORECASE if "hex" in form else 0
        found.append(_Shape(form, re.compile(re.escape(piece), flags | re.DOTALL)))
    return found


def _token(value: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![\w.+/#=-])" + value.encode() + rb"(?![\w+/=-]|\.\d)")


def is_text(data: bytes) -> bool:
    """UTF-8 without control characters."""
    try:
        return not re.search(r"[\x00-\x08\x0e-\x1a]", data.decode())
    except UnicodeDecodeError:
        return False


def _views(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Other ways to read the same bytes."""
    if b"\x00" in data:
        yield "UTF-16 or UTF-32", data.replace(b"\x00", b"")
    if b"<" in data and is_text(data):
        yield "between the marks of a page", _MARKUP.sub(b" ", data)


class Scanner:
    """Looks for some canaries; `bytes_seen` counts what was looked at, unpacked."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        self._canaries = tuple(canaries)
        self._long = [
            (number, shape)
            for number, canary in enumerate(canaries)
            if len(canary.value) > _SHORT
            for shape in _shapes(canary.value)
        ]
        self._short = [
            (number, _token(canary.value))
            for number, canary in enumerate(canaries)
            if len(canary.value) <= _SHORT
        ]
        self.bytes_seen = 0

    def scan(self, data: bytes, where: str, *, codes: bool = True, deep: int = 0) -> list[Find]:
        """What is in these bytes, containers unpacked. `codes`: look for short codes where it is text."""
        found = self._plain(data, where, codes=codes)
        if deep < _DEEPEST:
            for name, inner in unpacked(data):
                found += self.scan(inner, f"{where} › {name}", codes=codes, deep=deep + 1)
        return found

    def scan_file(self, path: Path, where: str, *, codes: bool = True) -> list[Find]:
        """A file and its name. One that goes away meanwhile is none."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return []
        return self._plain(path.name.encode(), f"name of {where}", codes=False) + self.scan(
            data, where, codes=codes
        )

    def _plain(self, data: bytes, where: str, *, codes: bool) -> list[Find]:
        self.bytes_seen += len(data)
        views = [("", data), *_views(data)]
        found = []
        for number, shape in self._long:
            for view, seen in views if shape.form == _PLAIN else views[:1]:
                if shape.pattern.search(seen):
                    found.append(self._find(number, where, view or shape.form))
                    break
        if codes and self._short and is_text(data):
            told = _FIGURES.sub(b"", data)
            found += [
                self._find(number, where, "a token of its own")
                for number, pattern in self._short
                if pattern.search(told)
            ]
        return found

    def _find(self, number: int, where: str, form: str) -> Find:
        return Find(where=where, canary=number, kind=self._canaries[number].kind, form=form)


def _zstd(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        return bytes(reader.read(_LARGEST))


# Those that take a torn end give what stands before it.
_PACKED: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", lambda data: zlib.decompressobj(wbits=31).decompress(data, _LARGEST)),
    b"BZh": ("bzip2", lambda data: bz2.BZ2Decompressor().decompress(data, _LARGEST)),
    b"\xfd7zXZ": ("xz", lambda data: lzma.LZMADecompressor().decompress(data, _LARGEST)),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    b"x\x9c": ("zlib", lambda data: zlib.decompressobj().decompress(data, _LARGEST)),
}


def unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is in a container; nothing where these bytes are none."""
    for magic, (name, opened) in _PACKED.items():
        if data.startswith(magic):
            try:
                yield name, opened(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError):
                return
    if data.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    if member.file_size <= _LARGEST and not member.flag_bits & 1:
                        yield member.filename, archive.read(member)
        except (zipfile.BadZipFile, OSError, zlib.error, lzma.LZMAError, NotImplementedError):
            return
