"""Keeps a feature code of the PBX apart from the keys a person presses on the same call.

A PBX reads both off the same stream of digits. `*` pressed by the agent and the code `*5` right after it are
`**5`, which is no code and is passed on to the other side; digits between those of a code spoil it.
So either of them waits until the other has been sent and the PBX has stopped waiting for more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from halodesk.engine.errors import PhoneRefusedError

KEY_S = 0.25
"""A key on its way: its tone and the pause after it."""
APART_S = 1.5
"""How long a PBX waits for one more digit of a code (Asterisk: `featuredigittimeout`, 1 s unless set)."""


@dataclass
class Keypad:
    """Of one call. Times are monotonic seconds."""

    keys_until: float = 0.0
    code_until: float = 0.0

    def take(self, digits: str, *, code: bool, now: float | None = None) -> None:
        """Notes what is about to be sent. Raises `PhoneRefusedError`: the other kind is still on its way."""
        now = time.monotonic() if now is None else now
        if now < (self.keys_until if code else self.code_until):
            if code:
                raise PhoneRefusedError("Keys have just been pressed on this call.", "Wait a moment.")
            words = "The recording is being switched by keypad tones at this moment."
            raise PhoneRefusedError(words, "Press again in two seconds.")
        under_way = (self.code_until if code else self.keys_until) - APART_S
        until = max(now, under_way) + len(digits) * KEY_S + APART_S
        if code:
            self.code_until = until
        else:
            self.keys_until = until
