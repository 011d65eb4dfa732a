"""The Asterisk recorder control joined to the fake manager interface, for tests of one scene each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from halodesk.recording.ami import AmiAccess, Backoff
from halodesk.recording.asterisk import AmiRecorderControl
from halodesk.runtime.ports import RecorderAnswer
from tests.fakes.ami import FakeAmi, fake_ami

AGENT, CALLER, CALL = "PJSIP/1001-00000002", "PJSIP/trunk-00000001", "call-1@seat"


class Pbx:
    """A fake PBX with a control connected to it, and what the control reported."""

    def __init__(self, server: FakeAmi, expects_recording: bool, timeout_s: float) -> None:
        self.server = server
        self.reports: list[tuple[str, RecorderAnswer]] = []
        self.on_report: Callable[[], None] = lambda: None
        self._news = asyncio.Event()
        self.control = AmiRecorderControl(
            AmiAccess(host="127.0.0.1", port=server.port, username="lab", secret="fake-secret"),
            expects_recording=expects_recording,
            on_changed=self._changed,
            timeout_s=timeout_s,
            backoff=Backoff(first=0.001, longest=0.004),
        )

    def _changed(self, sip_call_id: str, answer: RecorderAnswer) -> None:
        self.reports.append((sip_call_id, answer))
        self.on_report()
        self._news.set()

    @property
    def verdicts(self) -> list[str]:
        return [answer.verdict for _, answer in self.reports]

    async def reported(self, *verdicts: str) -> None:
        """Wait until exactly these verdicts were reported since the last time."""
        async with asyncio.timeout(10):
            while len(self.reports) < len(verdicts):
                self._news.clear()
                await self._news.wait()
        assert self.verdicts == list(verdicts), self.reports
        self.reports.clear()

    async def mask(self, call: str = CALL) -> RecorderAnswer:
        return await self.control.mask(call, "lease-1")

    async def unmask(self, call: str = CALL) -> RecorderAnswer:
        return await self.control.unmask(call, "lease-1")

    async def settle(self) -> None:
        """Let the control take in everything sent so far: it is one stream, answered in order."""
        await self.control.mask("no-such-call", "probe")


@asynccontextmanager
async def pbx(
    *,
    expects_recording: bool = True,
    timeout_s: float = 2.0,
    before: Callable[[FakeAmi], None] | None = None,
) -> AsyncIterator[Pbx]:
    async with fake_ami() as server:
        if before is not None:
            before(server)
        one = Pbx(server, expects_recording, timeout_s)
        one.control.start()
        try:
            async with asyncio.timeout(10):
                await one.control.wait_ready()
            yield one
        finally:
            await one.control.close()


def scene(play: Callable[[Pbx], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        async with pbx(**options) as one:
            await play(one)

    asyncio.run(run())


def queue_call(server: FakeAmi) -> None:
    """As a queue makes it: the recording is on the caller's channel, the agent's shares its Linkedid."""
    server.call(CALLER, sip_call_id="call-trunk", records=1)
    server.call(AGENT, sip_call_id=CALL, linked_to=CALLER)


@asynccontextmanager
async def control_on(server: FakeAmi) -> AsyncIterator[Pbx]:
    one = Pbx(server, True, 2.0)
    one.control.start()
    await one.control.wait_ready()
    yield one
    await one.control.close()
