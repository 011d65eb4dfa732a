"""The mask leases of this phone process and the recorder gates they hold shut.

Rules:

1. `mask` is a lock and a flag, callable from any thread. It never waits for the SIP thread,
   the audio thread (longer than one frame takes to pass, a few microseconds) or the disk.
2. Leases belong to the process. A seat that dies leaves them held.
3. A gate is admitted under the same lock as leases are taken: a recorder that starts while
   a lease is held starts masked, with no frame in between.
"""

from __future__ import annotations

import threading

from halodesk.protocol.phone_link import RESTART_LEASE, MaskState
from halodesk.sip.phone.recorder import Gate


class Masks:
    """Counts leases by name and keeps all gates in step with them."""

    def __init__(self, *, start_masked: bool = False) -> None:
        self._lock = threading.Lock()
        self._leases: tuple[str, ...] = (RESTART_LEASE,) if start_masked else ()
        self._gates: dict[str, Gate] = {}

    def mask(self, lease: str) -> MaskState:
        """Holds `lease`; on return every gate is shut. Holding it again changes nothing."""
        with self._lock:
            if lease not in self._leases:
                self._leases = (*self._leases, lease)
            for gate in self._gates.values():
                gate.mask(self._leases)
            return self._state()

    def unmask(self, lease: str) -> MaskState:
        """Gives `lease` back (unknown names change nothing); the last one opens the gates after
        their guard time."""
        with self._lock:
            self._leases = tuple(held for held in self._leases if held != lease)
            if not self._leases:
                for gate in self._gates.values():
                    gate.unmask()
            return self._state()

    def state(self) -> MaskState:
        """What is held now, and since which sample of each file."""
        with self._lock:
            return self._state()

    def admit(self, call: str, gate: Gate) -> None:
        """Puts the gate of a new recorder under the leases."""
        with self._lock:
            if self._leases:
                gate.mask(self._leases)
            self._gates[call] = gate

    def dismiss(self, call: str) -> None:
        """Forgets the gate of an ended call; the leases stay."""
        with self._lock:
            self._gates.pop(call, None)

    def _state(self) -> MaskState:
        return MaskState(
            masked=bool(self._leases),
            leases=self._leases,
            positions={call: gate.since for call, gate in self._gates.items()},
        )
