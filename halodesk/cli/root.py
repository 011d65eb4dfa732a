"""`halodesk`: the window, and every other command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import halodesk
from halodesk.cli import (
    agent,
    demo,
    doctor,
    flow,
    flow_agent,
    flow_simulate,
    flow_versions,
    holders,
    keys,
    leak_test,
    links,
    people,
    phone,
    publish,
    sandbox_gateway,
    seat_holders,
    server,
    server_holders,
    server_people,
    session,
    unseal,
)
from halodesk.cli import seat as seat_commands
from halodesk.cli import zip as zip_commands
from halodesk.cli.output import failing

app = typer.Typer(
    name="halodesk",
    help="Softphone and guided workflows for contact-centre agents. Without a command: the window.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(session.app, name="session")
app.add_typer(agent.app, name="agent")
app.add_typer(flow.app, name="flow")
app.add_typer(flow_agent.app, name="flow-agent")
app.add_typer(server.app, name="server")
server.app.add_typer(server_people.app, name="people")
app.add_typer(seat_commands.app, name="seat")
app.add_typer(keys.app, name="keys")
app.add_typer(people.app, name="people")
app.add_typer(links.app, name="links")
app.add_typer(zip_commands.app, name="zip")
app.add_typer(unseal.app, name="unseal")
keys.app.command("new-holder")(holders.new_holder)
keys.app.command("escrow")(holders.escrow)
keys.app.command("restore")(holders.restore)
keys.app.command("new-asker")(holders.new_asker)
keys.app.command("admit-holder")(holders.admit_holder)
keys.app.command("admit-asker")(holders.admit_asker)
keys.app.command("pair")(holders.pair)
keys.app.command("remove-holder")(holders.remove_holder)
keys.app.command("holders")(holders.holders)
seat_commands.app.command("holders")(seat_holders.seat_holders)
server.app.command("holders")(server_holders.server_holders)
flow.app.command("simulate")(flow_simulate.simulate)
flow.app.command("diff")(flow_versions.diff)
flow.app.command("fork")(flow_versions.fork)
flow.app.command("state")(flow_versions.state)
flow.app.command("replay-history")(flow_versions.replay_history)
flow.app.command("publish")(publish.publish)
flow.app.command("rollback")(publish.rollback)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("leak-test")(leak_test.leak_test)
app.command("sound-devices", hidden=True)(doctor.sound_devices)
app.command("open")(links.open_link)
app.command("phone")(phone.phone)
app.command("sandbox-gateway")(sandbox_gateway.sandbox_gateway)
app.command("js-worker", hidden=True)(phone.js_worker)
app.command("speech-worker", hidden=True)(phone.speech_worker)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"halodesk {halodesk.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def seat(
    context: typer.Context,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file (default: settings.json in the data folder).")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder of this seat.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Open the agent's window."""
    if context.invoked_subcommand is not None:
        return
    with failing():
        raise typer.Exit(links.start(settings, data))
