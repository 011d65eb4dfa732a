"""Composition root of the seat: builds and wires everything, nothing else."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

import msgspec
import structlog
from PySide6.QtCore import QCoreApplication, QEvent, QLockFile, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMessageBox

from halodesk.connectors.payments import open_gateway
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.engine import codec
from halodesk.engine import flow as flows
from halodesk.engine.commands import Resolve
from halodesk.engine.errors import HaloDeskError, PhoneError, SettingsError, StoreError
from halodesk.engine.events import AnyEvent
from halodesk.protocol.phone_link import Account, Capabilities, Notice, Snapshot
from halodesk.protocol.sync import Policy
from halodesk.recording import control_type, open_control
from halodesk.recording.control import Control, MaskServer, Surroundings, no_server
from halodesk.runtime.desk import Desk, Resumable
from halodesk.runtime.desk_phone import LinePolicy
from halodesk.runtime.effects import Effects
from halodesk.runtime.flow_files import load_all
from halodesk.runtime.lease import MaskLeases
from halodesk.runtime.log import SessionLog
from halodesk.runtime.masking import Masking
from halodesk.runtime.ports import DeskNotice, RecorderAnswer, RecorderControl, StorageState, SyncState
from halodesk.runtime.sandbox import JsSandbox
from halodesk.runtime.secret_entry import SecretEntry
from halodesk.runtime.settings import Settings
from halodesk.runtime.sound import SoundDesk
from halodesk.runtime.threads import IoThread, SystemClock
from halodesk.runtime.transfers import DeskTransfers
from halodesk.runtime.vault import SecretHandle, Vault, WipeReason, disable_core_dumps
from halodesk.sip.keeper import PhoneKeeper
from halodesk.sip.own_recorder import OwnRecorder
from halodesk.store.review import SessionReview
from halodesk.store.seat_store import SeatStore
from halodesk.store.sessions import SessionRow
from halodesk.sync.mask_line import MaskLine
from halodesk.sync.service import SyncService, credentials_of
from halodesk.ui.sessions.player import RecordingPlayer
from halodesk.ui.window import MainWindow

_log = structlog.get_logger("app")


class _Bridge(QObject):
    """The one way from other threads to the main thread: a queued signal that carries a call."""

    called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Run it on the main thread, later, in order. Any thread."""
        self.called.emit(call)

    def deliver(self) -> None:
        """Run now what is waiting; main thread."""
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)

    def close(self) -> None:
        """Take nothing any more: what is behind the calls is being taken apart."""
        self.called.disconnect(self._run)

    @Slot(object)
    def _run(self, call: Callable[[], None]) -> None:
        call()


class _Found:
    """A session a crash left open."""

    def __init__(self, store: SeatStore, row: SessionRow, seat: str) -> None:
        rows = store.sessions.events(row.id)
        self.flow = flows.load(store.sessions.flow_document(row.flow_hash))
        self.events: Sequence[AnyEvent] = [codec.decode(event.payload or b"") for event in rows]
        self.drafts = store.sessions.drafts(row.id)
        self.log = SessionLog(
            session=row.id, seat=seat, clock=SystemClock(), seq=rows[-1].seq, head=rows[-1].head
        )


class Seat:
    """A running seat. Build it after the QApplication, `close` it before that ends.

    Raises `SettingsError`, `DocumentError`, `StoreError`: the seat cannot start, in words.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self._lock = _only_one(folder)
        disable_core_dumps()
        sys.setswitchinterval(0.001)  # a mask request is confirmed in 4 ms instead of 26 behind a busy window
        self._bridge = _Bridge()
        post = self._bridge.post
        clock = SystemClock()
        flow_list = load_all(settings.flows)
        self.store = SeatStore(folder, lambda state: post(partial(self._storage_changed, state)))
        published = {flow.key: flow for flow in map(flows.load, self.store.sync.documents())}
        local = {flow.key: flow for flow in flow_list}
        flow_list = list((local | published).values())  # what was signed and published wins over a file
        seat = self.store.seat()
        self.io = IoThread()
        self.vault = Vault(clock.mono)
        self.vault.subscribe(lambda handle, reason: post(partial(self._wiped, handle, reason)))
        self._sandbox = JsSandbox(clock, argv=[*command(), "js-worker"])
        self.keeper = PhoneKeeper(
            data_dir=folder,
            argv=self._phone_argv,
            account=_account(settings),
            loop=self.io.loop,
            on_attached=lambda snapshot, found: post(partial(self._attached, snapshot, found)),
            on_notice=lambda notice: post(partial(self._noticed, notice)),
            on_away=lambda error: post(partial(self._away, error)),
        )
        self._own = OwnRecorder(lambda: self.keeper.client)
        self._leases = MaskLeases(clock, max_seconds=settings.mask_longest_s)
        self._controls = self._open_controls()
        self._masking = Masking(leases=self._leases, recorders=self._recorders, vault=self.vault, io=self.io)
        self._secret_entry = SecretEntry(self.vault, date.today)
        effects = Effects(
            functions=self._sandbox,
            gateways={
                found.name: open_gateway(
                    found.provider,
                    GatewayAccount(base_url=found.url, api_key=found.api_key, total_seconds=found.timeout_s),
                )
                for found in settings.gateways
            },
            vault=self.vault,
            settle=lambda session, answer: post(partial(self._settled, session, answer)),
            transfers=DeskTransfers(lambda: self.desk, post),
        )
        self.desk = Desk(
            agent=settings.agent,
            roles=settings.roles,
            account=settings.account.uri if settings.account else "",
            dtmf=settings.account.dtmf if settings.account else "rfc4733",
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
                emergency=settings.emergency_numbers,
            ),
        )
        self._sync = self._server_link(seat)
        self.sound = SoundDesk(self.desk, self.keeper, post)
        self._player = RecordingPlayer(clock, lambda: self.sound.state.speaker.device)
        self.review = SessionReview(self.store, post, self._player)
        self.window = MainWindow(self.desk, theme=settings.theme, review=self.review, sound=self.sound)
        self._ticks = QTimer(interval=1000)
        self._ticks.timeout.connect(self.vault.expire)
        self._resume(seat)

    def start(self) -> None:
        """Show the window and bring the phone up."""
        self.window.show()
        self._ticks.start()
        self.io.call(self.keeper.start)
        for control in self._controls:
            self.io.call(control.start)
        if self._sync is not None:
            self.io.call(self._sync.start)

    def close(self, *, quit_phone: bool = True) -> None:
        """Write everything, let go of the phone, stop the threads."""
        self._ticks.stop()
        self.window.close()  # first: it hands over what is still half-typed
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
        self._player.load("")
        self.store.close()  # before the loop: facts that become durable still speak to it
        self.io.close()
        self._lock.unlock()

    async def _shut(self, quit_phone: bool) -> None:
        if self._sync is not None:
            await self._sync.close()
        await self._leases.close()
        for control in self._controls:
            await control.close()
        await self.keeper.close(quit_phone=quit_phone)
        await self._sandbox.close()

    # from the other threads, on the main thread

    def _attached(self, snapshot: Snapshot, found: Capabilities) -> None:
        self.desk.phone_attached(snapshot)
        self.sound.take(snapshot.sound)

    def _noticed(self, notice: Notice) -> None:
        self.desk.phone_notice(notice)
        self.sound.phone_notice(notice)

    def _away(self, error: PhoneError) -> None:
        self.desk.phone_away(error)

    def _settled(self, session: str, answer: Resolve) -> None:
        self.desk.settled(session, answer)

    def _storage_changed(self, state: StorageState) -> None:
        self.desk.storage_changed(state)

    def _wiped(self, handle: SecretHandle, reason: WipeReason) -> None:
        if reason == "time_limit":
            self._secret_entry.expired(self.desk.session, handle)
            words = "The card data was typed too long ago and has been wiped. Ask for it again."
            self.desk.notice(DeskNotice(level="warning", message=words))

    def _flow_came(self, flow: flows.Flow) -> None:
        self.desk.offer(flow)

    def _sync_changed(self, state: SyncState) -> None:
        self.desk.sync_changed(state)

    def _flow_refused(self, error: HaloDeskError) -> None:
        self.desk.notice(DeskNotice(level="warning", message=error.message, todo=error.todo))

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

    def _open_controls(self) -> list[Control]:
        """Every recorder control of the settings. Raises `SettingsError`, also where policy forbids one."""
        link = self.store.sync.link()
        policy = msgspec.json.decode(link.policy, type=Policy) if link is not None else Policy()
        around = Surroundings(on_changed=self._recorder_changed, line=self._mask_line)
        for wanted in self.settings.controls:
            if not policy.seat_recorders and control_type(wanted).has_credentials:
                raise SettingsError(
                    "Policy keeps the credentials of recorders off this desk.",
                    'Use the recorder {"control": "central"}: the server masks for this seat.',
                )
        return [open_control(wanted, around) for wanted in self.settings.controls]

    def _mask_line(self) -> MaskServer:
        link = self.store.sync.link()
        if link is None or not link.enrolled:
            return no_server()
        return MaskLine(link, credentials_of(link, self.store.seat()))

    def _recorder_changed(self, sip_call_id: str, answer: RecorderAnswer) -> None:
        self._leases.recorder_changed(answer.recorder, sip_call_id, answer)

    def _phone_argv(self, start_masked: bool) -> list[str]:
        argv = [*command(), "phone", "--data", str(self.folder)]
        argv += ["--orphan-after", str(self.settings.orphan_after_s)]
        argv += ["--bind", self.settings.sip_bind] if self.settings.sip_bind else []
        argv += ["--sip-port", str(self.settings.sip_port)]
        sound = self.settings.sound
        argv += ["--no-sound"] if sound.devices == "none" else []
        argv += ["--microphone-device", sound.microphone] if sound.microphone else []
        argv += ["--speaker-device", sound.speaker] if sound.speaker else []
        argv += ["--start-masked"] if start_masked else []
        return argv

    def _resume(self, seat: str) -> None:
        found: list[Resumable] = []
        for row in self.store.sessions.rows(status="open"):
            try:
                found.append(_Found(self.store, row, seat))
            except HaloDeskError as error:
                _log.error("session_not_resumed", session=row.id, error=type(error).__name__)
                self.desk.notice(DeskNotice(level="error", message=error.message, todo=error.todo))
        self.desk.resume(found)


def command() -> list[str]:
    """How this very application is started again: itself in a bundle, else the interpreter."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "halodesk"]


def _account(settings: Settings) -> Account | None:
    given = settings.account
    if given is None:
        return None
    return Account(
        key="main",
        uri=given.uri,
        registrar=given.registrar,
        username=given.username,
        password=given.password,
        transport="tcp" if given.transport == "tcp" else "udp",
        allowed_peers=given.allowed_peers,
    )


def _only_one(folder: Path) -> QLockFile:
    lock = QLockFile(str(folder / "seat.lock"))
    if lock.tryLock(200):
        return lock
    if lock.error() is QLockFile.LockError.LockFailedError:
        raise SettingsError("HaloDesk already runs with this data folder.", "Use the window that is open.")
    raise StoreError(
        f"The data folder {folder} cannot be written: its disk is full, or it belongs to somebody else.",
        "Free some space, or name another folder with --data.",
    )


@contextmanager
def failure_shown() -> Iterator[None]:
    """A start that fails says so on the screen, too: who clicked an icon reads no terminal."""
    try:
        yield
    except HaloDeskError as error:
        _show_failure(error.message, error.todo)
        raise
    except OSError as error:
        _show_failure(f"{error.filename or 'A file'}: {error.strerror}.", "")
        raise


def failure_box(message: str, todo: str) -> QMessageBox:
    """What is shown instead of the window."""
    box = QMessageBox(QMessageBox.Icon.Critical, "HaloDesk", message)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(todo)
    return box


def _show_failure(message: str, todo: str) -> None:
    if not has_screen() or os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal")):
        return
    app = QApplication.instance() or QApplication(sys.argv[:1])
    failure_box(message, todo).exec()
    del app


def has_screen() -> bool:
    """Whether Qt finds a platform to draw on; without one it aborts the process."""
    names = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def run(settings: Settings, folder: Path) -> int:
    """Open the window and serve until it is closed; the exit code."""
    if not has_screen():
        raise SettingsError("There is no screen here.", "Start HaloDesk in a desktop session.")
    app = QApplication.instance() or QApplication(sys.argv[:1])
    seat = Seat(settings, folder)
    seat.start()
    # Python hears of a signal when it next runs: with the seat's tick, within a second.
    signal.signal(signal.SIGTERM, lambda number, frame: app.quit())
    try:
        return app.exec()
    finally:
        seat.close()
