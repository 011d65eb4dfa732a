"""A line on which a program hears the far end, or both, while the agent's own line speaks and hears as ever.

Rules:

1. `read` and `hear` belong to the media clock; nothing here waits for anything.
2. It stands outside of a `Talker` on the same call: what that one's program says is no sound of the
   far end.
3. While a mask is held the program hears nothing: what is said to a human then is not for a machine.
"""

from __future__ import annotations

from collections.abc import Callable

from halodesk.protocol.phone_link import FarSound, NearSound, Notice
from halodesk.sip.phone.audio.bridge import Line
from halodesk.sip.phone.audio.talker import Talker


class Hearer:
    """See the rules of this module. `send` must only enqueue, and may drop sound."""

    def __init__(
        self,
        call: str,
        own: Line,
        send: Callable[[Notice], None],
        masked: Callable[[], bool],
        *,
        near: bool = False,
    ) -> None:
        """`own`: the line it hears along with. `near`: what that line says is told, too."""
        self.own = own
        self._near = near
        self._call, self._send, self._masked = call, send, masked
        self.here = True
        """Still on its call."""

    def read(self, samples: int) -> bytes:
        """What the line says."""
        said = self.own.read(samples)
        if self._near and not self._masked():
            self._send(NearSound(call=self._call, pcm=said.ljust(2 * samples, b"\0")))
        return said

    def hear(self, sound: bytes) -> None:
        """To the line, and to the program."""
        self.own.hear(sound)
        if not self._masked():
            self._send(FarSound(call=self._call, pcm=sound))

    def close(self) -> None:
        """The call is over."""
        self.here = False
        self.own.close()


def beneath_hearers(line: Line, wrap: Callable[[Line], Line]) -> Line:
    """The line with `wrap` around all of it but those who only hear."""
    if not isinstance(line, Hearer):
        return wrap(line)
    inner = line
    while isinstance(inner.own, Hearer):
        inner = inner.own
    inner.own = wrap(inner.own)
    return line


def without(line: Line, gone: Hearer | Talker) -> Line:
    """The line without this one around it."""
    if line is gone:
        return gone.own
    outer = line
    while isinstance(outer, Hearer | Talker):
        if outer.own is gone:
            outer.own = gone.own
            break
        outer = outer.own
    return line
