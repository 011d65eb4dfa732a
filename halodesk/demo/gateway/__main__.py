"""`python -m halodesk.demo.gateway`: the sandbox gateway as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import date
from pathlib import Path

from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.gateway.serve import serve
from halodesk.engine.errors import DemoError

API_KEY_VARIABLE = "HALODESK_GATEWAY_API_KEY"
"""Environment variable with the API key: an argument would show in the process list."""


def main(arguments: list[str] | None = None) -> int:
    """Serve and return the exit code.

    Says `{"port": N}` or `{"error": "…"}` on one line of standard output.
    """
    parser = argparse.ArgumentParser(prog="halodesk.demo.gateway", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--ready-file", type=Path, help="written with the same line as standard output")
    parser.add_argument("--state-file", type=Path, help="JSON lines of charges, kept over a restart")
    parser.add_argument("--script", default="", help="words for the next charges, separated by commas")
    parser.add_argument("--today", type=date.fromisoformat, help="check expiry against this day")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)

    def ready(port: int) -> None:
        line = json.dumps({"port": port})
        if options.ready_file:
            # Renamed into place: a watcher never reads half of it.
            draft = options.ready_file.with_name(options.ready_file.name + ".part")
            draft.write_text(line + "\n", encoding="utf-8")
            draft.replace(options.ready_file)
        print(line, flush=True)

    try:
        serve(
            options.host,
            options.port,
            ready=ready,
            script=[word for word in options.script.split(",") if word.strip()],
            state_file=options.state_file,
            api_key=os.environ.get(API_KEY_VARIABLE, SANDBOX_API_KEY),
            today=options.today,
            stop_with_stdin=options.stop_with_stdin,
        )
    except DemoError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
