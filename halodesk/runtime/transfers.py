"""The port of the flow's transfer step: asks the desk, on its thread, and waits for the word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from halodesk.engine.effects import TransferCall
from halodesk.runtime.desk_calls import DeskCalls
from halodesk.runtime.effect_ports import TransferAnswer
from halodesk.runtime.threads import Post


class DeskTransfers:
    """`TransferPort`. The desk is asked for late: it is built after its effects."""

    def __init__(self, desk: Callable[[], DeskCalls], post: Post) -> None:
        self._desk, self._post = desk, post

    async def transfer(self, call: TransferCall, *, session: str) -> TransferAnswer:
        """Until the other side has taken the caller, or has not."""
        answer: Future[TransferAnswer] = Future()
        self._post(lambda: self._desk().hand_over(call, session, answer.set_result))
        return await asyncio.shield(asyncio.wrap_future(answer))
