"""A recorder for tests: masks when it may, and says so."""

from __future__ import annotations

import asyncio

from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict


class FakeRecorder:
    """`RecorderControl`; `verdict` is its word on the next requests, `gate` keeps it waiting."""

    def __init__(self, name: str = "own") -> None:
        self.name = name
        self.verdict: RecorderVerdict = "confirmed"
        self.masked: dict[str, str] = {}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Masked, unless told otherwise."""
        self.asked.append("mask")
        if self.gate is not None:
            await self.gate.wait()
        if self.verdict == "confirmed":
            self.masked[sip_call_id] = lease
        return self._answer()

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Records again, unless told otherwise."""
        self.asked.append("unmask")
        if self.verdict == "confirmed":
            self.masked.pop(sip_call_id, None)
        return self._answer()

    def moved(self, old: str, new: str) -> None:
        """The call's mask is that of its new Call-ID."""
        if old in self.masked:
            self.masked[new] = self.masked.pop(old)

    def _answer(self) -> RecorderAnswer:
        detail = "" if self.verdict == "confirmed" else f"{self.name} does not answer."
        return RecorderAnswer(recorder=self.name, verdict=self.verdict, detail=detail, positions={"k1": 800})
