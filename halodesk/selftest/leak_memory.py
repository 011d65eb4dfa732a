"""The memory of running processes, looked at for canaries: best effort, and said so.

A value that was typed went through the window system and through freed memory that nobody can wipe. What
is found here lasts until the process ends and is on no disk (core dumps are switched off); it is told
apart from what lasts.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from halodesk.selftest.leak_scan import Canary

_MAP = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (r\S*) \S+ \S+ \S+\s*(.*)$")
_PIECE = 2**20
_OVERLAP = 64
LONGEST_S = 20.0
"""So long one process is looked at: what is not reached by then is not counted."""
_SHORTEST = 9


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the memory of processes gave. `found`: how often a whole canary was seen."""

    processes: int = 0
    unreadable: int = 0
    size: int = 0
    found: int = 0
    note: str = "Best effort: memory of running processes, gone with them, and on no disk."


def look(pids: Sequence[int], canaries: Sequence[Canary]) -> Memory:
    """All readable and writable memory of these processes. Codes are too short to be told from chance."""
    values = [canary.value for canary in canaries if len(canary.value) >= _SHORTEST]
    patterns = [text for value in values for text in (value.encode(), value.encode("utf-16-le"))]
    unreadable = size = found = 0
    for pid in pids:
        try:
            seen, hits = _process(pid, patterns)
        except OSError:
            unreadable += 1
            continue
        size, found = size + seen, found + hits
    return Memory(processes=len(pids), unreadable=unreadable, size=size, found=found)


def _process(pid: int, patterns: Sequence[bytes]) -> tuple[int, int]:
    """Bytes seen, canaries found. Raises `OSError` where the system does not let us look."""
    seen = hits = 0
    deadline = time.monotonic() + LONGEST_S
    with Path(f"/proc/{pid}/maps").open(encoding="utf-8", errors="replace") as maps:
        regions = [found for line in maps if (found := _MAP.match(line.strip()))]
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for begin, end, rights, name in (region.groups() for region in regions):
            if "w" not in rights or name.startswith(("[vvar", "[vsyscall", "/dev")):
                continue
            at, last = int(begin, 16), int(end, 16)
            while at < last and time.monotonic() < deadline:
                try:
                    data = os.pread(memory, min(_PIECE, last - at), at)
                except OSError:  # a region that is gone, or that no page stands behind
                    break
                if not data:
                    break
                seen += len(data)
                if data.count(0) < len(data):
                    hits += sum(data.count(pattern) for pattern in patterns)
                at += len(data) - (_OVERLAP if len(data) == _PIECE else 0)
    finally:
        os.close(memory)
    return seen, hits
