"""`make bench`: measures, prints a table, keeps `build/bench.json`."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import msgspec

from tests.bench import (
    agent,
    audio,
    audit,
    call,
    copilot,
    data,
    driven,
    engine,
    flow_agent,
    flow_agent_voice,
    flows,
    leaks,
    mouth_to_ear,
    payments,
    recordings,
    sealing,
    server,
    survival,
    take_over,
    telephony,
    window,
)
from tests.bench.measure import Figure, noise

OUT = Path("build") / "bench.json"
PARTS = (
    engine,
    audit,
    sealing,
    flows,
    data,
    agent,
    window,
    call,
    audio,
    mouth_to_ear,
    recordings,
    survival,
    telephony,
    payments,
    leaks,
    server,
    flow_agent,
    take_over,
    flow_agent_voice,
    copilot,
    driven,
)


def main() -> int:
    """All figures; exit code 1 when a goal is missed."""
    before = noise()
    found: list[Figure] = []
    for part in PARTS:
        for one in part.figures():
            found.append(one)
            mark = {True: "met", False: "MISSED", None: ""}[one.met]
            spread = f"({one.low:.4g} to {one.high:.4g}, {one.runs} runs)" if one.runs > 1 else ""
            goal = f"goal {one.goal}: {mark}" if one.goal else ""
            print(f"{one.name:58} {one.value:10.4g} {one.unit:12} {spread:32} {goal} {one.note}", flush=True)
    after = noise()
    print(
        f"Noise of this machine: {before:.0%} before, {after:.0%} after. "
        f"{os.cpu_count()} cores, {platform.machine()}"
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(
        msgspec.json.format(msgspec.json.encode({"noise": [before, after], "figures": found}), indent=2)
    )
    return 1 if any(one.met is False for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
