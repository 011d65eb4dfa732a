"""The control `central`: the server masks for us. It holds the PBX's credentials, the seat holds none.

Rules:
- It stands for every recorder the server knows of this call; the worst word counts.
- No line, no answer in time and a refusal are all "failed": the page stays locked.
- A line that is lost is bad news about every call that is to be masked, at once; a line that is back
  makes the lease ask at once. Only an answer counts.
- Nothing here unmasks on its own. The server keeps the mask of a seat that has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from halodesk.engine.errors import RecorderError
from halodesk.protocol.mask import MaskAsk, MaskNews
from halodesk.protocol.sync import ServerAwayError
from halodesk.recording.control import Changed, ControlType, MaskServer, Surroundings, parsed
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict

MANY = 64
"""Calls remembered at most: one that ends while it is masked is never unmasked."""


LONGEST_ANSWER_S = 0.7
"""A frozen server is noticed a renewal (1 s) and this later, and the page is blank within 2 s."""


class CentralSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name`: how the agent reads it."""

    name: str = "PBX (server)"


class CentralControl:
    """A `Control` that asks the central server over `line`."""

    def __init__(self, line: MaskServer, *, name: str, on_changed: Changed, timeout_s: float) -> None:
        self.name = name
        self._line, self._on_changed, self._timeout_s = line, on_changed, timeout_s
        self._wanted: dict[str, None] = {}
        """Calls that are to be masked, oldest first."""
        self._was: dict[str, str] = {}
        """Call to the Call-ID it had when the server last heard of it."""

    def start(self) -> None:
        """Connect and stay connected."""
        self._line.start(self)

    async def close(self) -> None:
        """Hang up. What is masked stays masked."""
        await self._line.close()

    @property
    def tells_holders(self) -> bool:
        """No: the server finds out by itself."""
        return False

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """Raises `RecorderError`."""
        raise RecorderError("Only the server knows whose call this is.")

    # --- the port -----------------------------------------------------------------------------

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Have every recorder of this call stopped."""
        self._wanted[sip_call_id] = None
        while len(self._wanted) > MANY:
            oldest = next(iter(self._wanted))
            del self._wanted[oldest]
            self._was.pop(oldest, None)
        return await self._ask("mask", sip_call_id, lease)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Let every recorder of this call go on."""
        self._wanted.pop(sip_call_id, None)
        return await self._ask("unmask", sip_call_id, lease)

    def moved(self, old: str, new: str) -> None:
        """The server hears of it with the next question."""
        self._was[new] = self._was.pop(old, old)
        if old in self._wanted:
            del self._wanted[old]
            self._wanted[new] = None

    async def _ask(self, act: Literal["mask", "unmask"], call: str, lease: str) -> RecorderAnswer:
        asked = MaskAsk(id=0, act=act, call=call, lease=lease, was=self._was.get(call, ""))
        try:
            answer = await self._line.ask(asked, timeout_s=self._timeout_s)
        except ServerAwayError as problem:
            return self._answer("failed", problem.message, problem.todo)
        if answer.verdict != "failed":
            self._was.pop(call, None)
        return self._answer(answer.verdict, answer.detail, answer.todo)

    # --- what the line says -------------------------------------------------------------------

    def line_up(self) -> None:
        """Have the leases ask now."""
        for call in tuple(self._wanted):
            self._on_changed(call, self._answer("confirmed", "The server is back."))

    def line_lost(self, words: str) -> None:
        """Nothing can be vouched for."""
        for call in tuple(self._wanted):
            self._on_changed(call, self._answer("failed", words))

    def news(self, news: MaskNews) -> None:
        """Pass on what a recorder said."""
        if news.call in self._wanted:
            self._on_changed(news.call, self._answer(news.verdict, news.detail, news.todo))

    def _answer(self, verdict: RecorderVerdict, detail: str, todo: str = "") -> RecorderAnswer:
        if verdict == "failed" and not todo:
            todo = "Take no card data now; if it stays so, call IT."
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=todo)


def _build(settings: Mapping[str, Any], surroundings: Surroundings) -> CentralControl:
    found = parsed(CONTROL.key, settings, CentralSettings)
    return CentralControl(
        surroundings.line(),
        name=found.name,
        on_changed=surroundings.on_changed,
        timeout_s=min(surroundings.timeout_s, LONGEST_ANSWER_S),
    )


def _no_peer(settings: Mapping[str, Any]) -> None:
    parsed(CONTROL.key, settings, CentralSettings)


CONTROL = ControlType(key="central", build=_build, peer=_no_peer, has_credentials=False)
