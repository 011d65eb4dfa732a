"""How many calls may begin in a moment: more than that and pjlib aborts the process.

pjlib has room for 64 sockets (`PJ_IOQUEUE_MAX_HANDLES`), and one that was closed keeps its place for half a
second (`PJ_IOQUEUE_KEY_FREE_DELAY`); a 65th is an assertion. Every call opens two for its sound, more with
ICE. Four calls at a time are far from that, but thirty that come and go in half a second are not.
"""

from __future__ import annotations

import time
from collections import deque

WINDOW_S = 0.6
MOST_SOCKETS = 40
"""That calls may open within `WINDOW_S`; the rest is for calls that are up and for the signalling."""
OF_A_CALL = 2
OF_A_CALL_WITH_ICE = 6
"""RTP and RTCP, and a relay and its socket for each."""


class Pace:
    """Counts the sockets of new calls. SIP thread only."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, int]] = deque()

    def take(self, *, ice: bool, now: float | None = None) -> bool:
        """Whether one more call may begin now; it is counted when it may."""
        now = time.monotonic() if now is None else now
        while self._taken and now - self._taken[0][0] > WINDOW_S:
            self._taken.popleft()
        wanted = OF_A_CALL_WITH_ICE if ice else OF_A_CALL
        if sum(count for _, count in self._taken) + wanted > MOST_SOCKETS:
            return False
        self._taken.append((now, wanted))
        return True
