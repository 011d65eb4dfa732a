"""`halodesk doctor`: what this seat has and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import Json, failing, show

WORDS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM", "not_checked": "not checked"}


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data folder of the seat.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as findings.")] = False,
    as_json: Json = False,
) -> None:
    """Look at all a seat needs, and say what to do. Exit code 1 when there is a problem."""
    with failing(as_json):
        from halodesk.runtime.paths import data_dir
        from halodesk.selftest.doctor import examine

        found = examine(data_dir(data, make=False))
    bad = ("problem", "warning") if strict else ("problem",)
    good = all(check.state not in bad for check in found)

    def words() -> str:
        lines = []
        for check in found:
            lines.append(f"{WORDS[check.state]:12} {check.name:12} {check.message}")
            if check.todo and check.state != "ok":
                lines.append(f"{'':25} -> {check.todo}")
        return "\n".join(lines)

    show({"version": 1, "ok": good, "checks": found}, as_json=as_json, words=words)
    raise typer.Exit(0 if good else 1)


def sound_devices() -> None:
    """List the sound devices as JSON, for the doctor."""
    from halodesk.selftest.sound_devices import main

    main()
