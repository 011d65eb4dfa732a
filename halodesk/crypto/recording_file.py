"""An encrypted file that grows: what recordings are kept in (format HDREC1).

Rules:
- The file is a head and records, and is only ever appended to. A process that dies leaves every record
  it wrote whole; the one it was at is cut off and ignored. So a recording is readable up to its last
  write, without any closing.
- The head: `HDREC1` and two zero bytes, 8 bytes that name the seat's key pair, the length (16 bits) of
  what follows, the file's own key as `recording_key` seals it.
- A record: length of what follows (32 bits), number (64), kind (8), offset (64), all big-endian; then
  AES-256-GCM ciphertext and its tag. The number is the nonce. The record's head and the tag before it
  (of the first: 16 bytes of the SHA-256 of the file's head) are authenticated too, so that records
  can be neither changed nor moved, taken out or brought from another file.
- A record says "these bytes belong at this offset" (`DATA`: at the end, or over what is there), "the
  content ends here" (`CUT`) or "nothing follows" (`END`).
- A number is never used twice with a key: a write that failed half way takes the next one.
- That records were cut off the end shows in the digest of the file, which the session's chain keeps.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import struct
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from halodesk.crypto.recording_key import KEY_BYTES, KID_BYTES, RecordingKey, RecordingLock
from halodesk.engine.errors import SessionFileError

MAGIC = b"HDREC1\0\0"
SUFFIX = ".hdrec"
MOST_BYTES = 64 * 1024
"""Content of one record at most."""

DATA, CUT, END = 0, 1, 2
_HEAD = struct.Struct(">IQBQ")
_TAG = 16


class SealedWriter:
    """Appends to a new file. One thread; the descriptor is the caller's to make and ours to close."""

    def __init__(self, descriptor: int, lock: RecordingLock) -> None:
        """Writes the head. Raises `OSError`."""
        key = secrets.token_bytes(KEY_BYTES)
        sealed = lock.seal(key)
        head = MAGIC + lock.kid + len(sealed).to_bytes(2, "big") + sealed
        self._fd = descriptor
        self._cipher = AESGCM(key)
        self._link = hashlib.sha256(head).digest()[:_TAG]
        self._number = 0
        self._end = 0
        self._append(head)

    def put(self, at: int, data: bytes | bytearray) -> int:
        """Content at that offset; returns how much of it was taken. Raises `OSError`: nothing was."""
        piece = bytes(data[:MOST_BYTES])
        self._record(DATA, at, piece)
        return len(piece)

    def cut(self, size: int) -> None:
        """The content ends at that offset. Raises `OSError`."""
        self._record(CUT, size, b"")

    def sync(self) -> None:
        """To the disk. Raises `OSError`."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Says that nothing follows, where the disk takes it."""
        with contextlib.suppress(OSError):
            self._record(END, 0, b"")
            self.sync()
        os.close(self._fd)

    def _record(self, kind: int, offset: int, content: bytes) -> None:
        self._number += 1  # before the write: it is used up, however that ends
        head = _HEAD.pack(len(content) + _TAG, self._number, kind, offset)
        sealed = self._cipher.encrypt(_nonce(self._number), content, self._link + head)
        self._append(head + sealed)
        self._link = sealed[-_TAG:]

    def _append(self, data: bytes) -> None:
        try:
            os.lseek(self._fd, self._end, os.SEEK_SET)
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._end)
            raise
        self._end += len(data)


class _Extent(NamedTuple):
    start: int
    length: int
    place: int
    """Where in the file its ciphertext begins."""
    bound: bytes
    """What is authenticated beside it."""
    number: int
    size: int


class SealedReader(io.RawIOBase):
    """The content of such a file, decrypted as it is read. Raises `SessionFileError`, `OSError`."""

    def __init__(self, path: Path, key: RecordingKey) -> None:
        super().__init__()
        self._file: BinaryIO = path.open("rb")
        try:
            head, kid, sealed = _read_head(self._file)
            self._cipher = AESGCM(key.open(kid, sealed))
            self._extents: list[_Extent] = []
            self._patches: dict[tuple[int, int], bytes] = {}
            self._size = 0
            self.complete = False
            """Whether its writer closed it; otherwise it was cut off, as by a crash."""
            self._index(hashlib.sha256(head).digest()[:_TAG], len(head))
        except BaseException:
            self._file.close()
            raise
        self._starts = [extent.start for extent in self._extents]
        self._at = 0
        self._recent: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase's is looser
        """As of any file; raises `SessionFileError` where the content was changed."""
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        found = bisect_right(self._starts, self._at) - 1
        extent = self._extents[found]
        begin = self._at - extent.start
        piece = bytearray(self._content(found)[begin : min(extent.length, begin + wanted)])
        for (start, length), patch in self._patches.items():
            first, last = max(start, self._at), min(start + length, self._at + len(piece))
            if first < last:
                piece[first - self._at : last - self._at] = patch[first - start : last - start]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _index(self, link: bytes, place: int) -> None:
        """Finds every whole record. Patches are small and few kinds of them: the last of each is kept."""
        patches: dict[tuple[int, int], _Extent] = {}
        end = self._file.seek(0, os.SEEK_END)
        number = 0
        while not self.complete and place + _HEAD.size + _TAG <= end:
            self._file.seek(place)
            raw = self._file.read(_HEAD.size)
            size, this, kind, offset = _HEAD.unpack(raw)
            if place + _HEAD.size + size > end:
                break  # cut off
            length = size - _TAG
            if not 0 <= length <= MOST_BYTES or this <= number or kind not in (DATA, CUT, END):
                raise _changed()
            number = this
            found = _Extent(offset, length, place + _HEAD.size, link + raw, this, size)
            self._file.seek(place + _HEAD.size + length)
            link = self._file.read(_TAG)
            place += _HEAD.size + size
            if kind == END:
                self._decrypt(found)
                self.complete = True
            elif kind == CUT:
                self._decrypt(found)
                self._cut(offset)
            elif offset == self._size:
                self._extents.append(found)
                self._size += length
            elif offset + length <= self._size:
                patches[offset, length] = found
            else:
                raise _changed()
        for key, found in sorted(patches.items(), key=lambda item: item[1].number):
            self._patches[key] = self._decrypt(found)

    def _cut(self, size: int) -> None:
        if size > self._size:
            raise _changed()
        kept = [extent for extent in self._extents if extent.start < size]
        if kept:
            kept[-1] = kept[-1]._replace(length=min(kept[-1].length, size - kept[-1].start))
        self._extents, self._size = kept, size

    def _content(self, number: int) -> bytes:
        if self._recent[0] != number:
            self._recent = (number, self._decrypt(self._extents[number]))
        return self._recent[1]

    def _decrypt(self, extent: _Extent) -> bytes:
        self._file.seek(extent.place)
        sealed = self._file.read(extent.size)
        try:
            return self._cipher.decrypt(_nonce(extent.number), sealed, extent.bound)
        except InvalidTag:
            raise _changed() from None


def is_sealed(path: Path) -> bool:
    """Whether the file is in this format. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_recording(path: Path, key: RecordingKey | None) -> BinaryIO:
    """The sound file within, or the file itself where it is a plain one, as older releases made them.

    Raises `OSError`, and `SessionFileError` where it is sealed and does not open.
    """
    if not is_sealed(path):
        return path.open("rb")
    if key is None:
        raise SessionFileError("The recording is encrypted.", "Play it at the seat that made it.")
    return io.BufferedReader(SealedReader(path, key), MOST_BYTES)


def _read_head(file: BinaryIO) -> tuple[bytes, bytes, bytes]:
    begin = file.read(len(MAGIC) + KID_BYTES + 2)
    size = int.from_bytes(begin[-2:], "big")
    sealed = file.read(size)
    if not begin.startswith(MAGIC) or len(sealed) != size:
        raise SessionFileError("The recording has no whole head.", "The file is damaged.")
    return begin + sealed, begin[len(MAGIC) : -2], sealed


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _changed() -> SessionFileError:
    return SessionFileError("The recording was changed, or is damaged.", "Do not use it as evidence.")
