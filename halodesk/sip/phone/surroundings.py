"""Notices that this computer slept, or that its addresses are others: another network, a VPN up or down.

Rules:

1. One look in `LOOK_S`, on a thread of its own: no system tells all of this without a library of its own,
   and a connection that silently died is found no sooner by waiting for its packets.
2. It slept when the wall clock ran on and the monotonic clock did not (Linux, macOS), or when a look comes
   much too late (Windows, whose monotonic clock runs on). A clock that was set counts as sleep, too: to
   register once too often costs nothing.
3. Addresses that only a link knows (fe80::, 169.254.) come and go by themselves and count for nothing.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

import psutil

from halodesk.protocol.phone_link import NewsKind

LOOK_S = 1.0
SLEPT_S = 5.0


def addresses() -> frozenset[str]:
    """Every address of an interface that is up."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = set()
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries if name in up else ():
            try:
                address = ipaddress.ip_address(entry.address.split("%")[0])
            except ValueError:
                continue  # a hardware address
            if not address.is_link_local:
                found.add(str(address))
    return frozenset(found)


class Surroundings:
    """Tells `news` on its own thread."""

    def __init__(
        self,
        news: Callable[[NewsKind], None],
        *,
        look: Callable[[], frozenset[str]] = addresses,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self._news, self._look, self._wall, self._mono = news, look, wall, mono
        self._look_s = look_s
        self._stopping = threading.Event()
        self._known = look()
        self._at = (wall(), mono())
        self._thread = threading.Thread(target=self._run, name="surroundings", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when it has stopped."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def check(self) -> NewsKind | None:
        """One look; what has changed since the last."""
        known, (wall, mono) = self._known, self._at
        self._known, self._at = self._look(), (self._wall(), self._mono())
        slept = max(abs(self._at[0] - wall), self._at[1] - mono) > self._look_s + SLEPT_S
        if slept:
            return "woke"
        return "changed" if self._known != known else None

    def _run(self) -> None:
        while not self._stopping.wait(self._look_s):
            if (kind := self.check()) is not None:
                self._news(kind)
