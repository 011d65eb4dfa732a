"""What a module of this package is: `KINDS`, and `run(job, ports, tell)`.

Rules:
- `run` is called only after the request is durable. `job.key` is session and effect id, so that
  the same request can never be done twice by whoever knows the key.
- It returns the answer. `tell` is for an answer before the last one: `unknown`. None returned
  means that there is none to come: the effect stays open.
- `job.again`: after a restart, when it may have been done before.
- Cancelled means: nobody waits any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.events import EffectRequested
from halodesk.runtime.effect_ports import (
    BrowserPort,
    DataPort,
    HttpPort,
    MailPort,
    SealPort,
    TransferPort,
    ZipPort,
)
from halodesk.runtime.payment_ports import PaymentGateway
from halodesk.runtime.ports import Clock, FunctionRunner
from halodesk.runtime.vault import Vault

QUERY_FIRST_S = 1.0
QUERY_LONGEST_S = 15.0
"""How soon, and how seldom at last, it is asked what became of something."""

Outcome = Literal["ok", "failed", "declined", "unknown"]
Tell = Callable[[Resolve], None]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request of one session."""

    session: str
    key: str
    ask: EffectRequested
    scope: Mapping[str, Any]
    again: bool = False
    asked_at: float = 0.0
    """When it was asked for (Unix seconds); 0: not known."""

    def answer(self, outcome: Outcome, **result: Any) -> Resolve:
        """The answer, without what is empty."""
        kept = {name: value for name, value in result.items() if value not in ("", None)}
        return Resolve(id=self.ask.id, outcome=outcome, result=kept)


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """All that effects may use; None where this seat has it not."""

    functions: FunctionRunner
    gateways: Mapping[str, PaymentGateway]
    vault: Vault
    clock: Clock
    http: HttpPort | None = None
    zips: ZipPort | None = None
    mail: MailPort | None = None
    browser: BrowserPort | None = None
    transfers: TransferPort | None = None
    data: DataPort | None = None
    sealer: SealPort | None = None


class Runner(Protocol):
    """The function `run` of a module."""

    def __call__(self, job: Job, ports: Ports, tell: Tell) -> Awaitable[Resolve | None]:
        """Does the work of one request."""
        ...
