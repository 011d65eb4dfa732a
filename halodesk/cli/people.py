"""`halodesk people`: who signs in at this seat. Works without a server and without the window."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.store.seat_store import SeatStore

app = typer.Typer(help="Who signs in at this seat, and as what.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")]
Name = Annotated[str, typer.Argument(help="Name of the person.")]
Role = Annotated[str, typer.Option(help="agent, team_lead, supervisor or admin.")]
By = Annotated[
    str, typer.Option("--as", help="An admin of this seat, once there is one; asks for the password.")
]
_PASSWORD, _NEW = "HALODESK_PASSWORD", "HALODESK_NEW_PASSWORD"


@app.command()
def add(name: Name, role: Role = "agent", by: By = "", data: Data = None) -> None:
    """Let a person sign in here. From the first one on, everybody at this seat must sign in.

    The password is asked for, or taken from HALODESK_NEW_PASSWORD.
    """
    with failing(), _store(data) as store:
        from halodesk.crypto import verifier

        _admin(store, by)
        store.people.add(name, role, verifier.make(new_password(name)))
    typer.echo(f"{name} may sign in as {role}. Takes effect when HaloDesk starts next.")


@app.command("list")
def list_people(data: Data = None, as_json: Json = False) -> None:
    """Who may sign in, and until when without the server."""
    with failing(as_json), _store(data) as store:
        people = store.people.all()
    rows = [
        {"name": one.name, "role": one.role, "origin": one.origin, "lease_until": one.lease_until}
        for one in people
    ]

    def words() -> str:
        lines = [f"{one.name:24} {one.role:12} {one.origin}" for one in people]
        return "\n".join(lines) or "Nobody signs in at this seat."

    show(rows, as_json=as_json, words=words)


@app.command()
def role(
    name: Name, role: Annotated[str, typer.Argument(help="The new role.")], by: By = "", data: Data = None
) -> None:
    """Give a person another role."""
    with failing(), _store(data) as store:
        _admin(store, by)
        _keep_an_admin(store, name, role)
        _local(store, name)
        store.people.change(name, role=role)
    typer.echo(f"{name} is {role} now.")


@app.command()
def remove(name: Name, by: By = "", data: Data = None) -> None:
    """Let a person in no more."""
    with failing(), _store(data) as store:
        _admin(store, by)
        _keep_an_admin(store, name, "")
        store.people.remove(name)
    typer.echo(f"{name} cannot sign in here any more.")


@app.command()
def reset(name: Name, by: By = "", data: Data = None) -> None:
    """Give a person a new password, and end a lock after wrong ones."""
    with failing(), _store(data) as store:
        from halodesk.crypto import verifier

        _admin(store, by)
        _local(store, name)
        store.people.change(name, verifier=verifier.make(new_password(name)))
    typer.echo(f"{name} has a new password.")


def signed_in(store: SeatStore, name: str) -> tuple[str, str, tuple[str, ...]]:
    """Who works at this console: name, role, roles. Raises `HaloDeskError`.

    Where nobody signs in at the seat, whoever can open its store is its admin, as in the window.
    """
    from halodesk.engine.errors import HaloDeskError
    from halodesk.engine.roles import roles_of
    from halodesk.runtime.threads import SystemClock
    from halodesk.store.sign_in import check_here

    if not store.people.all() and not name:
        return "console", "admin", roles_of("admin")
    if not name:
        raise HaloDeskError("People sign in at this seat.", "Say who you are: --as NAME")
    person = check_here(store.people, name, _password(f"Password of {name}", _PASSWORD), SystemClock())
    return person.name, person.role, roles_of(person.role)


def _store(data: Path | None) -> SeatStore:
    from halodesk.runtime.paths import data_dir
    from halodesk.store.seat_store import SeatStore

    return SeatStore(data_dir(data))


def _admin(store: SeatStore, by: str) -> None:
    from halodesk.engine.errors import HaloDeskError

    if any(person.role == "admin" for person in store.people.all()):
        _, role, _ = signed_in(store, by)
        if role != "admin":
            raise HaloDeskError("Only an admin of this seat changes who signs in.", "Ask one: --as NAME")


def _keep_an_admin(store: SeatStore, name: str, role: str) -> None:
    from halodesk.engine.errors import HaloDeskError

    people = store.people.all()
    admins = [one.name.casefold() for one in people if one.role == "admin"]
    if admins == [name.strip().casefold()] and role != "admin" and len(people) > 1:
        raise HaloDeskError(f"{name} is the only admin of this seat.", "Make somebody else admin first.")


def _local(store: SeatStore, name: str) -> None:
    from halodesk.engine.errors import HaloDeskError

    person = store.people.find(name)
    if person is not None and person.origin == "server":
        raise HaloDeskError(f"{name} is known from the server.", "Change it there: halodesk server people")


def new_password(name: str) -> str:
    """A password for somebody, asked for twice or from the environment. Raises `HaloDeskError`."""
    from halodesk.crypto import verifier
    from halodesk.engine.errors import HaloDeskError

    given = _password(f"New password for {name}", _NEW, confirm=True)
    wrong = verifier.problem(given)
    if wrong:
        raise HaloDeskError(wrong, "Choose another one.")
    return given


def _password(prompt: str, variable: str, *, confirm: bool = False) -> str:
    given = os.environ.get(variable)
    if given is None:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        given = str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm))
    return given
