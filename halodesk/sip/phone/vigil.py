"""No call stays up that has no other side: who hears nothing for a while asks whether anybody is there.

Session timers (RFC 4028) find a lost peer after minutes, and only where the peer has them. So a connected
call in which no packet of sound arrives for `SILENT_S` sends OPTIONS within its dialogue (RFC 3261, 11.2).
"No such call" (481) ends it; so do `LOST` requests in a row that nobody answers. Every other answer means
that the other side is there, silent as it may be: then it is asked again later.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

SILENT_S = 20.0
LOST = 2
_GONE = 481
_UNANSWERED = frozenset({408, 503})
"""503 is what pjsip makes of a broken connection."""


@dataclass
class Vigil:
    """Of one call. Times are monotonic seconds."""

    packets: int = -1
    heard_at: float = 0.0
    asked_at: float = 0.0
    asking: bool = False
    unanswered: int = 0

    def due(self, packets: int, now: float | None = None) -> bool:
        """Whether to ask now; `packets`: all that have arrived so far."""
        now = time.monotonic() if now is None else now
        if packets != self.packets:
            self.packets, self.heard_at, self.unanswered = packets, now, 0
            return False
        quiet = now - max(self.heard_at, self.asked_at) >= SILENT_S
        return quiet and not self.asking

    def asked(self, now: float | None = None) -> None:
        """The question has gone out."""
        self.asking, self.asked_at = True, time.monotonic() if now is None else now

    def answered(self, code: int) -> bool:
        """What came back; whether the other side is gone."""
        self.asking = False
        self.unanswered = self.unanswered + 1 if code in _UNANSWERED else 0
        return code == _GONE or self.unanswered >= LOST
