"""Runs `halodesk` with its life tied to the demo's: `python -m halodesk.demo.tethered ARGUMENTS`.

When standard input ends, because the demo let go or died, the program is told to end as a person
would tell it. Without this a demo that is killed would leave a server and a seat behind.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the program of this very interpreter."""
    threading.Thread(target=_watch, daemon=True).start()
    runpy.run_module("halodesk", run_name="__main__", alter_sys=True)


def _watch() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
