"""The doctor's lines about the agent's day: queues and contacts."""

from __future__ import annotations

import asyncio
import ssl

import msgspec

from halodesk.connectors.contacts import read_contacts
from halodesk.connectors.data_sources import DataSources
from halodesk.connectors.data_sources.provider import DataConnection
from halodesk.queues.ami import AmiQueues
from halodesk.recording.ami import AmiAccess
from halodesk.runtime import settings as s
from halodesk.runtime.agent_ports import QueueView
from halodesk.runtime.agent_settings import QueueManager, Queues, interface_of
from halodesk.selftest.checks import Check, not_checked, ok, problem, warning

ANSWER_S = 6.0


def queues(given: s.Settings) -> Check:
    """The manager lets us in and has every queue. Nobody is logged in or out by this."""
    wanted = given.queues
    if wanted is None:
        return not_checked("queues", "This seat works in no queue.")
    if wanted.control == "codes" or wanted.ami is None:
        return not_checked("queues", "Whether the PBX takes the feature codes is seen by dialling them.")
    uri = given.lines[0].uri if given.lines else ""
    view = asyncio.run(_look(wanted, wanted.ami, uri))
    if view is None or view.problem:
        words = view.problem if view is not None else "The PBX does not answer for the queues."
        return problem("queues", words, "See `queues` in docs/it.md, and the manager user of the PBX.")
    inside = [one.queue for one in view.members if one.member]
    words = f"{len(view.members)} queue(s) known, this seat is in {len(inside)} of them now."
    return ok("queues", words)


async def _look(wanted: Queues, manager: QueueManager, uri: str) -> QueueView | None:
    told: asyncio.Queue[QueueView] = asyncio.Queue()
    keeper = AmiQueues(
        AmiAccess(host=manager.host, port=manager.port, username=manager.username, secret=manager.secret),
        interface=interface_of(wanted, uri),
        name="",
        queues=wanted.names,
        on_view=told.put_nowait,
        loop=asyncio.get_running_loop(),
        tls=ssl.create_default_context() if manager.tls else None,
    )
    keeper.start()
    try:
        async with asyncio.timeout(ANSWER_S):
            return await told.get()
    except TimeoutError:
        why = keeper.problem
        return QueueView(problem=f"The queues cannot be asked. {why}") if why else None
    finally:
        await keeper.close()


def contacts(given: s.Settings) -> Check:
    """Every list of contacts can be read."""
    directory = given.directory
    if not (directory.files or directory.data):
        return not_checked("contacts", "No list of contacts is set.")
    sources = (
        DataSources([msgspec.convert(one, DataConnection) for one in given.data]) if given.data else None
    )
    found, trouble = asyncio.run(read_contacts(directory, sources))
    if trouble:
        return problem("contacts", trouble, "Correct `directory` in the settings, or the file.")
    if not found:
        return warning("contacts", "The lists hold no number.", "See the names of columns in docs/it.md.")
    return ok("contacts", f"{len(found)} number(s).")
