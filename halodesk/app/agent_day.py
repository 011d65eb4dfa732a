"""The agent's day, wired: state, queues, directory. What settings leave out is not there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

import structlog

from halodesk.connectors.contacts import read_contacts
from halodesk.connectors.data_sources import DataSources
from halodesk.protocol import phone_link as link
from halodesk.queues.ami import AmiQueues
from halodesk.queues.codes import CodeQueues
from halodesk.recording.ami import AmiAccess
from halodesk.runtime.agent_desk import AgentDesk
from halodesk.runtime.agent_ports import QueueView
from halodesk.runtime.agent_settings import interface_of, user_of
from halodesk.runtime.desk import Desk
from halodesk.runtime.phone_settings import MAIN, accounts_of
from halodesk.runtime.ports import Clock
from halodesk.runtime.settings import Settings
from halodesk.runtime.threads import IoThread, Post
from halodesk.sip.watch.watcher import Watcher
from halodesk.store.seat_store import SeatStore

_log = structlog.get_logger("agent_day")

CONTACTS_S = 600.0
"""How often the lists of contacts are read again."""


class AgentDay:
    """Main thread, but for what runs on the io loop. Raises `SettingsError`."""

    def __init__(
        self,
        settings: Settings,
        store: SeatStore,
        desk: Desk,
        *,
        send: Callable[[link.Request], Future[link.Reply]],
        data: DataSources | None,
        io: IoThread,
        clock: Clock,
        post: Post,
    ) -> None:
        self._settings, self._io, self._post, self._data = settings, io, post, data
        self._ami: AmiQueues | None = None
        codes: CodeQueues | None = None
        queues = settings.queues
        uri = settings.lines[0].uri if settings.lines else ""
        if queues is not None and queues.control == "ami" and queues.ami is not None:
            manager = queues.ami
            self._ami = AmiQueues(
                AmiAccess(
                    host=manager.host, port=manager.port, username=manager.username, secret=manager.secret
                ),
                interface=interface_of(queues, uri),
                name=settings.agent,
                queues=queues.names,
                on_view=self._told,
                loop=io.loop,
                penalty=queues.penalty,
                tls=ssl.create_default_context() if manager.tls else None,
            )
        elif queues is not None:
            codes = CodeQueues(queues.codes, account=MAIN, send=send, post=post, on_view=self._told)
        self.agent = AgentDesk(
            settings.agent_state,
            store.agent_day,
            desk,
            agent=settings.agent,
            clock=clock,
            hang_up=lambda key, code: send(link.HangUp(call=key, code=code)),
            queues=self._ami or codes,
            codes=codes,
            watch=self._watch,
            voicemail_number=settings.voicemail.number if settings.voicemail is not None else "",
        )
        self._watcher: Watcher | None = None
        wants_box = settings.voicemail is not None
        if settings.lines and (settings.directory.lamps or wants_box):
            self._watcher = Watcher(
                accounts_of(settings)[0],
                loop=io.loop,
                on_lamps=lambda lamps: post(partial(self.agent.lamps_told, lamps)),
                on_mailbox=lambda box: post(partial(self.agent.mailbox_told, box)),
                lamps=settings.directory.lamps,
                mailbox=_mailbox(settings),
            )
        self._line_was_down = False
        self._reading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell the PBX, read the lists."""
        if self._ami is not None:
            self._io.call(self._ami.start)
        if self._watcher is not None:
            self._io.call(self._watcher.start)
        directory = self._settings.directory
        if directory.files or directory.data:
            self._io.call(self._begin_reading)
        self.agent.start()

    async def close(self) -> None:
        """Log out of the queues and let go; io loop only."""
        if self._reading is not None:
            self._reading.cancel()
        if self._watcher is not None:
            await self._watcher.close()
        if self._ami is not None:
            await self._ami.close(log_out=True)

    def _told(self, view: QueueView) -> None:
        self._post(partial(self.agent.queues_told, view))

    def _watch(self, numbers: Sequence[str]) -> None:
        """Whose lamps are wanted."""
        if self._watcher is not None:
            self._watcher.watch(numbers)

    def phone_notice(self, notice: link.Notice) -> bool:
        """One message of the phone; False: it is none of the desk's."""
        if self._watcher is not None:
            match notice:
                case link.NetworkNews():
                    self._io.call(self._watcher.reconnect)
                case link.RegistrationChanged(registration=line) if line.account == MAIN:
                    if line.state == "registered" and self._line_was_down:
                        self._io.call(self._watcher.renew)
                    self._line_was_down = line.state == "failed" or (
                        self._line_was_down and line.state != "registered"
                    )
                case _:
                    pass
        return self.agent.phone_notice(notice)

    def _begin_reading(self) -> None:
        self._reading = self._io.loop.create_task(self._read_contacts())

    async def _read_contacts(self) -> None:
        while True:
            found, problem = await read_contacts(self._settings.directory, self._data)
            if problem:
                _log.warning("contacts_not_read", message=problem)
            self._post(partial(self.agent.contacts_read, found, problem))
            await asyncio.sleep(CONTACTS_S)


def _mailbox(settings: Settings) -> str | None:
    """User of the mailbox to watch."""
    if settings.voicemail is None:
        return None
    return settings.voicemail.mailbox or user_of(settings.lines[0].uri)
