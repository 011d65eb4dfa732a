"""The state of one session: an immutable value, the fold of its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from halodesk.engine.cart import Cart
from halodesk.engine.effects import BACKGROUND
from halodesk.engine.events import CallFacts, EffectRequested, MaskPhase
from halodesk.engine.money import to_major
from halodesk.engine.sealed import is_sealed


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the path: where the session was, and what it was before it went there."""

    step: str
    visit: int
    came_from: str = ""
    route: str = ""
    values: Mapping[str, Any] = {}
    cart: Cart = Cart()


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a gateway. `open` until an answer can be trusted."""

    id: str
    amount: int
    currency: str
    outcome: Literal["open", "ok", "declined", "unknown", "failed", "voided", "refunded"] = "open"
    reason: str = ""
    """Why it was not approved, or why a change of it was not made."""
    charge_id: str = ""
    step: str = ""
    visit: int = 0
    gateway: str = "default"
    auth_code: str = ""
    avs: str = ""
    cvv: str = ""
    last4: str = ""
    brand: str = ""
    captured: bool = True
    """False: only reserved."""
    changing: Literal["", "capture", "void", "refund"] = ""
    """The change of it that is under way, or of which nobody knows what became of it."""
    changes: int = 0
    """How many changes of it were asked for."""
    settled: bool = False
    """A void came too late."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Outside work that was done and must not be done again by going back and on (`Effect.once`)."""

    step: str
    kind: str
    args: Mapping[str, Any]
    result: Mapping[str, Any]


class Mask(msgspec.Struct, frozen=True, kw_only=True):
    """Phase of the mask lease as the session knows it."""

    phase: MaskPhase = "none"
    lease: str = ""
    step: str = ""
    confirmed_by: tuple[str, ...] = ()
    message: str = ""
    todo: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `decide` and the page need; nothing secret, nothing of the outside."""

    status: Literal["new", "running", "ended"] = "new"
    flow: str = ""
    version: int = 0
    agent: str = ""
    call: CallFacts = CallFacts()
    call_left: str = ""
    """How the call ended; empty while it is up or there was none."""
    step: str = ""
    visit: int = 0
    stage: Literal["page", "functions", "work"] = "page"
    function: int = 0
    """How many functions of this submit are done."""
    asked: int = 0
    """How many effects this visit has asked for; numbers them."""
    values: Mapping[str, Any] = {}
    cart: Cart = Cart()
    secrets: Mapping[str, str] = {}
    """Field name to vault handle, of the current step only."""
    visits: Mapping[str, int] = {}
    path: tuple[Visit, ...] = ()
    effects: Mapping[str, EffectRequested] = {}
    """Requested and not settled."""
    unknown: Mapping[str, str] = {}
    """Open effects whose last answer was `unknown`, with the words for it."""
    charges: tuple[Charge, ...] = ()
    done: tuple[Done, ...] = ()
    mask: Mask = Mask()
    notes: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    """Paths of the finished recordings."""
    problem: str = ""
    """What went wrong on this page last (a declined card number, say)."""
    disposition: str = ""

    @property
    def here(self) -> EffectRequested | None:
        """The effect of the current visit that the agent has to wait for, or None."""
        return next((ask for ask in self._mine() if ask.kind not in BACKGROUND), None)

    @property
    def beside(self) -> tuple[EffectRequested, ...]:
        """What is under way beside the open page: a timer, a visit to a foreign page."""
        return tuple(ask for ask in self._mine() if ask.kind in BACKGROUND)

    @property
    def timer(self) -> EffectRequested | None:
        """When the time of the current visit is up, if that is set."""
        return next((ask for ask in self.beside if ask.kind == "timer"), None)

    def _mine(self) -> Iterator[EffectRequested]:
        return (ask for ask in self.effects.values() if (ask.step, ask.visit) == (self.step, self.visit))

    @property
    def waits_unknown(self) -> bool:
        """The current visit waits for an answer that could not be trusted so far."""
        ask = self.here
        return ask is not None and ask.id in self.unknown

    @property
    def unsettled(self) -> Charge | None:
        """A charge of which nobody knows yet what becomes of it, or None."""
        return next((one for one in self.charges if one.outcome in ("open", "unknown") or one.changing), None)

    @property
    def paid(self) -> Charge | None:
        """The last charge that was approved and not taken back, or None."""
        return next((one for one in reversed(self.charges) if one.outcome == "ok"), None)


ALL_VALUES = "*"
"""Name in `VariableSet` that stands for all values: a sub-script with values of its own begins or ends."""

SYSTEM_NAMES = ("call", "cart", "charge", "agent", "flow")
"""First names of values the engine provides; no field may be called so."""


EXCLUDED = "on_hide.excluded"
"""Name in `VariableSet` of the list of fields whose values count nowhere while they are hidden."""


def counted(state: Session) -> Mapping[str, Any]:
    """The captured values without those of fields that are hidden and excluded."""
    away = state.values.get(EXCLUDED)
    if away is None:
        return state.values
    return {name: value for name, value in state.values.items() if name != EXCLUDED and name not in away}


def scope(state: Session, *, everything: bool = False) -> dict[str, Any]:
    """What conditions, texts and functions may read: captured values and the system's own.

    Secrets are not in it; nor, unless `everything` is asked for, envelopes of sealed ones and what is
    hidden and excluded. Amounts are decimals as text, in major units. Names with a colon are the engine's own
    (where a loop stands) and are left out.
    """
    cart, currency = state.cart, state.cart.currency
    last = state.charges[-1] if state.charges else None
    return {
        **{
            name: value
            for name, value in (state.values if everything else counted(state)).items()
            if ":" not in name and (everything or not is_sealed(value))
        },
        "call": {
            "direction": state.call.direction,
            "number": state.call.number,
            "name": state.call.name,
            "did": state.call.called,
            "headers": state.call.headers,
        },
        "cart": {
            "total": str(to_major(cart.total, currency)),
            "subtotal": str(to_major(cart.subtotal, currency)),
            "tax": str(to_major(cart.tax, currency)),
            "shipping": str(to_major(cart.shipping, currency)),
            "discount": str(to_major(cart.off, currency)),
            "coupons": [coupon.code for coupon in cart.applied],
            "note": cart.note,
            "quantity": cart.quantity,
            "currency": currency,
            "items": [
                {
                    "item": line.item,
                    "name": line.name,
                    "quantity": line.quantity,
                    "price": str(to_major(line.price, currency)),
                    "total": str(to_major(line.total, currency)),
                }
                for line in cart.lines
            ],
        },
        "charge": {
            "attempts": len(state.charges),
            "success": last is not None and last.outcome == "ok",
            "reason": last.reason if last is not None else "",
            "id": last.charge_id if last is not None else "",
        },
        "agent": {"name": state.agent},
        "flow": {"key": state.flow, "version": state.version},
    }
