"""The leak test: what was searched, and that nothing was found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from halodesk.selftest.leak_test import run
from tests.bench.measure import Figure, figure


def figures() -> Iterator[Figure]:
    """Totals of one whole run: a call, fifteen boxes, every place."""
    with tempfile.TemporaryDirectory(prefix="halodesk-leak-") as folder:
        found = run(Path(folder), say=lambda words: None)
    yield figure("leak test: bytes searched in what lasts", [found.bytes_scanned], "bytes")
    yield figure("leak test: canaries", [len(found.canaries)], "values")
    yield figure(
        "leak test: findings in what lasts", [found.findings], "finds", goal="0", met=lambda value: value == 0
    )
    sound = found.recording
    yield figure(
        "leak test: masked frames with any sound",
        [sound.loud_frames + sound.unproven],
        "frames",
        goal="0",
        met=lambda value: value == 0,
        note=f"of {sound.frames}, both channels",
    )
    yield figure("leak test: found in memory", [found.memory.found], "finds", note=found.memory.note)
