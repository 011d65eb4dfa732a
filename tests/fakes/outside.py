"""Outside systems for tests, at the ports of `runtime.effect_ports`: each answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from halodesk.engine.effects import BrowserVisit, DataQuery, HttpCall, SendEmail, TransferCall
from halodesk.runtime.effect_ports import (
    BrowserAnswer,
    DataAnswer,
    HttpAnswer,
    MailAnswer,
    TransferAnswer,
    ZipPlace,
)


def answered(status: int = 200, body: Any = None) -> HttpAnswer:
    """An answer with a JSON body."""
    return HttpAnswer(verdict="answered", status=status, body=msgspec.json.encode(body))


NO_ANSWER = HttpAnswer(verdict="no_answer", reason="No answer in time.")
NOT_SENT = HttpAnswer(verdict="not_sent", reason="The host is not reachable.")


class FakeHttp:
    """`HttpPort`; `script` holds the next answers to `send`, `found` those to `find_out`."""

    def __init__(self, *script: HttpAnswer, found: Sequence[HttpAnswer] = ()) -> None:
        self.script, self.found = deque(script), deque(found)
        self.sent: list[tuple[str, str]] = []
        """Method and key of each request."""
        self.asked: list[str] = []

    async def send(self, call: HttpCall, *, key: str) -> HttpAnswer:
        """The next answer; the last one for ever."""
        self.sent.append((call.method, key))
        return self.script.popleft() if len(self.script) > 1 else self.script[0]

    async def find_out(self, call: HttpCall, *, key: str) -> HttpAnswer:
        """The next answer; the last one for ever."""
        self.asked.append(key)
        return self.found.popleft() if len(self.found) > 1 else self.found[0]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the zip table."""

    code: str = "95060"
    city: str = "Santa Cruz"
    state: str = "CA"
    county: str = "Santa Cruz County"
    country: str = "US"
    timezone: str = "America/Los_Angeles"
    dma: str = "Monterey-Salinas"
    dma_source: str = "estimated"
    tax_rate: Decimal = Decimal("7.25")


class FakeZips:
    """`ZipPort` with one code."""

    def __init__(self, *places: Place) -> None:
        self.places = places

    def lookup(self, code: str) -> Sequence[ZipPlace]:
        """Places of that code."""
        return [place for place in self.places if place.code == code]


class FakeMail:
    """`MailPort`: remembers keys, as a provider does."""

    def __init__(self, answer: MailAnswer | None = None) -> None:
        self.answer = answer or MailAnswer(verdict="sent")
        self.sent: dict[str, SendEmail] = {}

    async def send(self, mail: SendEmail, *, session: str, key: str) -> MailAnswer:
        """One mail a key."""
        self.sent.setdefault(key, mail)
        return self.answer


class FakeBrowser:
    """`BrowserPort`; without an answer it waits until it is cancelled."""

    def __init__(self, answer: BrowserAnswer | None = None) -> None:
        self.answer = answer
        self.visits: list[tuple[str, BrowserVisit]] = []
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def visit(self, visit: BrowserVisit, *, session: str, effect: str) -> BrowserAnswer:
        """As it was told."""
        self.visits.append((effect, visit))
        self.begun.set()
        if self.answer is not None:
            return self.answer
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError


class FakeTransfers:
    """`TransferPort`."""

    def __init__(self, answer: TransferAnswer | None = None) -> None:
        self.answer = answer or TransferAnswer(done=True)
        self.calls: list[tuple[str, TransferCall]] = []

    async def transfer(self, call: TransferCall, *, session: str) -> TransferAnswer:
        """As it was told."""
        self.calls.append((session, call))
        return self.answer


class FakeData:
    """`DataPort`."""

    def __init__(self, answer: DataAnswer) -> None:
        self.answer = answer

    async def rows(self, query: DataQuery) -> DataAnswer:
        """As it was told."""
        return self.answer
