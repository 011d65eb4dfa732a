"""`halodesk keys`: who may publish flows (key holders: `cli.holders`)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.crypto.metadata import Trust
    from halodesk.crypto.personal_keys import PersonalKeys

app = typer.Typer(
    help="Make keys of publishers and key holders, and say who may publish, hold and ask.",
    no_args_is_help=True,
)

Keys = Annotated[
    Path | None, typer.Option("--keys", envvar="HALODESK_KEYS", help="Folder of your signing keys.")
]
Tenant = Annotated[str, typer.Option(help="The organisation.")]


def keys_of(folder: Path | None) -> PersonalKeys:
    """The signing keys of a folder: the one given, else the platform's; made private."""
    import platformdirs

    from halodesk.crypto.personal_keys import PersonalKeys

    place = folder or platformdirs.user_data_path("halodesk-keys", False)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return PersonalKeys(place)


@app.command("new-publisher")
def new_publisher(
    name: Annotated[str, typer.Argument(help="Name of the publisher.")] = "publisher",
    tenant: Tenant = "main",
    apart: Annotated[
        bool, typer.Option("--apart", help="The root key is elsewhere: only make the key and NAME.pub.")
    ] = False,
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Make a publisher's key and put it on the signed list of publishers."""
    with failing(as_json):
        from halodesk.crypto.metadata import Publisher

        own = keys_of(keys)
        public = own.new(name).public
        if apart:
            file = own.folder / f"{name}.pub"
            file.write_text(f"{name} {base64.b64encode(public).decode()}\n", encoding="utf-8")
            next_step = f"halodesk keys admit {file}   (where the root key is)"
        else:
            own.admit(tenant, Publisher(name=name, key=public))
            file = own.trust_file(tenant)
            next_step = f"halodesk server trust {file}   (at the server)"
    show(
        {"name": name, "file": str(file), "strong": own.status.strong, "message": own.status.message},
        as_json=as_json,
        words=lambda: f"{name} has a key. {own.status.message}\nNext: {next_step}",
    )


@app.command()
def admit(
    file: Annotated[Path, typer.Argument(help="A *.pub file of `new-publisher --apart`.")],
    tenant: Tenant = "main",
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Put a publisher on the list; needs the root key."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto.metadata import Publisher
        from halodesk.engine.errors import SettingsError

        try:
            name, encoded = read_bytes(file).decode("ascii").split()
            public = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise SettingsError(f"{file} is no public key.", "Name a *.pub file.") from None
        own = keys_of(keys)
        trust = own.admit(tenant, Publisher(name=name, key=public))
    _say(own, trust, as_json=as_json)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the publisher.")],
    tenant: Tenant = "main",
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Take a publisher off the list; needs the root key. Seats refuse what the key signs from then on."""
    with failing(as_json):
        own = keys_of(keys)
        trust = own.remove(tenant, name)
    _say(own, trust, as_json=as_json)


@app.command()
def secret(
    entry: Annotated[str, typer.Argument(help="Its name, as settings say it: keyring:ENTRY.")],
) -> None:
    """Put a secret of another system (a recorder's token, say) into the keyring; asked for, not shown."""
    with failing():
        from halodesk.crypto import keystore

        keystore.keep_secret(entry, typer.prompt("Secret", hide_input=True))
    typer.echo(f"Kept. Settings name it keyring:{entry}")


def _say(own: PersonalKeys, trust: Trust, *, as_json: bool) -> None:
    names = [publisher.name for publisher in trust.publishers]
    file = own.trust_file(trust.tenant)
    show(
        {"version": trust.version, "publishers": names, "file": str(file)},
        as_json=as_json,
        words=lambda: (
            f"List {trust.version} names {', '.join(names) or 'nobody'}.\n"
            f"Next: halodesk server trust {file}   (at the server)"
        ),
    )
