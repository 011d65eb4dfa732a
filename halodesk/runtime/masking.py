"""Joins the mask leases, the recorders of a call and the vault.

Rules:
- `want` asks every recorder; only the lease's word "held" unlocks anything, and the session
  hears of it first (main thread), the vault after.
- "lost" locks and wipes the vault on the spot, on the io thread, before anyone is told.
- Our own recorder masks every call of the phone at once; the others are asked for each leg that is up.
- A lease that is released after a crash of the window is asked for again first: nothing else
  knows which recorders to unmask.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, Literal

import structlog

from halodesk.protocol.phone_link import Recording
from halodesk.runtime import recordings
from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.runtime.lease_book import Leg
from halodesk.runtime.ports import RecorderControl
from halodesk.runtime.threads import IoThread
from halodesk.runtime.vault import Vault, WipeReason

_log = structlog.get_logger("mask")

OnDigest = Callable[[Recording, str], None]

Report = Callable[[Literal["held", "lost", "none"], tuple[str, ...], str, str, dict[str, int]], None]
"""Phase, confirmed by, message, what to do, positions; called on the io thread."""


class Masking:
    """Main-thread face of the leases; all work is on the io thread. `recorders`: our own is the first."""

    def __init__(
        self,
        *,
        leases: MaskLeases,
        recorders: Callable[[], Sequence[RecorderControl]],
        vault: Vault,
        io: IoThread,
        open_recording: recordings.OpenRecording = recordings.open_plain,
    ) -> None:
        self._open_recording = open_recording
        self._leases, self._recorders, self._vault, self._io = leases, recorders, vault, io
        self._digests: set[Future[None]] = set()
        self._guard = threading.Lock()
        self._legs: dict[str, tuple[str, ...]] = {}
        """What `legs_are` said last, by the customer's call; main thread."""
        self._held = ""
        """The lease whose last word, on the io thread, was "held"."""

    @property
    def has_platform(self) -> bool:
        """Whether recorders besides our own take part."""
        return len(self._recorders()) > 1

    def want(self, lease: str, sip_call_id: str, report: Report) -> None:
        """Mask every recorder of the call; `report` is called at each change of the lease."""
        self._io.call(self._hold, lease, sip_call_id, self._legs.get(sip_call_id, ()), report)

    def unlock(self, lease: str) -> None:
        """Let digits in, unless the lease was lost while its "held" was on its way here."""
        with self._guard:
            if self._held == lease:
                self._vault.unlock()

    def release(self, lease: str, sip_call_id: str) -> None:
        """Let the recorders go on; the reporter of `want` hears "none" when all do."""
        self._io.call(self._leases.release, lease)

    def take_back(self, lease: str, sip_call_id: str, report: Report) -> None:
        """`release` for a lease of a window that died; `report` hears "none" when all recorders go on."""
        self._io.call(self._take_back, lease, sip_call_id, self._legs.get(sip_call_id, ()), report)

    def call_ended(self, sip_call_id: str) -> None:
        """Nothing is left to mask or unmask."""
        self._legs.pop(sip_call_id, None)
        self._forbid("hang_up")
        self._io.call(self._leases.call_ended, sip_call_id)

    def leg_ended(self, sip_call_id: str) -> None:
        """A leg that was not the customer's call is over."""
        self._io.call(self._leases.call_ended, sip_call_id)

    def legs_are(self, sip_call_id: str, legs: tuple[str, ...]) -> None:
        """SIP Call-IDs of the legs beside a customer's call, those that are to be masked with it.

        Until every recorder of a new one has proved it, nothing is unlocked.
        """
        if self._legs.get(sip_call_id, ()) != legs:
            self._legs[sip_call_id] = legs
            self._io.call(self._follow, sip_call_id, legs)

    def call_moved(self, old: str, new: str) -> None:
        """The call goes on under another SIP Call-ID, and so do its leases."""
        self._legs[new] = self._legs.pop(old, ())
        self._io.call(self._leases.call_moved, old, new)

    def digest(self, recording: Recording, done: OnDigest, *, torn: bool = False) -> None:
        """SHA-256 (hex) of a finished file; empty when it cannot be read. Off the main thread.

        `torn`: its phone died, so that length and windows are read off the file first.
        """
        future = self._io.submit(self._digest(recording, done, torn))
        self._digests.add(future)
        future.add_done_callback(self._digests.discard)

    def finish_digests(self, timeout_s: float = 10.0) -> None:
        """Wait for what `digest` has begun."""
        wait(tuple(self._digests), timeout_s)

    def _follow(self, sip_call_id: str, legs: tuple[str, ...]) -> None:
        self._leases.legs_are(sip_call_id, self._beside(legs))

    def _beside(self, legs: tuple[str, ...]) -> list[Leg]:
        _, *platform = self._recorders()
        return [(control, leg) for leg in legs for control in platform]

    def _take_back(self, lease: str, sip_call_id: str, legs: tuple[str, ...], report: Report) -> None:
        self._hold(lease, sip_call_id, legs, report)  # in the same turn: no recorder is asked to mask
        self._leases.release(lease)

    def _hold(self, lease: str, sip_call_id: str, legs: tuple[str, ...], report: Report) -> None:
        def changed(state: LeaseState) -> None:
            _log.info("mask", lease=lease, state=state.state, by=list(state.confirmed_by), why=state.message)
            phase: Any = {"held": "held", "lost": "lost", "open": "none"}.get(state.state)
            if phase == "held":
                with self._guard:
                    self._held = lease
            elif phase == "lost":
                self._forbid("mask_lost")
            if phase is None:
                return
            positions = {k: v for answer in state.answers for k, v in answer.positions.items()}
            report(phase, state.confirmed_by, state.message, state.todo, positions)

        beside = self._beside(legs)
        self._leases.hold(lease, sip_call_id, self._recorders(), changed, beside=beside)

    def _forbid(self, reason: WipeReason) -> None:
        with self._guard:
            self._held = ""
            self._vault.lock(reason)

    async def _digest(self, recording: Recording, done: OnDigest, torn: bool) -> None:
        if torn:
            recording = await asyncio.to_thread(recordings.measured, recording, self._open_recording)
        done(recording, await asyncio.to_thread(recordings.digest_of, recording.path))
