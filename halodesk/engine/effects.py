"""What may be asked of the outside: one frozen struct a kind, the contract with whoever does it.

Rules:
- `EffectRequested.args` is the plain form of one of these; the runtime reads it back into its
  struct. Old sessions hold old arguments: a new key needs a default.
- No secret is ever in them, and no time that was not given from outside.
- `background`: the page stays open while it lasts; leaving the page ends it.
- `unsure`: it may have been done without an answer. It stays open until that is known, and is
  never sent a second time.
- `once`: going back and on again asks for the same thing with the same arguments; what came of it the first
  time is used again (`Session.done`).

`function`, `tokenise` and `charge` are older than these structs and keep their own shape.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all arguments."""

    kind: ClassVar[str] = ""
    background: ClassVar[bool] = False
    unsure: ClassVar[bool] = False
    once: ClassVar[bool] = False


class Evaluate(Effect, frozen=True, kw_only=True):
    """Value of a JavaScript expression. Result: `value`, or `reason` where it failed."""

    kind: ClassVar[str] = "evaluate"
    expression: str
    timeout_ms: int = 200


class HttpQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The request that finds out what became of another; it must change nothing."""

    url: str
    method: Literal["GET", "HEAD"] = "GET"
    found: tuple[dict[str, Any], ...] = ()
    """Conditions on the answer that prove it was done; none: any 2xx status does."""


class HttpCall(Effect, frozen=True, kw_only=True):
    """One request to an outside system.

    `url` is absolute or relative to the connection's address; every value in it is
    percent-encoded. The connection holds host, secrets and the list of hosts that may be
    reached; a redirect must not carry its secrets elsewhere.
    Result: `values` (those of `pick` by name), `status`, `reason`.
    """

    kind: ClassVar[str] = "http"
    unsure: ClassVar[bool] = True
    once: ClassVar[bool] = True
    connection: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    url: str
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    body: Any = None
    """JSON; None sends none."""
    pick: dict[str, str] = {}
    """Name of a value to the JSONPath of where it stands in the answer (`engine.json_path`)."""
    success: tuple[dict[str, Any], ...] = ()
    """Conditions on `status` and `body`; none: any 2xx status is a success."""
    timeout_ms: int = 10_000
    retries: int = 0
    """Further tries where nothing was sent, or where asking again cannot do it twice."""
    idempotency_header: str = ""
    """Header that carries the effect's key; with it the outside system takes a request once only."""
    find_out: HttpQuery | None = None
    """How to ask what became of it while that is unknown."""

    @property
    def harmless(self) -> bool:
        """Asking it a second time does nothing a second time (RFC 9110, 9.2.2)."""
        return self.method in ("GET", "HEAD", "PUT", "DELETE") or bool(self.idempotency_header)


class ZipSearch(Effect, frozen=True, kw_only=True):
    """Places of a postal code. Result: `places`, a list of objects with the keys of the zip table."""

    kind: ClassVar[str] = "zip"
    code: str


class BrowserVisit(Effect, frozen=True, kw_only=True):
    """A foreign page to open beside the script, to fill, and to read results from.

    The browser stops at an origin that is not listed and at a selector that finds nothing.
    Result: the values of `extract` by name, or `reason`.
    """

    kind: ClassVar[str] = "browse"
    background: ClassVar[bool] = True
    once: ClassVar[bool] = True
    url: str
    origins: tuple[str, ...]
    """Origins (RFC 6454) that may be shown: `https://portal.example`."""
    fill: dict[str, str] = {}
    """Selector to the text to type. `>>>` steps into a shadow root; `frame >> selector` into a frame."""
    submit: Literal["agent", "automatic"] = "agent"
    submit_selector: str = ""
    extract: dict[str, str] = {}
    """Name of a value to the selector whose text it is."""
    wait_for: str = ""
    """Selector or URL prefix that says: the result is there. Empty: the first page after the submit."""
    timeout_ms: int = 60_000
    profile: str = ""
    """Named profile; empty: off the record."""


class TransferCall(Effect, frozen=True, kw_only=True):
    """Hand the caller over. Result: `reason` where it failed; the caller is then back with the agent."""

    kind: ClassVar[str] = "transfer"
    to: str
    """Number, queue or extension, as dialled."""
    target: Literal["external", "queue", "agent"] = "external"
    mode: Literal["blind", "attended", "conference"] = "blind"
    session_header: str = "X-HaloDesk-Session"
    """Header that takes the session's id along; empty: none."""
    ring_seconds: int = 30


class SendEmail(Effect, frozen=True, kw_only=True):
    """One mail. Result: `status` is `sent` or `queued` (offline: it goes out later)."""

    kind: ClassVar[str] = "email"
    once: ClassVar[bool] = True
    provider: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    attachments: tuple[str, ...] = ()
    """Names of files the provider keeps for this seat."""
    dedupe: str = ""
    """The provider takes one mail of this name a session; empty: one of the effect's own id."""


class Timer(Effect, frozen=True, kw_only=True):
    """A point in time (Unix seconds, wall clock), so that sleep and restart do not move it."""

    kind: ClassVar[str] = "timer"
    background: ClassVar[bool] = True
    until: float
    seconds: float


class DataQuery(Effect, frozen=True, kw_only=True):
    """Rows of one of the flow's data sources. Result: `rows`, a list of objects."""

    kind: ClassVar[str] = "data"
    source: str
    connection: str = ""
    query: str = ""
    parameters: dict[str, Any] = {}
    limit: int = 100


CHARGE = "charge"
"""Kind of the effect that charges a card; its attempts are kept apart in `Session.charges`.

Arguments: `gateway`, `token`, `amount` (minor units), `currency`; `capture` false only reserves it;
`address`, `last4`, `brand` where they are known.
"""
CAPTURE, VOID, REFUND = "capture", "void", "refund"
"""Kinds that move the money of a charge: `charge` (the effect's id), `charge_id` (the gateway's), `gateway`,
`amount`, `currency`; a void or refund also `by` and `reason`."""
CHANGES = frozenset({CAPTURE, VOID, REFUND})
FUNCTION = "function"
"""Kind of a function of a step that is run on submit."""

KINDS: tuple[type[Effect], ...] = (
    Evaluate,
    HttpCall,
    ZipSearch,
    BrowserVisit,
    TransferCall,
    SendEmail,
    Timer,
    DataQuery,
)
BACKGROUND = frozenset(found.kind for found in KINDS if found.background)
UNSURE = frozenset({CHARGE, *CHANGES, *(found.kind for found in KINDS if found.unsure)})
