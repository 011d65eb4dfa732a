"""`halodesk open LINK` and `halodesk links`: telephone links of other programs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import Json, failing, show

app = typer.Typer(help="Open tel:, sip: and callto: links of other programs with HaloDesk.")

_STARTING_S = 15.0
"""How long a seat that has just been started may take until it opens its door."""


def start(settings: Path | None, data: Path | None, link: str = "") -> int:
    """The window: the one that is open, with the link, or a new one. The exit code.

    Raises `HaloDeskError` where neither is possible.
    """
    from halodesk.engine.dial_link import parse
    from halodesk.engine.errors import AlreadyRunsError
    from halodesk.runtime.door import hand_over
    from halodesk.runtime.paths import data_dir

    if link:
        parse(link)
    folder = data_dir(data)
    if hand_over(folder, link):
        return 0
    from halodesk.app import failure_shown, run
    from halodesk.runtime import crash, logs
    from halodesk.runtime.private_files import close_to_others
    from halodesk.runtime.settings import Settings, load

    with failure_shown(), crash.watched(folder / "crashes", "seat"):
        logs.set_up(folder / "logs", "seat")
        logs.mended(close_to_others(folder))
        file = settings or folder / "settings.json"
        found = load(file) if settings is not None or file.exists() else Settings()
        deadline = time.monotonic() + _STARTING_S
        try:
            return run(found, folder, link)
        except AlreadyRunsError:
            while time.monotonic() < deadline:  # two clicks, one after the other
                if hand_over(folder, link):
                    return 0
                time.sleep(0.2)
            raise


def open_link(
    link: Annotated[str, typer.Argument(help="tel:+12025550143, sip:robin@example.com, callto:…")],
    settings: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder of the seat.")] = None,
) -> None:
    """Hand a link to the window that is open, or open one. Nothing is dialled unless the settings say so."""
    with failing():
        raise typer.Exit(start(settings, data, link))


@app.command()
def install(
    data: Annotated[Path | None, typer.Option(help="Data folder the links are for.")] = None,
    as_json: Json = False,
) -> None:
    """Make HaloDesk open telephone links on this desktop, for this person."""
    with failing(as_json):
        from halodesk.connectors.desktop.links import handlers
        from halodesk.runtime.program import command

        given = [*command(), "open"]
        given += ["--data", str(data.resolve())] if data is not None else []
        desk = handlers()
        desk.install([*given, "--"])
        found = desk.status()
    show(found, as_json=as_json, words=lambda: f"{found.message} {found.todo}")


@app.command()
def remove(as_json: Json = False) -> None:
    """Give telephone links back to what opened them before."""
    with failing(as_json):
        from halodesk.connectors.desktop.links import handlers

        desk = handlers()
        desk.remove()
        found = desk.status()
    show(found, as_json=as_json, words=lambda: "HaloDesk opens no links any more.")


@app.command()
def status(as_json: Json = False) -> None:
    """What opens telephone links. Exit code 1 when one of them does not open HaloDesk."""
    with failing(as_json):
        from halodesk.connectors.desktop.links import handlers

        found = handlers().status()
    show(found, as_json=as_json, words=lambda: f"{found.message} {found.todo}")
    raise typer.Exit(0 if not found.todo else 1)
