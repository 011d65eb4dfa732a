"""`halodesk flow`: work on flow documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from halodesk.cli.output import Json, failing, show

app = typer.Typer(help="Check, simulate, compare and publish flows.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check, simulate, compare and publish flows."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A *.flow.json file.")],
    hints: Annotated[
        bool, typer.Option("--hints", help="Also what need not be wrong: unused fields.")
    ] = False,
    connection: Annotated[
        list[str] | None, typer.Option(help="A connection there is; once one is named, others are findings.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find what would fail a caller. Exit code 1 when something must be mended."""
    with failing(as_json):
        from halodesk.engine.health import findings
        from halodesk.runtime.flow_files import load_file
        from halodesk.runtime.sandbox import SyntaxChecker

        flow = load_file(file)
        with SyntaxChecker() as js_problem:
            found = findings(flow, js_problem, connected=connection, hints=hints)
    ok = not any(finding.severity == "error" for finding in found)
    result: dict[str, Any] = {
        "ok": ok,
        "steps": len(flow.steps),
        "routes": sum(len(step.routes) + bool(step.fallback) for step in flow.steps),
        "findings": found,
    }

    def words() -> str:
        lines = [
            f"{finding.severity:8} {finding.step or '-':16} {finding.message} {finding.fix}  [{finding.code}]"
            for finding in found
        ]
        verdict = (
            "All checks passed."
            if not found
            else ("Usable, see above." if ok else "This flow must not be used.")
        )
        return "\n".join(
            [*lines, f"{flow.name}: {result['steps']} steps, {result['routes']} routes. {verdict}"]
        )

    show(result, as_json=as_json, words=words)
    raise typer.Exit(0 if ok else 1)
