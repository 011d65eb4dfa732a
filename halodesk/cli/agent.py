"""`halodesk agent`: the agent's day at this seat."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import Json, failing, show
from halodesk.cli.session import open_store

app = typer.Typer(help="The agent's day at this seat.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """A group, though it has one command yet."""


@app.command("times")
def times(
    data: Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")] = None,
    day: Annotated[str, typer.Option(help="A day, YYYY-MM-DD, on this computer's clock; else today.")] = "",
    as_json: Json = False,
) -> None:
    """How long the agent was in which state on a day."""
    from halodesk.engine.errors import SettingsError
    from halodesk.runtime.agent_report import state_times

    with failing(as_json), open_store(data) as store:
        try:
            begins = datetime.fromisoformat(day) if day else datetime.now()
        except ValueError:
            raise SettingsError(f"“{day}” is no day.", "Write it like 2026-11-30.") from None
        begins = begins.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        until = min((begins + timedelta(days=1)).timestamp(), time.time())
        found = state_times(store.agent_day.facts(), since=begins.timestamp(), until=until)

    def words() -> str:
        lines = [
            f"{one.agent:20}  {one.state:10}  {one.reason or '-':20}  {one.times:>4}  "
            f"{timedelta(seconds=round(one.seconds))}"
            for one in found
        ]
        return "\n".join(lines) or f"Nothing on {begins:%Y-%m-%d}."

    show(found, as_json=as_json, words=words)
