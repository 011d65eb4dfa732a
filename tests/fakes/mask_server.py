"""The line to the central server, faked at its seam: what was asked, and answers as a test wants them."""

from __future__ import annotations

from halodesk.protocol.mask import MaskAnswer, MaskAsk, Verdict
from halodesk.protocol.sync import ServerAwayError
from halodesk.recording.control import MaskListener


class FakeMaskServer:
    """`away`: nobody answers."""

    def __init__(self) -> None:
        self.asked: list[MaskAsk] = []
        self.verdict: Verdict = "confirmed"
        self.away = False
        self.listener: MaskListener | None = None
        self.closed = False

    def start(self, listener: MaskListener) -> None:
        self.listener = listener

    async def close(self) -> None:
        self.closed = True

    async def ask(self, asked: MaskAsk, *, timeout_s: float) -> MaskAnswer:
        self.asked.append(asked)
        if self.away:
            raise ServerAwayError("The server cannot be reached.", "Wait.")
        return MaskAnswer(id=asked.id, verdict=self.verdict, detail="so it is", todo="do it")
