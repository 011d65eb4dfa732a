"""What the runtime needs from outside for the effects of a flow, one protocol a kind of work.

Rules:
- As in `runtime.ports`: plain values in and out, coroutines on the io loop, nothing may block it.
- The arguments are the engine's own structs (`engine.effects`).
- A failure is an answer with words for the agent, not an exception; an exception is taken for one.
- A port that a seat does not have is None: its effects fail, in plain words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec

from halodesk.engine.effects import BrowserVisit, DataQuery, HttpCall, SendEmail, TransferCall


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`answered`: with any status. `not_sent`: surely not done. `no_answer`: sent, and maybe done."""

    verdict: Literal["answered", "not_sent", "no_answer"]
    status: int = 0
    body: bytes = b""
    reason: str = ""


class HttpPort(Protocol):
    """Requests to outside systems; knows the connections, their hosts and their secrets.

    It tries once, takes the time limit from the call, follows no redirect to another host, and
    never lets a body beyond its own limit into memory.
    """

    async def send(self, call: HttpCall, *, key: str) -> HttpAnswer:
        """One request. `key` goes into `call.idempotency_header`, where that is set."""
        ...

    async def find_out(self, call: HttpCall, *, key: str) -> HttpAnswer:
        """Sends `call.find_out`, which changes nothing."""
        ...


class ZipPlace(Protocol):
    """One place of a postal code."""

    @property
    def code(self) -> str: ...

    @property
    def city(self) -> str: ...

    @property
    def state(self) -> str: ...


class ZipPort(Protocol):
    """The zip table of the seat."""

    def lookup(self, code: str) -> Sequence[ZipPlace]:
        """All places of a code, the likeliest first. Microseconds; may be called on any thread."""
        ...


class MailAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`queued`: kept, and sent when there is a connection. `failed`: it will not be sent."""

    verdict: Literal["sent", "queued", "failed"]
    reason: str = ""


class MailPort(Protocol):
    """Mail providers, with a queue on disk for when they cannot be reached."""

    async def send(self, mail: SendEmail, *, session: str, key: str) -> MailAnswer:
        """One mail a `key`: a second one with the same key is answered as the first was."""
        ...


class BrowserAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`values`: what `extract` names. `failed` says why, in words for the agent."""

    verdict: Literal["done", "failed"]
    values: dict[str, str] = {}
    reason: str = ""


class BrowserPort(Protocol):
    """The browser in the step page."""

    async def visit(self, visit: BrowserVisit, *, session: str, effect: str) -> BrowserAnswer:
        """Until the result is there. Cancelled when the page is left: the browser is emptied then."""
        ...


class TransferAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the caller was handed over; else he is back with the agent, and `reason` says why."""

    done: bool
    reason: str = ""


class TransferPort(Protocol):
    """Call transfer by the phone."""

    async def transfer(self, call: TransferCall, *, session: str) -> TransferAnswer:
        """Until the other side has taken the caller, or has not."""
        ...


class DataAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, or why there are none."""

    rows: tuple[dict[str, Any], ...] | None = None
    reason: str = ""


class DataPort(Protocol):
    """Lists from outside (databases, files of the seat's IT)."""

    async def rows(self, query: DataQuery) -> DataAnswer:
        """At most `query.limit` rows; values are JSON."""
        ...


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A value that only two holders open together: the envelope, and the ids of their keys."""

    envelope: bytes
    holders: tuple[str, str]


class SealPort(Protocol):
    """Seals what is kept of encrypted fields. Any thread; under a millisecond."""

    def why_not(self) -> str:
        """Why nothing can be sealed here, in words; empty: it can."""
        ...

    def seal(self, digits: memoryview, *, session: str, field: str, flow_hash: str, version: int) -> Sealed:
        """Raises `HaloDeskError`: nothing was sealed, and why."""
        ...
