"""Composition root of the seat: builds and wires everything, nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

import msgspec
import structlog
from PySide6.QtCore import QTimer

from halodesk.app.agent_day import AgentDay
from halodesk.app.agent_orders import AgentOrders
from halodesk.app.bridge import Bridge
from halodesk.app.copilot import Hearings
from halodesk.app.flow_agents import FlowAgents
from halodesk.app.habits import Habits
from halodesk.app.keeping import Keeping
from halodesk.app.live_lines import LiveLines
from halodesk.app.outside import Outside
from halodesk.app.parts import (
    Found,
    only_one,
    open_controls,
    open_money,
    phone_argv,
    refused_flow,
    secured_only,
    unconfirmed_unlocks,
)
from halodesk.app.people import SeatPeople
from halodesk.app.readiness import Readiness
from halodesk.app.sealing import open_sealer, taker
from halodesk.engine import flow as flows
from halodesk.engine.commands import Resolve
from halodesk.engine.errors import HaloDeskError, PhoneError
from halodesk.engine.roles import roles_of
from halodesk.protocol.phone_link import Capabilities, NetworkNews, Notice, Snapshot
from halodesk.protocol.sync import Policy
from halodesk.recording.control import MaskServer, no_server
from halodesk.runtime.desk import Desk, Resumable
from halodesk.runtime.desk_phone import LinePolicy
from halodesk.runtime.effects import Effects
from halodesk.runtime.emergency import numbers_of
from halodesk.runtime.flow_files import load_all
from halodesk.runtime.lease import MaskLeases
from halodesk.runtime.masking import Masking
from halodesk.runtime.people import Came
from halodesk.runtime.phone_settings import accounts_of
from halodesk.runtime.ports import DeskNotice, RecorderAnswer, RecorderControl, StorageState, SyncState
from halodesk.runtime.process_memory import disable_core_dumps
from halodesk.runtime.program import command
from halodesk.runtime.sandbox import JsSandbox
from halodesk.runtime.secret_entry import SecretEntry
from halodesk.runtime.settings import Settings
from halodesk.runtime.sound import SoundDesk
from halodesk.runtime.threads import IoThread, SystemClock
from halodesk.runtime.transfers import DeskTransfers
from halodesk.runtime.vault import SecretHandle, Vault, WipeReason
from halodesk.sip.code_keys import CodeKeys
from halodesk.sip.keeper import PhoneKeeper
from halodesk.sip.own_recorder import OwnRecorder
from halodesk.store.review import SessionReview
from halodesk.store.seat_store import SeatStore
from halodesk.sync.mask_line import MaskLine
from halodesk.sync.service import SyncService, credentials_of
from halodesk.ui.browser.visits import Visits
from halodesk.ui.directory.page import directory_entry
from halodesk.ui.lock.guard import Guard
from halodesk.ui.sessions.page import SessionsPage, sessions_entry
from halodesk.ui.sessions.player import RecordingPlayer
from halodesk.ui.steps.base import Tools
from halodesk.ui.window import MainWindow

_log = structlog.get_logger("app")


class Seat:
    """A running seat. Build it after the QApplication, `close` it before that ends.

    Raises `SettingsError`, `DocumentError`, `StoreError`: the seat cannot start, in words.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self._lock = only_one(folder)
        disable_core_dumps()
        sys.setswitchinterval(0.001)  # a mask request is confirmed in 4 ms instead of 26 behind a busy window
        self._bridge = Bridge()
        post = self._bridge.post
        clock = SystemClock()
        flow_list = load_all(settings.flows)
        self.store = SeatStore(folder, lambda state: post(partial(self._storage_changed, state)))
        published = {flow.key: flow for flow in map(flows.load, self.store.sync.documents())}
        local = {flow.key: flow for flow in flow_list}
        flow_list = list((local | published).values())  # what was signed and published wins over a file
        seat = self.store.seat()
        link = self.store.sync.link()
        policy = msgspec.json.decode(link.policy, type=Policy) if link is not None else Policy()
        self._policy = policy
        self.io = IoThread()
        self.vault = Vault(clock.mono)
        self.vault.subscribe(lambda handle, reason: post(partial(self._wiped, handle, reason)))
        self._sandbox = JsSandbox(clock, argv=[*command(), "js-worker"])
        self._lines = LiveLines(
            settings.speech,
            lambda: self.keeper,
            hang_up=lambda key: post(partial(self.desk.hang_up_leg, key)),
            hung_up=lambda key: self.desk.hung_up_here(key),
        )
        hearings = Hearings(lambda: self.keeper)
        self.keeper = PhoneKeeper(
            data_dir=folder,
            argv=lambda start_masked: phone_argv(
                settings, folder, start_masked=start_masked, lock=self.store.recording_key.public
            ),
            accounts=accounts_of(settings, secured_only=secured_only(policy, flow_list)),
            loop=self.io.loop,
            on_attached=lambda snapshot, found: post(partial(self._attached, snapshot, found)),
            on_notice=hearings.first(self._lines.first(lambda notice: post(partial(self._noticed, notice)))),
            on_away=hearings.first_away(
                self._lines.first_away(lambda error: post(partial(self._away, error)))
            ),
        )
        self._own = OwnRecorder(lambda: self.keeper.client)
        self._leases = MaskLeases(
            clock,
            max_seconds=settings.mask_longest_s,
            allow_unconfirmed=unconfirmed_unlocks(settings, policy if link is not None else None),
        )
        self._controls = open_controls(
            settings, policy, self._recorder_changed, self._mask_line, CodeKeys(lambda: self.keeper.client)
        )
        self._masking = Masking(
            leases=self._leases,
            recorders=self._recorders,
            vault=self.vault,
            io=self.io,
            open_recording=self.store.open_recording,
        )
        self._sealer = open_sealer(self.store.holders, clock)
        self._secret_entry = SecretEntry(self.vault, date.today, self._sealer.why_not)
        self._outside = Outside(settings, folder, clock, lambda key, why: post(partial(self._mail_lost, why)))
        self._visits = Visits(post, self._outside.browser_proxy)
        effects = Effects(
            functions=self._sandbox,
            gateways=self._outside.gateways,
            vault=self.vault,
            settle=lambda session, answer: post(partial(self._settled, session, answer)),
            clock=clock,
            http=self._outside.http,
            zips=self._outside.zips,
            mail=self._outside.mail,
            data=self._outside.data,
            browser=self._visits,
            transfers=DeskTransfers(lambda: self.desk, post),
            sealer=self._sealer,
        )
        self.desk = Desk(
            agent=settings.agent,
            roles=settings.roles,
            account=settings.lines[0].uri if settings.lines else "",
            seat=seat,
            flows=flow_list,
            store=self.store,
            phone=self.keeper,
            masking=self._masking,
            secret_entry=self._secret_entry,
            effects=effects,
            io=self.io,
            post=post,
            clock=clock,
            on_durable=self._wake_sync,
            lines=LinePolicy(
                call_waiting=settings.call_waiting,
                watched_transfer=settings.blind_transfer == "watched",
                emergency=numbers_of(settings.emergency_numbers, settings.country),
            ),
        )
        self.day = AgentDay(
            settings,
            self.store,
            self.desk,
            send=self.keeper.send,
            data=self._outside.data,
            io=self.io,
            clock=clock,
            post=post,
        )
        self.desk.answers_itself = lambda: self.day.agent.view.choice == "ready"
        self._sync = self._server_link(seat)
        self.sound = SoundDesk(
            self.desk, self.keeper, post, echo_number=settings.sound.echo_number, dial=self.desk.dial
        )
        self.desk.storage_changed(self._kept_safe())
        self.people = SeatPeople(self.store, self.io, post, clock, self._came_in)
        self._guard: Guard | None = None
        self._player = RecordingPlayer(
            clock, lambda: self.sound.state.speaker.device, self.store.open_recording
        )
        self.review = SessionReview(self.store, post, self._player, sees_only=self.people.sees_only)
        self._flow_agents = FlowAgents(
            settings, folder, io=self.io, post=post, may=lambda: self.people.sees_only() is None
        )
        self.live = self._flow_agents.on_calls(
            self.desk,
            self._lines,
            ready=lambda: self.day.agent.view.choice == "ready",
            attended=lambda: not self._locked(),
            attention=self._wanted,
        )
        self._flow_agents.beside_calls(self.desk, hearings, self._locked)
        self.window = MainWindow(
            self.desk,
            theme=settings.theme,
            pages=[
                sessions_entry(self.review),
                directory_entry(self.day.agent, self.desk.dial, self._show_record),
                *self._flow_agents.pages(),
            ],
            agent=self.day.agent,
            day=self.day.agent,
            sound=self.sound,
            live=self.live,
            tools=Tools(visits=self._visits),
        )
        self._keeping = Keeping(self.store, settings.recordings, folder)
        if self.people.required:
            self._guard = Guard(self.window, self.desk, self.people, idle_s=settings.lock_after_s)
            self._guard.locked_changed.connect(lambda locked: self.day.agent.attend(absent=locked))
            self._guard.locked_changed.connect(self._flow_agents.look_again)
            self.day.agent.attend(absent=True)
        self.habits = Habits(
            self.desk,
            self.window,
            settings,
            folder,
            io=self.io,
            post=post,
            readiness=Readiness(self.day.agent),
            locked=self._locked,
        )
        self._orders = AgentOrders(folder, self.live, self.desk, io=self.io, post=post, locked=self._locked)
        self.habits.on_order = self._orders.take
        self._ticks = QTimer(interval=1000)
        self._ticks.timeout.connect(self.vault.expire)
        self._ticks.timeout.connect(self.day.agent.tick)
        self._resume(seat)

    def start(self) -> None:
        """Show the window and bring the phone up."""
        self.window.show()
        self.habits.start()
        self._ticks.start()
        self.store.eraser.sweep()  # recordings that an erasure could not delete before
        self._keeping.start()
        self.io.call(self.keeper.start)
        self.io.call(self._outside.start)
        self.day.start()
        for control in self._controls:
            self.io.call(control.start)
        if self._sync is not None:
            self.io.call(self._sync.start)

    def close(self, *, quit_phone: bool = True) -> None:
        """Write everything, let go of the phone, stop the threads."""
        self._ticks.stop()
        if self._guard is not None:
            self._guard.close()
        self.habits.close()
        self.window.close()  # first: it hands over what is still half-typed
        self._visits.close()
        self._orders.close()
        self._flow_agents.close()
        self.vault.lock("shutdown")
        try:
            self.io.submit(self._shut(quit_phone)).result(10)
        except (HaloDeskError, TimeoutError) as error:
            _log.error("phone_not_closed", error=type(error).__name__, message=str(error))
        self._bridge.deliver()  # a call that was up has ended by this, and its recording is closed
        self._masking.finish_digests()
        self._bridge.deliver()
        self._bridge.close()
        self.review.close()
        self._keeping.close()
        self.people.close()
        self._player.load("")
        self.day.agent.leave()
        self.store.close()  # before the loop: facts that become durable still speak to it
        self.io.close()
        self._lock.unlock()

    async def _shut(self, quit_phone: bool) -> None:
        await self.habits.shut()
        if self._sync is not None:
            await self._sync.close()
        await self._outside.close()
        await self.day.close()
        await self._leases.close()
        for control in self._controls:
            await control.close()
        await self.keeper.close(quit_phone=quit_phone)
        await self._sandbox.close()

    # from the other threads, on the main thread

    def _attached(self, snapshot: Snapshot, found: Capabilities) -> None:
        self.desk.phone_attached(snapshot)
        self.day.agent.attached(snapshot)
        self.sound.take(snapshot.sound)

    def _noticed(self, notice: Notice) -> None:
        if self.day.phone_notice(notice):
            self.desk.phone_notice(notice)
        self.sound.phone_notice(notice)
        self.habits.phone_notice(notice)
        if isinstance(notice, NetworkNews) and self._sync is not None:
            self.io.call(self._sync.retry)

    def _away(self, error: PhoneError) -> None:
        self.desk.phone_away(error)

    def _settled(self, session: str, answer: Resolve) -> None:
        self.desk.settled(session, answer)

    def _came_in(self, who: Came) -> None:
        # What the four roles may comes with the person; only roles of a flow's own come with the seat.
        own = [role for role in self.settings.roles if role not in roles_of("admin")]
        another = who.name != self.desk.agent
        self.desk.sign_in(who.name, (*who.roles, *own))
        if another:
            self.day.agent.somebody_came()
            self._flow_agents.simulator.refresh()

    def _locked(self) -> bool:
        return self._guard is not None and self._guard.locked

    def _wanted(self, agent: str) -> None:
        self.habits.call_attention(agent)

    def _storage_changed(self, state: StorageState) -> None:
        if state == StorageState():
            state = self._kept_safe()
        self.desk.storage_changed(state)

    def _kept_safe(self) -> StorageState:
        """Saved, and what keeps it from others."""
        status = self.store.key_status
        return StorageState(message=status.message, weak=not status.strong)

    def _wiped(self, handle: SecretHandle, reason: WipeReason) -> None:
        if reason == "time_limit":
            self._secret_entry.expired(self.desk.session, handle)
            words = "The card data was typed too long ago and has been wiped. Ask for it again."
            self.desk.notice(DeskNotice(level="warning", message=words))

    def _mail_lost(self, why: str) -> None:
        words = f"A mail that waited will not be sent: {why}"
        self.desk.notice(DeskNotice(level="warning", message=words, todo="Tell your supervisor."))

    def _flow_came(self, flow: flows.Flow) -> None:
        refusal = refused_flow(flow, self.settings, self._policy)
        if refusal is None:
            self.desk.offer(flow)
        else:
            self.desk.notice(refusal)

    def _sync_changed(self, state: SyncState) -> None:
        self.desk.sync_changed(state)

    def _flow_refused(self, error: HaloDeskError) -> None:
        self.desk.notice(DeskNotice(level="warning", message=error.message, todo=error.todo))

    def _show_record(self, session: str) -> None:
        self.window.show_page(1)
        if isinstance(page := self.window.page_beside, SessionsPage):
            page.open_session(session)

    # parts

    def _server_link(self, seat: str) -> SyncService | None:
        """The task that speaks to the server, at a seat that has one."""
        link = self.store.sync.link()
        if link is None or not link.enrolled:
            return None
        post = self._bridge.post
        self.desk.sync_changed(SyncState(state="waiting", message="The server has not answered yet."))
        try:
            return SyncService(
                self.store.sync,
                link,
                seat=seat,
                on_flow=lambda flow: post(partial(self._flow_came, flow)),
                on_state=lambda state: post(partial(self._sync_changed, state)),
                on_refused=lambda error: post(partial(self._flow_refused, error)),
                on_holders=taker(self.store.holders, self._sealer, link),
            )
        except HaloDeskError as error:  # calls come in without a server, too
            _log.error("no_sync", error=type(error).__name__, message=str(error))
            self.desk.sync_changed(SyncState(state="trouble", message=error.message, todo=error.todo))
            return None

    def _wake_sync(self) -> None:
        if self._sync is not None:
            self.io.call(self._sync.wake)

    def _recorders(self) -> Sequence[RecorderControl]:
        return [self._own, *self._controls]

    def _mask_line(self) -> MaskServer:
        link = self.store.sync.link()
        if link is None or not link.enrolled:
            return no_server()
        return MaskLine(link, credentials_of(link, self.store.seat()))

    def _recorder_changed(self, sip_call_id: str, answer: RecorderAnswer) -> None:
        self._leases.recorder_changed(answer.recorder, sip_call_id, answer)

    def _resume(self, seat: str) -> None:
        found: list[Resumable] = []
        for row in self.store.sessions.rows(status="open"):
            try:
                found.append(Found(self.store, row, seat))
            except HaloDeskError as error:
                _log.error("session_not_resumed", session=row.id, error=type(error).__name__)
                self.desk.notice(DeskNotice(level="error", message=error.message, todo=error.todo))
        self.desk.resume(found)
        self.io.submit(self._look_for_open_money(seat))

    async def _look_for_open_money(self, seat: str) -> None:
        """Off the main thread: it reads much, and no agent waits for it."""
        try:
            late = await asyncio.to_thread(open_money, self.store, seat)
        except HaloDeskError as error:
            _log.error("open_money_not_read", error=type(error).__name__, message=str(error))
            return
        self._bridge.post(partial(self.desk.settle_late, late))
