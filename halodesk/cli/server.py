"""`halodesk server`: the central server, its tokens, publishers and audit."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.server.database import Job

app = typer.Typer(help="Run the server and let seats and publishers in.", no_args_is_help=False)

Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="HALODESK_SERVER_DATA", help="Data folder of the server."),
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="HALODESK_SERVER_DATABASE",
        help="postgresql://… instead of a file in the folder.",
    ),
]
Tenant = Annotated[str, typer.Option(help="The organisation.")]


def folder_of(data: Path | None) -> Path:
    """The server's data folder: the one given, else the platform's; made private."""
    import platformdirs

    folder = data or platformdirs.user_data_path("halodesk-server", False)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@app.callback(invoke_without_command=True)
def server(
    context: typer.Context,
    data: Data = None,
    bind: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0: any free one, printed as JSON.")] = 8443,
    database: DatabaseUrl = "",
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate chain (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key of the certificate (PEM).")] = None,
) -> None:
    """Run the server. It prints {"port": N} when it takes requests."""
    if context.invoked_subcommand is not None:
        return
    with failing():
        from halodesk.engine.errors import SettingsError
        from halodesk.runtime import crash, logs
        from halodesk.server.serve import Tls, serve

        if (certificate is None) != (key is None):
            raise SettingsError("A certificate and its key belong together.", "Name both or none.")
        folder = folder_of(data)
        logs.set_up(folder / "logs", "server")

        def ready(real_port: int) -> None:
            sys.stdout.write(f'{{"port": {real_port}}}\n')
            sys.stdout.flush()

        tls = Tls(certificate=certificate, key=key) if certificate and key else None
        with crash.watched(folder / "crashes", "server"):
            serve(folder, bind=bind, port=port, ready=ready, database_url=database, tls=tls)


@contextmanager
def console(data: Path | None, url: str) -> Iterator[tuple[Path, Callable[[Job[Any]], Any]]]:
    """The folder, and a way to run a job on the server's database beside a server that may be running."""
    from halodesk.server.database import open_database

    folder = folder_of(data)
    database = open_database(folder, url)
    try:
        yield folder, lambda job: asyncio.run(database.write(job))
    finally:
        database.close()


@app.command()
def token(
    team: Annotated[str, typer.Option(help="The team the seat will belong to.")],
    tenant: Tenant = "main",
    hours: Annotated[float, typer.Option(help="How long it may be used, at most 72.")] = 24.0,
    data: Data = None,
    database: DatabaseUrl = "",
    as_json: Json = False,
) -> None:
    """Make a one-time token that lets one seat in. It is shown once."""
    with failing(as_json), console(data, database) as (folder, run):
        from halodesk.server import tenants
        from halodesk.server.keys import ServerKeys

        key = ServerKeys(folder).identity.public
        made = run(
            lambda connection: tenants.new_token(
                connection, tenant=tenant, team=team, hours=hours, server_key=key
            )
        )
    show({"token": made, "tenant": tenant, "team": team, "hours": hours}, as_json=as_json, words=lambda: made)


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="A *.trust file of `halodesk keys new-publisher`.")],
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
    as_json: Json = False,
) -> None:
    """Install the signed list of who may publish flows; seats learn it from here."""
    with failing(as_json), console(data, database) as (_, run):
        from halodesk.cli.files import read_bytes
        from halodesk.server import tenants

        signed = read_bytes(file)
        found = run(lambda connection: tenants.install_trust(connection, tenant, signed))
    names = [publisher.name for publisher in found.publishers]
    show(
        {"version": found.version, "publishers": names},
        as_json=as_json,
        words=lambda: f"List {found.version} is in force. It names {', '.join(names) or 'nobody'}.",
    )


@app.command()
def revoke(
    seat: Annotated[str, typer.Argument(help="Id of the seat.")],
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
) -> None:
    """Shut a seat out, for good and within a second. What it has recorded stays."""
    with failing(), console(data, database) as (_, run):
        from halodesk.server import tenants

        run(lambda connection: tenants.revoke(connection, tenant, seat))
    typer.echo(f"{seat} is shut out.")


@app.command("seat-account")
def seat_account(
    seat: Annotated[str, typer.Argument(help="Id of the seat, as `halodesk seat status` shows it.")],
    account: Annotated[str, typer.Argument(help="The PBX's name for its phone: the PJSIP endpoint.")],
    pbx: Annotated[str, typer.Option(help="Which PBX of recorders.json.")] = "main",
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
) -> None:
    """Say whose calls a seat may have masked. Another seat that had the account loses it."""
    with failing(), console(data, database) as (_, run):
        from halodesk.server import accounts

        run(lambda connection: accounts.bind(connection, tenant, seat=seat, account=account, pbx=pbx))
    typer.echo(f"{pbx}/{account} belongs to {seat}.")


@app.command("no-seat-account")
def no_seat_account(
    account: Annotated[str, typer.Argument(help="The account.")],
    pbx: Annotated[str, typer.Option(help="Which PBX of recorders.json.")] = "main",
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
) -> None:
    """Take an account from the seat that has it."""
    with failing(), console(data, database) as (_, run):
        from halodesk.server import accounts

        run(lambda connection: accounts.unbind(connection, tenant, account=account, pbx=pbx))
    typer.echo(f"{pbx}/{account} belongs to no seat.")


@app.command("seat-accounts")
def seat_accounts(
    tenant: Tenant = "main", data: Data = None, database: DatabaseUrl = "", as_json: Json = False
) -> None:
    """Which accounts belong to which seat."""
    with failing(as_json), console(data, database) as (_, run):
        from halodesk.server import accounts

        rows = run(lambda connection: accounts.listed(connection, tenant))
    show(
        {"accounts": rows},
        as_json=as_json,
        words=lambda: "\n".join(f"{row.pbx}/{row.account}  {row.seat}" for row in rows) or "None.",
    )


@app.command()
def audit(
    tenant: Tenant = "main", data: Data = None, database: DatabaseUrl = "", as_json: Json = False
) -> None:
    """What was done and what was refused for good. Exit code 1 when its chain is broken."""
    with failing(as_json), console(data, database) as (_, run):
        from halodesk.server import audit as audits

        rows = run(lambda connection: audits.entries(connection, tenant))
        broken = run(lambda connection: audits.broken_at(connection, tenant))

    def words() -> str:
        lines = [
            f"{row.seq:>5}  {datetime.fromtimestamp(row.at, UTC):%Y-%m-%d %H:%M:%S}  {row.actor}  "
            f"{row.action}  {row.subject}  {row.detail}"
            for row in rows
        ]
        return "\n".join([*lines, f"BROKEN at {broken}." if broken else "The chain holds."])

    show({"ok": broken is None, "broken_at": broken, "rows": rows}, as_json=as_json, words=words)
    raise typer.Exit(0 if broken is None else 1)
