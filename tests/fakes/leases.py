"""Mask leases without waiting: a loop whose time is made up, a recorder that does as told, a seat."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.runtime.ports import RecorderAnswer, RecorderControl, RecorderVerdict

CALL = "call-1@seat"


class MadeUpTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting. Is the leases' `Clock` too."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jumps(self))

    def time(self) -> float:
        return self.now

    mono = time

    def wall(self) -> float:
        return 1_700_000_000 + self.now


class _Jumps(selectors.SelectSelector):
    def __init__(self, loop: MadeUpTime) -> None:
        super().__init__()
        self._of = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the loop would wait for ever"
            self._of.now += max(0.0, timeout)
        return ready


class FakeRecorder:
    """A recorder that answers as told: a verdict, silence, or by hand through `waiting`.

    `is_masked` is what it would really do. It never gives up a request by itself.
    """

    def __init__(
        self, name: str, verdict: RecorderVerdict | None = "confirmed", takes_s: float = 0.0
    ) -> None:
        self.name = name
        self.verdict: RecorderVerdict | None = verdict
        self.takes_s = takes_s
        self.masked = False
        self.asked: list[tuple[str, str, str]] = []
        self.times: list[float] = []
        self.raises = False
        self.deaf = False
        """Does not even end when it is cancelled."""
        self.by_hand = False
        self.waiting: asyncio.Future[RecorderVerdict] | None = None
        self.under_way: Counter[str] = Counter()
        self.wrongs: list[str] = []
        """What must not happen; an assertion raised here would pass for a failed answer."""

    def answer(self, verdict: RecorderVerdict, detail: str = "") -> RecorderAnswer:
        detail = detail or f"says {verdict}"
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=f"fix {self.name}")

    def is_masked(self) -> bool:
        return self.masked

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        return await self._ask("mask", sip_call_id, lease)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        return await self._ask("unmask", sip_call_id, lease)

    def moved(self, old: str, new: str) -> None:
        self.asked.append(("moved", old, new))

    async def _ask(self, what: str, sip_call_id: str, lease: str) -> RecorderAnswer:
        self.asked.append((what, sip_call_id, lease))
        self.times.append(asyncio.get_running_loop().time())
        self.under_way[sip_call_id] += 1
        if self.under_way[sip_call_id] > 1:
            self.wrongs.append("asked twice at the same time")
        try:
            if self.raises:
                raise OSError("broken")
            verdict = await self._verdict()
        finally:
            self.under_way[sip_call_id] -= 1
        if verdict == "confirmed":
            self.masked = what == "mask"
        return self.answer(verdict)

    async def _verdict(self) -> RecorderVerdict:
        if self.by_hand:
            self.waiting = asyncio.get_running_loop().create_future()
            return await self.waiting
        await asyncio.sleep(self.takes_s)
        while self.verdict is None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
        return self.verdict


class Seat:
    """The leases of a seat, what they said, and a check of the one promise after every word."""

    def __init__(self, loop: MadeUpTime, **policy: Any) -> None:
        self.loop = loop
        self.leases = MaskLeases(loop, **policy)
        self.said: list[LeaseState] = []

    def hold(
        self,
        lease: str = "pay.1",
        call: str = CALL,
        recorders: Sequence[RecorderControl] = (),
        **options: Any,
    ) -> LeaseState:
        return self.leases.hold(lease, call, recorders, self.said.append, **options)

    def phases(self, lease: str = "pay.1") -> list[str]:
        return [state.state for state in self.said if state.lease == lease]

    def last(self, lease: str = "pay.1") -> LeaseState:
        return [state for state in self.said if state.lease == lease][-1]

    async def run(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def play(scene: Callable[[Seat], Coroutine[Any, Any, None]], **policy: Any) -> Seat:
    """Run a scene; nothing may be left running, and nothing may have gone wrong unseen."""
    troubles: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=MadeUpTime) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, MadeUpTime)
        loop.set_exception_handler(lambda _, trouble: troubles.append(trouble))

        async def whole() -> Seat:
            seat = Seat(loop, **policy)
            await scene(seat)
            await seat.leases.close()
            return seat

        seat = runner.run(whole())
    assert troubles == []
    return seat
