"""A FLAC file that is readable after a crash and outlives a full disk.

The encoder (libsndfile) never sees the disk. It writes into `_Disk`, which appends to the
file and keeps back in memory what the disk refuses.

1. After every FLAC frame (4096 samples, 0.26 s at 16 kHz) the number of samples in the
   STREAMINFO block (RFC 9639, 8.2) is corrected, so that a process that is killed leaves a
   file any decoder opens, with all whole frames in it. libsndfile itself writes the number
   only on closing, and refuses a file without it.
2. Data is forced to the disk once a second of sound and on closing. After a loss of power
   the file may end earlier than it says; decoders give everything before that place.
3. While the disk refuses, `blocked` is true and the caller is to write silence, which
   takes about 12 bytes a frame. It is retried with every frame, so the file goes on
   in step as soon as there is room. A disk still full at the end costs the frames kept
   back: the file is cut after the last whole frame and says so in its header.
4. With a `RecordingLock` nothing but ciphertext reaches the disk (`crypto.recording_file`); all of
   the above then holds for what is found in it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import soundfile

from halodesk.crypto.recording_file import SealedWriter
from halodesk.crypto.recording_key import RecordingLock

_BYTES_PER_SAMPLE = 4
_TOTAL_AT = 18  # 8 bytes: rate 20 bits, channels 3, depth 5, total samples 36
_MD5_AT = 26
_TOTAL_MASK = (1 << 36) - 1
_FRAME_SYNC = b"\xff\xf8"  # start of each frame of a stream of fixed block size


class FlacFile:
    """A growing 16-bit stereo FLAC file. All methods belong to one thread."""

    def __init__(self, path: Path, sample_rate: int, lock: RecordingLock | None = None) -> None:
        """Creates `path` (mode 0600, its folder 0700); raises `OSError` when that fails."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._disk = _Disk(_medium(path, lock))
        self._path = path
        self._samples = 0
        self._since_sync = 0
        self._rate = sample_rate
        self.cut_samples = 0
        """Samples that never reached the disk; known after `close`."""
        self._encoder = soundfile.SoundFile(self._disk, "w", sample_rate, 2, format="FLAC", subtype="PCM_16")

    @property
    def blocked(self) -> bool:
        """The disk holds back data: write silence until it is free again."""
        return self._disk.blocked

    @property
    def trouble(self) -> str:
        """Why the disk last refused, in the system's words."""
        return self._disk.trouble

    def write(self, stereo: bytes) -> None:
        """Appends interleaved 16-bit samples. Never raises for the disk's sake."""
        self._encoder.buffer_write(stereo, dtype="int16")
        samples = len(stereo) // _BYTES_PER_SAMPLE
        self._samples += samples
        self._since_sync += samples
        if self._since_sync >= self._rate:
            self._since_sync = 0
            self._disk.sync()

    def close(self) -> int:
        """Ends the file; returns the samples in it. A file without any is removed."""
        self._encoder.close()
        samples = self._disk.close(self._samples)
        self.cut_samples = self._samples - samples
        if not samples:
            self._path.unlink(missing_ok=True)
        return samples


_BINARY = getattr(os, "O_BINARY", 0)


class _Medium(Protocol):
    """A file as `_Disk` sees it. All but `close` raise `OSError`."""

    def put(self, at: int, data: bytes | bytearray) -> int: ...

    def cut(self, size: int) -> None: ...

    def sync(self) -> None: ...

    def close(self) -> None: ...


class _Plain:
    """The file itself."""

    def __init__(self, descriptor: int) -> None:
        self._fd = descriptor

    def put(self, at: int, data: bytes | bytearray) -> int:
        os.lseek(self._fd, at, os.SEEK_SET)  # Windows has no pwrite
        return os.write(self._fd, data)

    def cut(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def _medium(path: Path, lock: RecordingLock | None) -> _Medium:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
    if lock is None:
        return _Plain(descriptor)
    try:
        return SealedWriter(descriptor, lock)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise


class _Disk:
    """The file object the encoder writes to. It takes everything and never raises."""

    def __init__(self, medium: _Medium) -> None:
        self._medium = medium
        self._at = 0
        self._stored = 0  # bytes on the disk
        self._kept = bytearray()  # what follows them
        self._frame_ends: deque[int] = deque()  # of the frames not wholly on the disk
        self._header = bytearray()
        self._frames_stored = 0
        self._last_end = 0
        self.trouble = ""

    @property
    def blocked(self) -> bool:
        return bool(self._kept)

    # what soundfile asks of a file object

    def write(self, data: bytes) -> int:
        end = self._stored + len(self._kept)
        if self._at == end:
            self._kept += data
            if data[:2] == _FRAME_SYNC:
                self._frame_ends.append(end + len(data))
            elif not self._frame_ends and not self._frames_stored:
                self._header += data
            self._drain()
        else:
            self._patch(self._at, data)
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._stored + len(self._kept)}
        self._at = base[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, _size: int = -1) -> bytes:
        raise OSError("a recording is only written")

    # what FlacFile asks

    def sync(self) -> None:
        try:
            self._medium.sync()
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def close(self, samples: int) -> int:
        """Closes the file, whose whole frames hold `samples`; returns those that are in it."""
        self._drain()
        if self._kept:
            samples = self._frames_stored * self._block_size()
            self._try(lambda: self._medium.cut(self._last_end))
            self._patch(_MD5_AT, bytes(16))  # RFC 9639, 8.2: zero says that it is unknown
        self._say_total(samples)  # the last frame is shorter than a block
        self.sync()
        self._medium.close()
        return samples

    def _drain(self) -> None:
        while self._kept:
            try:
                written = self._medium.put(self._stored, self._kept)
            except OSError as error:
                self.trouble = error.strerror or str(error)
                return
            del self._kept[:written]
            self._stored += written
        if self._count_frames():
            self._say_total(self._frames_stored * self._block_size())

    def _count_frames(self) -> bool:
        before = self._frames_stored
        while self._frame_ends and self._frame_ends[0] <= self._stored:
            self._last_end = self._frame_ends.popleft()
            self._frames_stored += 1
        return self._frames_stored > before

    def _block_size(self) -> int:
        return int.from_bytes(self._header[8:10], "big")

    def _say_total(self, samples: int) -> None:
        fields = int.from_bytes(self._header[_TOTAL_AT : _TOTAL_AT + 8], "big")
        self._patch(_TOTAL_AT, ((fields & ~_TOTAL_MASK) | samples).to_bytes(8, "big"))

    def _patch(self, at: int, data: bytes) -> None:
        """Overwrites what has been written before, wherever it lies by now."""
        self._header[at : at + len(data)] = data
        on_disk = max(0, min(len(data), self._stored - at))
        if on_disk:
            self._try(lambda: self._medium.put(at, data[:on_disk]))
        if on_disk < len(data):
            start = at + on_disk - self._stored
            self._kept[start : start + len(data) - on_disk] = data[on_disk:]

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except OSError as error:
            self.trouble = error.strerror or str(error)
