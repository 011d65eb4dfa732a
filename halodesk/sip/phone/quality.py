"""Reads what RTP and RTCP count of each call that is up, every two seconds, and tells the seat.

A thin reader: what the figures mean is said by `rating`.
"""

from __future__ import annotations

import time

import pjsua2 as pj

from halodesk.protocol.phone_link import QualityChanged
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.call import PhoneCall
from halodesk.sip.phone.calls import Calls
from halodesk.sip.phone.rating import Counted, Rater

PERIOD_S = 2.0


class QualityWatch:
    """An owner of the SIP thread, which it runs on."""

    def __init__(self, calls: Calls, board: Board) -> None:
        self._calls, self._board = calls, board
        self._raters: dict[str, Rater] = {}
        self._due = 0.0

    def tidy(self) -> None:
        """Called at every turn; looks when it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + PERIOD_S
        speaking = {call.info.key: call for call in self._calls.known() if call.speaks}
        self._raters = {key: self._raters.get(key) or Rater(key, "") for key in speaking}
        for key, call in speaking.items():
            counted = read(call)
            if counted is not None:
                quality = self._raters[key].take(counted, call.info.codec)
                self._board.publish(QualityChanged(quality=quality))

    def end(self) -> None:
        """Nothing to end."""

    def drop(self) -> None:
        """The library goes."""
        self._raters.clear()


def read(call: PhoneCall) -> Counted | None:
    """What is counted of a call's sound; None while there is no stream."""
    try:
        found = call.getStreamStat(call.audio_index)
    except pj.Error:
        return None
    into, out, store = found.rtcp.rxStat, found.rtcp.txStat, found.jbuf
    return Counted(
        received=into.pkt,
        lost=into.loss + store.discard,
        jitter_ms=into.jitterUsec.mean / 1000 if into.jitterUsec.n else 0.0,
        sent=out.pkt,
        they_lost=out.loss,
        they_jitter_ms=out.jitterUsec.last / 1000 if out.jitterUsec.n else 0.0,
        reports=out.updateCount,
        round_trip_ms=found.rtcp.rttUsec.last / 1000 if found.rtcp.rttUsec.n else 0.0,
    )
