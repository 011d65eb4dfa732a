"""`halodesk demo`: the whole product on this machine, nothing needed."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import Json, failing


class Theme(StrEnum):
    """Looks of the window."""

    light = "light"
    dark = "dark"
    system = "system"


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Let a driver work the window and measure.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder of what the demo leaves behind.")] = Path("build/demo"),
    theme: Annotated[Theme, typer.Option(help="Look of the window.")] = Theme.light,
    direct: Annotated[bool, typer.Option("--direct", help="Call without a PBX.")] = False,
    as_json: Json = False,
) -> None:
    """A real call through a real PBX, worked in the real window, masked, charged, stored."""

    def say(words: str) -> None:
        if not as_json:
            sys.stdout.write(words + "\n")
            sys.stdout.flush()

    with failing(as_json):
        from halodesk.demo.run import as_json as report_json
        from halodesk.demo.run import run
        from halodesk.runtime import logs

        logs.set_up(out / "work-logs", "demo")
        report = run(out, headless=headless, theme=theme.value, say=say, lab=not direct)
    if report is None:
        return
    if as_json:
        sys.stdout.write(report_json(report) + "\n")
    else:
        leaked = report.mask.leaked_frames + (
            report.pbx_recording.leaked_frames if report.pbx_recording else 0
        )
        say(
            f"{report.call.duration_s:.0f} s call over {report.pbx} ({report.call.codec}), "
            f"{report.session.events} events, {report.charge.attempts} charges "
            f"({', '.join(report.charge.outcomes)}), "
            f"{len(report.mask.windows)} masked windows, {leaked} leaked frames."
        )
        say(
            f"The server holds {report.server.events} events, "
            f"{'the same' if report.server.head_equal else 'OTHERS'}; in mid-call version "
            f"{report.server.version} was at the second seat after {report.server.arrived_ms:.0f} ms."
        )
        for problem in report.problems:
            say(f"PROBLEM {problem}")
        say(f"See {out}/replay.html and {out}/report.json")
    raise typer.Exit(0 if report.ok else 1)
