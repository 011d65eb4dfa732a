"""Calls that are answered by themselves: never by chance, never over somebody else.

Rules:
- The phone says which calls ask for it and whether their account allows that; calls of strangers never
  come so far.
- The agent must be free when the time has come: no other call, no open session, and whatever else `free`
  looks at. Else the call goes on ringing as any other.
- A call asks once: one that was offered again by a phone that was attached anew is not answered twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("desk")


class AutoAnswer:
    """Main thread only; it waits on the io thread."""

    def __init__(
        self,
        free: Callable[[str], bool],
        answer: Callable[[str], None],
        *,
        io: IoThread,
        post: Post,
    ) -> None:
        """`free`: whether this call (key) still rings and nothing else is going on."""
        self._free, self._answer, self._io, self._post = free, answer, io, post
        self._asked: set[str] = set()

    def heard(self, call: CallInfo) -> None:
        """A call rings; when it asks for it, its time begins to run."""
        if call.state != "incoming" or call.answer_after_s is None or call.key in self._asked:
            return
        self._asked.add(call.key)
        self._io.submit(self._later(call.key, call.answer_after_s))

    async def _later(self, key: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._post(lambda: self._due(key))

    def _due(self, key: str) -> None:
        if self._free(key):
            _log.info("call_answers_itself", call=key)
            self._answer(key)
