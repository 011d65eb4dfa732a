"""`halodesk seat`: this seat and its server."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.store.seat_store import SeatStore
    from halodesk.store.sync_store import SyncStore

app = typer.Typer(help="Enrol this seat with a server, see how it stands.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")]


@contextmanager
def _open_all(folder: Path) -> Iterator[SeatStore]:
    from halodesk.store.seat_store import SeatStore

    store = SeatStore(folder)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _open(folder: Path) -> Iterator[SyncStore]:
    with _open_all(folder) as store:
        yield store.sync


@app.callback()
def _group() -> None:
    """Enrol this seat with a server, see how it stands."""


@app.command()
def enroll(
    url: Annotated[str, typer.Argument(help="Address of the server, https://…")],
    token: Annotated[str, typer.Argument(help="The one-time token that IT made for this seat.")],
    name: Annotated[str, typer.Option(help="How IT shall see this seat.")] = "",
    ca: Annotated[
        Path | None,
        typer.Option("--ca", help="Believe only this certificate authority (PEM) for the server."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let this seat in with a one-time token. Takes effect when HaloDesk starts next."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.runtime.paths import data_dir
        from halodesk.sync.enrol import enrol

        authority = read_bytes(ca) if ca else b""
        with _open(data_dir(data)) as store:
            link = asyncio.run(enrol(store, url, token, name=name or platform.node(), authority=authority))
    show(
        {"server": link.url, "tenant": link.tenant, "team": link.team},
        as_json=as_json,
        words=lambda: f"This seat belongs to {link.tenant}, team {link.team}. Restart HaloDesk if it runs.",
    )


@app.command()
def status(data: Data = None, as_json: Json = False) -> None:
    """What waits to be sent and what the server refused. Exit code 1 when something was refused."""
    with failing(as_json):
        from halodesk.runtime.paths import data_dir

        with _open(data_dir(data)) as store:
            seat, link, waiting = store.seat(), store.link(), store.waiting(limit=10_000)
            refused, installed = store.refused(), store.installed()
    enrolled = link is not None and link.enrolled
    result: dict[str, Any] = {
        "seat": seat,
        "server": link.url if link and enrolled else "",
        "tenant": link.tenant if link else "",
        "team": link.team if link else "",
        "waiting_sessions": len(waiting),
        "waiting_events": sum(one.last - one.acked for one in waiting),
        "refused": refused,
        "flows": {one.flow: one.version for one in installed.values()},
    }

    def words() -> str:
        lines = [f"Seat: {seat}", f"Server: {result['server'] or 'none: this seat works alone'}"]
        lines += [f"Waiting: {result['waiting_events']} events of {len(waiting)} sessions"]
        lines += [f"Refused: {one.session}: {one.words}" for one in refused]
        lines += [f"Flow: {one.flow}, version {one.version}" for one in installed.values()]
        return "\n".join(lines)

    show(result, as_json=as_json, words=words)
    raise typer.Exit(1 if refused else 0)


@app.command()
def sync(data: Data = None, as_json: Json = False) -> None:
    """Send and fetch once, now."""
    with failing(as_json):
        from halodesk.protocol.sync import SyncError
        from halodesk.runtime import logs
        from halodesk.runtime.paths import data_dir
        from halodesk.sync.service import SyncService

        problems: list[str] = []
        folder = data_dir(data)
        logs.set_up(folder / "logs", "sync")
        with _open_all(folder) as whole:
            store = whole.sync
            link = store.link()
            if link is None or not link.enrolled:
                raise SyncError("This seat has no server.", "Run: halodesk seat enroll URL TOKEN")

            async def run() -> None:
                service = SyncService(
                    store,
                    link,
                    seat=store.seat(),
                    on_flow=lambda flow: None,
                    on_refused=lambda error: problems.append(str(error)),
                    on_holders=lambda data: whole.holders.take(data, link),
                )
                await service.once()

            asyncio.run(run())
            left, refused = len(store.waiting()), len(store.refused())
    result = {"waiting_sessions": left, "refused": refused, "problems": problems}
    show(
        result,
        as_json=as_json,
        words=lambda: "\n".join(
            [*problems, f"Done. {left} sessions wait, {refused} were refused by the server."]
        ),
    )
    raise typer.Exit(1 if problems or refused else 0)


@app.command()
def retry(
    session: Annotated[str, typer.Argument(help="Id of a session the server refused.")], data: Data = None
) -> None:
    """Offer a session to the server again that it refused, once IT has found the cause."""
    with failing():
        from halodesk.protocol.sync import SyncError
        from halodesk.runtime.paths import data_dir

        with _open(data_dir(data)) as store:
            if all(one.session != session for one in store.refused()):
                raise SyncError(f"{session} was not refused.", "See: halodesk seat status")
            store.release(session).result(10)
    typer.echo(f"{session} is offered again.")
