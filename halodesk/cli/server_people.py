"""`halodesk server people`: who may sign in at the seats of a tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from halodesk.cli.output import Json, failing, show
from halodesk.cli.people import new_password
from halodesk.cli.server import Data, DatabaseUrl, Tenant, console

app = typer.Typer(help="Who may sign in at the seats.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the person.")]


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="agent, team_lead, supervisor or admin.")] = "agent",
    team: Annotated[str, typer.Option(help="Only at seats of this team; empty: at all.")] = "",
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
) -> None:
    """Let a person sign in. The password is asked for, or taken from HALODESK_NEW_PASSWORD."""
    with failing(), console(data, database) as (_, run):
        from halodesk.crypto import verifier
        from halodesk.server import people

        kept = verifier.make(new_password(name))
        run(lambda connection: people.add(connection, tenant, name=name, role=role, team=team, kept=kept))
    typer.echo(f"{name} may sign in as {role}.")


@app.command("list")
def list_people(
    tenant: Tenant = "main", data: Data = None, database: DatabaseUrl = "", as_json: Json = False
) -> None:
    """Everybody who may sign in."""
    with failing(as_json), console(data, database) as (_, run):
        from halodesk.server import people

        found = run(lambda connection: people.listed(connection, tenant))
    rows = [{"name": one.name, "role": one.role, "team": one.team} for one in found]
    show(
        rows,
        as_json=as_json,
        words=lambda: (
            "\n".join(f"{one.name:24} {one.role:12} {one.team or 'all'}" for one in found) or "Nobody."
        ),
    )


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="The new role.")],
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
) -> None:
    """Give a person another role; it counts from the next time they sign in with the server."""
    with failing(), console(data, database) as (_, run):
        from halodesk.server import people

        run(lambda connection: people.change(connection, tenant, name=name, role=role))
    typer.echo(f"{name} is {role} now.")


@app.command()
def remove(name: Name, tenant: Tenant = "main", data: Data = None, database: DatabaseUrl = "") -> None:
    """Let a person in no more: at once where the seat reaches the server, else when the lease ends."""
    with failing(), console(data, database) as (_, run):
        from halodesk.server import people

        run(lambda connection: people.remove(connection, tenant, name))
    typer.echo(f"{name} cannot sign in any more.")


@app.command()
def reset(name: Name, tenant: Tenant = "main", data: Data = None, database: DatabaseUrl = "") -> None:
    """Give a person a new password, and end a lock after wrong ones."""
    with failing(), console(data, database) as (_, run):
        from halodesk.crypto import verifier
        from halodesk.server import people

        kept = verifier.make(new_password(name))
        run(lambda connection: people.change(connection, tenant, name=name, kept=kept))
    typer.echo(f"{name} has a new password.")
