"""A conference of three in our own bridge: both far ends hear each other, and the agent hears both.

Rules:

1. Members are wished for; whoever is on hold is taken back first. They are connected when both
   speak, and again whenever pjsua2 has set up the media of one of them anew.
2. Each far end hears the agent through its own bridge port and the other far end directly, so nobody
   hears himself. The speaker mixes what the two ports hear (`audio.patch`).
3. Everybody is on the tape of each member that has one, under that file's own gate: a mask that is
   held when the calls are merged covers both from the first sample.
4. It ends when it is split or when one of the members has gone.
"""

from __future__ import annotations

import contextlib

import pjsua2 as pj

from halodesk.engine.errors import PhoneRefusedError
from halodesk.sip.phone.call import PhoneCall


class Conference:
    """At most one on a phone. SIP thread only."""

    def __init__(self) -> None:
        self._members: tuple[PhoneCall, ...] = ()
        self._wired: tuple[int, ...] = ()

    def has(self, call: PhoneCall) -> bool:
        """Whether the call is in the conference, or on its way into it."""
        return call in self._members

    def merge(self, first: PhoneCall, second: PhoneCall) -> None:
        """Brings two connected calls together; raises `PhoneRefusedError` when there is one already."""
        if first is second:
            raise PhoneRefusedError("A conference needs two calls.", "Call somebody else first.")
        if self._members and set(self._members) != {first, second}:
            raise PhoneRefusedError(
                "There is a conference already.",
                "A conference has three parties: end one of the calls first.",
            )
        self._members = (first, second)
        for call in self._members:
            call.wants_hold = False
        self.tidy()

    def split(self, keep: PhoneCall) -> None:
        """The agent goes on with `keep`; raises `PhoneRefusedError` when that is in no conference."""
        if keep not in self._members:
            raise PhoneRefusedError("This call is in no conference.", "")
        others = [call for call in self._members if call is not keep]
        self._end()
        for call in others:
            call.wants_hold = True

    def tidy(self) -> None:
        """Follows the calls: connects those that speak, ends a conference that has lost one."""
        if not self._members:
            return
        if any(call.gone for call in self._members):
            self._end()
        elif all(call.speaks for call in self._members):
            rounds = tuple(call.media_round for call in self._members)
            if rounds != self._wired:
                self._wire()
                self._wired = rounds
        elif not self._wired and all(
            call.info.hold != "pending" and call.wants_hold is None for call in self._members
        ):
            self._end()  # somebody could not be taken back: the calls stay as they are

    def drop(self) -> None:
        """Lets go of the calls."""
        self._members = ()

    def _wire(self) -> None:
        first, second = self._members
        first.far_end().startTransmit(second.far_end())
        second.far_end().startTransmit(first.far_end())
        first.tapes.join(second.info.key, second.tape)
        second.tapes.join(first.info.key, first.tape)
        for call in self._members:
            if not call.info.conference:
                call.note(conference=True)

    def _end(self) -> None:
        members, self._members, self._wired = self._members, (), ()
        if all(call.speaks for call in members):
            first, second = members
            with contextlib.suppress(pj.Error):  # pjsua2 has taken one of them down already
                first.far_end().stopTransmit(second.far_end())
                second.far_end().stopTransmit(first.far_end())
        for call in members:
            for other in members:
                call.tapes.leave(other.info.key)
            if call.info.conference and not call.gone:
                call.note(conference=False)
