"""A data folder whose disk can be filled and freed again.

`tmpfs`: a real file system of a few megabytes, where the test may mount one. `limit`: a limit on
the size of this process's files, which the kernel enforces for everybody.
"""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

SIZE = 4 * 1024 * 1024
_ROOM = 16_384


@cache
def may_mount() -> bool:
    """Whether a tmpfs can be mounted here: root alone is not enough in a container."""
    if os.name != "posix" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


class TmpfsDisk:
    """A disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("wb", buffering=0) as out:
            for size in (65_536, 4096, 1):
                try:
                    while True:
                        out.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


class LimitedDisk:
    """This process may not write a file beyond a size; it hits the largest one, the database's log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Let no file grow much beyond the largest of the seat."""
        largest = max(path.stat().st_size for path in self.folder.glob("seat.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + _ROOM, self._before[1]))

    def free(self) -> None:
        """Take the limit away."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


Disk = TmpfsDisk | LimitedDisk


@contextmanager
def small_disk(kind: str, folder: Path, *, size: int = SIZE) -> Iterator[Disk]:
    """A disk for the length of a `with` block; `size` in bytes, of a tmpfs."""
    folder.mkdir(mode=0o700)
    if kind == "limit":
        limited = LimitedDisk(folder)
        try:
            yield limited
        finally:
            limited.free()
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield TmpfsDisk(folder)
    finally:
        # Lazily: the phone of a failed test may still be leaving.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
