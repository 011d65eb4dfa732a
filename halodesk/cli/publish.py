"""`halodesk flow publish` and `flow rollback`: which version seats begin new sessions on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.keys import Keys, Tenant, keys_of
from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.engine.flow import Flow
    from halodesk.sync.publisher import Outcome, PublisherClient

Server = Annotated[
    str, typer.Option("--server", envvar="HALODESK_SERVER", help="Address of the server, https://…")
]
As = Annotated[str, typer.Option("--as", help="Name of your publisher's key.")]
Ca = Annotated[
    Path | None, typer.Option("--ca", help="Believe only this certificate authority (PEM) for the server.")
]


def publish(
    file: Annotated[Path, typer.Argument(help="A *.flow.json file.")],
    server: Server,
    publisher: As = "publisher",
    tenant: Tenant = "main",
    ca: Ca = None,
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Sign a flow as its next version and give it to every seat for new sessions."""
    with failing(as_json):
        from halodesk.cli.flow_versions import load_state

        flow = _checked(file)
        client = _client(server, publisher, tenant, ca, keys)
        load_state(file, flow)  # one that cannot be read is said before anything is published
        done = asyncio.run(client.publish(flow))
        _keep_state(file, flow, done.version, publisher)
    _say(done, as_json=as_json)


def rollback(
    flow: Annotated[str, typer.Argument(help="Key of the flow.")],
    to: Annotated[int, typer.Option(help="The version to go back to.")],
    server: Server,
    publisher: As = "publisher",
    tenant: Tenant = "main",
    ca: Ca = None,
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Have seats begin new sessions on an old version again."""
    with failing(as_json):
        client = _client(server, publisher, tenant, ca, keys)
        done = asyncio.run(client.rollback(flow, to))
    _say(done, as_json=as_json)


def _checked(file: Path) -> Flow:
    """A flow that would not fail a caller: healthy, its test cases hold. Raises `SettingsError`."""
    from halodesk.cli.flow_versions import check_cases, check_health
    from halodesk.runtime.flow_files import load_file

    flow = load_file(file)
    check_health(flow, file)
    check_cases(flow, file)
    return flow


def _keep_state(file: Path, flow: Flow, number: int, publisher: str) -> None:
    """The version is active now: beside the file too, where its lifecycle is kept there."""
    from halodesk.cli.flow_versions import load_state, save_state
    from halodesk.engine.lifecycle import content_of, published
    from halodesk.runtime.flow_cases import beside

    if not beside(file, ".state.json").exists():
        return
    known = published(load_state(file, flow), content_of(flow), number, at=time.time(), by=publisher)
    save_state(file, known)


def _client(server: str, publisher: str, tenant: str, ca: Path | None, keys: Path | None) -> PublisherClient:
    from halodesk.cli.files import read_bytes
    from halodesk.sync.publisher import PublisherClient

    key = keys_of(keys).load(publisher)
    return PublisherClient(server, key, tenant=tenant, authority=read_bytes(ca) if ca else b"")


def _say(done: Outcome, *, as_json: bool) -> None:
    show(
        done,
        as_json=as_json,
        words=lambda: (
            f"{done.flow}: new sessions begin on version {done.version}. "
            f"{done.seats} connected seats are being told; the others hear of it when they come."
        ),
    )
