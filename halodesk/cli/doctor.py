"""`halodesk doctor`: what this seat has and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import Json, failing, show


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data folder of the seat.")] = None, as_json: Json = False
) -> None:
    """Check phone build, store, keyring, PBX and gateway. Exit code 1 when something fails."""
    with failing(as_json):
        from halodesk.runtime.paths import data_dir
        from halodesk.selftest.doctor import examine

        found = examine(data_dir(data))
    ok = all(check.state != "failed" for check in found)

    def words() -> str:
        lines = []
        for check in found:
            lines.append(f"{check.state:8} {check.name:12} {check.message}")
            if check.todo:
                lines.append(f"{'':8} {'':12} -> {check.todo}")
        return "\n".join(lines)

    show({"ok": ok, "checks": found}, as_json=as_json, words=words)
    raise typer.Exit(0 if ok else 1)
