"""What the seat is built of, made from its settings; without state of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QLockFile

from halodesk.engine import codec
from halodesk.engine import flow as flows
from halodesk.engine.errors import AlreadyRunsError, SettingsError, StoreError
from halodesk.engine.events import AnyEvent, EffectRequested
from halodesk.engine.rules import is_sensitive
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.sync import Policy
from halodesk.recording import control_type, open_control
from halodesk.recording.control import Control, MaskServer, Press, Surroundings
from halodesk.runtime.late_money import MONEY
from halodesk.runtime.log import SessionLog
from halodesk.runtime.phone_settings import network_options, open_lines
from halodesk.runtime.ports import DeskNotice, RecorderAnswer
from halodesk.runtime.program import command
from halodesk.runtime.settings import Settings
from halodesk.runtime.threads import SystemClock
from halodesk.store.seat_store import SeatStore
from halodesk.store.sessions import SessionRow

OPEN_MONEY_S = 35 * 86_400.0
"""How far back is looked: no gateway takes longer to know."""


class Found:
    """A session a crash left open."""

    def __init__(self, store: SeatStore, row: SessionRow, seat: str) -> None:
        rows = store.sessions.events(row.id)
        self.flow = flows.load(store.sessions.flow_document(row.flow_hash))
        self.events: Sequence[AnyEvent] = [codec.decode(event.payload or b"") for event in rows]
        self.asked = {
            event.id: envelopes.decode(row.envelope).wall
            for row, event in zip(rows, self.events, strict=True)
            if isinstance(event, EffectRequested)
        }
        self.drafts = store.sessions.drafts(row.id)
        self.log = SessionLog(
            session=row.id, seat=seat, clock=SystemClock(), seq=rows[-1].seq, head=rows[-1].head
        )


def open_money(store: SeatStore, seat: str) -> list[Found]:
    """Ended sessions of the last weeks in which a gateway still owes an answer; reads much."""
    ids = store.sessions.unsettled(MONEY, time.time() - OPEN_MONEY_S)
    return [Found(store, store.sessions.find(session), seat) for session in ids]


def phone_argv(settings: Settings, folder: Path, *, start_masked: bool, lock: bytes) -> list[str]:
    """How the phone of this seat is started; `lock`: the public key its recordings are encrypted for."""
    argv = [*command(), "phone", "--data", str(folder), "--recording-key", lock.hex()]
    argv += ["--orphan-after", str(settings.orphan_after_s)]
    argv += ["--bind", settings.sip_bind] if settings.sip_bind else []
    argv += ["--sip-port", str(settings.sip_port), *network_options(settings)]
    sound = settings.sound
    argv += ["--no-sound"] if sound.devices == "none" else []
    argv += ["--microphone-device", sound.microphone] if sound.microphone else []
    argv += ["--speaker-device", sound.speaker] if sound.speaker else []
    argv += ["--ring-device", sound.ringer] if sound.ringer else []
    argv += ["--cancel-echo"] if sound.cancel_echo else []
    argv += ["--start-masked"] if start_masked else []
    return argv


def open_controls(
    settings: Settings,
    policy: Policy,
    on_changed: Callable[[str, RecorderAnswer], None],
    line: Callable[[], MaskServer],
    press: Press,
) -> list[Control]:
    """Every recorder control of the settings. Raises `SettingsError`, also where policy forbids one."""
    around = Surroundings(on_changed=on_changed, line=line, press=press)
    for wanted in settings.controls:
        if not policy.seat_recorders and control_type(wanted).has_credentials:
            raise SettingsError(
                "Policy keeps the credentials of recorders off this desk.",
                'Use the recorder {"control": "central"}: the server masks for this seat.',
            )
    return [open_control(wanted, around) for wanted in settings.controls]


def unconfirmed_unlocks(settings: Settings, policy: Policy | None) -> bool:
    """Whether a recorder's word without proof unlocks. `policy`: the server's, None where there is none."""
    return settings.unconfirmed_unlocks and (policy is None or policy.unconfirmed_unlocks)


def takes_cards(flow: flows.Flow) -> bool:
    """Whether it has a page on which secrets are typed."""
    return any(is_sensitive(step) for step in flow.steps)


def secured_only(policy: Policy, flow_list: Iterable[flows.Flow]) -> bool:
    """Whether policy allows this seat, with these flows, encrypted lines only."""
    return policy.secure_payments and any(map(takes_cards, flow_list))


def refused_flow(flow: flows.Flow, settings: Settings, policy: Policy) -> DeskNotice | None:
    """Why a flow that has just been published is not offered: lines that are up cannot be encrypted now."""
    lines = open_lines(settings)
    if not (lines and secured_only(policy, [flow])):
        return None
    return DeskNotice(
        level="warning",
        message=f"“{flow.name}” takes card data, and policy allows that over encrypted lines only. "
        f"Not encrypted: {', '.join(lines)}.",
        todo="Ask IT to set up TLS and SRTP for this seat. It is offered after the next start.",
    )


def only_one(folder: Path) -> QLockFile:
    lock = QLockFile(str(folder / "seat.lock"))
    if lock.tryLock(200):
        return lock
    if lock.error() is QLockFile.LockError.LockFailedError:
        raise AlreadyRunsError("HaloDesk already runs with this data folder.", "Use the window that is open.")
    raise StoreError(
        f"The data folder {folder} cannot be written: its disk is full, or it belongs to somebody else.",
        "Free some space, or name another folder with --data.",
    )


def seat_runs(folder: Path) -> bool:
    """Whether a window is open on this data folder."""
    lock = QLockFile(str(folder / "seat.lock"))
    if lock.tryLock(0):
        lock.unlock()
        return False
    return lock.error() is QLockFile.LockError.LockFailedError
