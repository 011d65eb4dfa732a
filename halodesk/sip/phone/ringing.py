"""Has the devices ring while a call rings here."""

from __future__ import annotations

from halodesk.sip.phone.audio.sound import Sound
from halodesk.sip.phone.calls import Calls


class RingWatch:
    """An owner of the SIP thread, which it runs on."""

    def __init__(self, calls: Calls, sound: Sound) -> None:
        self._calls, self._sound = calls, sound
        self._told = (False, False)

    def tidy(self) -> None:
        """Called at every turn."""
        known = [call.info.state for call in self._calls.known() if not call.gone]
        rings = "incoming" in known
        now = (rings, rings and "active" in known)
        if now != self._told:
            self._told = now
            self._sound.ring(now[0], in_call=now[1])

    def end(self) -> None:
        """The phone leaves."""
        self._sound.ring(False)

    def drop(self) -> None:
        """Nothing is held."""
