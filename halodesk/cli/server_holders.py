"""`halodesk server holders`: the list of key holders that the server passes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import Json, failing, show
from halodesk.cli.server import Data, DatabaseUrl, Tenant, console


def server_holders(
    file: Annotated[Path, typer.Argument(help="A *.holders file of `halodesk keys pair`.")],
    tenant: Tenant = "main",
    data: Data = None,
    database: DatabaseUrl = "",
    as_json: Json = False,
) -> None:
    """Install the signed list of key holders; seats seal to its pair once they have heard of it."""
    with failing(as_json), console(data, database) as (_, run):
        from halodesk.cli.files import read_bytes
        from halodesk.server import unseal

        signed = read_bytes(file)
        found = run(lambda connection: unseal.install_list(connection, tenant, signed))
    names = [holder.name for holder in found.holders if holder.kid in found.pair]
    show(
        {"version": found.version, "sealed_to": names},
        as_json=as_json,
        words=lambda: (
            f"List {found.version} is in force. Values are sealed to {' and '.join(names) or 'nobody'}."
        ),
    )
