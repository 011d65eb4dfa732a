"""The window: cold start to registered, entering event to painted page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from halodesk.demo.lab import SECRET, Lab
from halodesk.runtime import settings as s
from tests.bench.measure import Figure, figure, share

HOST = "127.0.0.1"
COLD_RUNS = 3


def figures() -> Iterator[Figure]:
    """Cold start several times; every page of one headless demo."""
    with tempfile.TemporaryDirectory(prefix="halodesk-bench-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        try:
            yield figure(
                "window started to registered, cold (new data folder)",
                [_cold(folder / f"seat{run}", lab) for run in range(COLD_RUNS)],
                "s",
            )
        finally:
            lab.stop()
        painted = _painted(folder / "demo")
    yield figure(
        "entering event to painted page, p95",
        [share(painted, 0.95)],
        "ms",
        goal="<= 16",
        met=lambda value: value <= 16,
        note=f"{len(painted)} pages, median {share(painted, 0.5):.1f} ms",
    )


def _cold(folder: Path, lab: Lab) -> float:
    settings = s.Settings(
        account=s.SipAccount(
            uri=f"sip:1001@{HOST}:{lab.sip_port}",
            registrar=f"sip:{HOST}:{lab.sip_port}",
            username="1001",
            password=SECRET,
        ),
        sip_bind=HOST,
        orphan_after_s=1,
    )
    s.save(folder / "settings.json", settings)
    log = folder / "logs" / "seat.log"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "halodesk", "--data", str(folder)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            if log.exists() and '"state": "registered"' in log.read_text(encoding="utf-8"):
                return time.perf_counter() - begun
            if process.poll() is not None or time.perf_counter() - begun > 60:
                raise RuntimeError("the seat did not register")
            time.sleep(0.01)
    finally:
        process.terminate()
        process.wait(15)


def _painted(out: Path) -> list[float]:
    subprocess.run(
        [sys.executable, "-m", "halodesk", "demo", "--headless", "--direct", "--out", str(out)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=180,
    )
    lines = (out / "work-logs" / "demo.log").read_text(encoding="utf-8").splitlines()
    return [line["ms"] for line in map(json.loads, lines) if line["event"] == "page_painted"]
