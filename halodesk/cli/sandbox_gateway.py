"""`halodesk sandbox-gateway`: a payment gateway to try things with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import failing


def sandbox_gateway(
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0: any free one, printed as JSON.")] = 8600,
    script: Annotated[str, typer.Option(help="What becomes of the next charges, with commas between.")] = "",
    state_file: Annotated[Path | None, typer.Option(help="Remember charges over a restart.")] = None,
) -> None:
    """Run a payment gateway that moves no money. It prints {"port": N} when it serves."""
    with failing():
        from halodesk.demo.gateway.__main__ import main

        arguments = ["--host", host, "--port", str(port), "--script", script]
        if state_file is not None:
            arguments += ["--state-file", str(state_file)]
        raise typer.Exit(main(arguments))
