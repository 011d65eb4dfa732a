"""A session worked by commands alone: the sample order, and small flows for one rule each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.core import decide
from halodesk.engine.evolve import evolve
from halodesk.engine.flow import Flow, from_builtins, load
from halodesk.engine.page import Page, page
from halodesk.engine.session import Session

FLOWS = Path(__file__).resolve().parents[2] / "resources" / "flows"
SAMPLE = FLOWS / "supplement-order.flow.json"

CALLER = {"first_name": "Jordan", "last_name": "Miller", "phone": "202 555 0143", "email": "jo@example.com"}
ADDRESS = {"line1": "12 Ocean View Road", "city": "Santa Cruz", "region": "CA", "postal_code": "95060"}
CARD = "4242424242424242"
CALL = e.CallFacts(direction="in", number="+12025550143", called="1001", sip_call_id="call-1")
TOKEN = {"token": "tok_1", "last4": "4242", "brand": "visa"}
Outcome = Literal["ok", "failed", "declined", "unknown"]

Kind = TypeVar("Kind", bound=e.AnyEvent)


def sample() -> Flow:
    """The flow that ships, read anew."""
    return load(SAMPLE.read_bytes())


def sample_document() -> dict[str, Any]:
    """The same as plain JSON, to be bent."""
    document: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return document


def small(*steps: dict[str, Any], **more: Any) -> Flow:
    """A flow of a start page, these steps and an end; the start leads to the first of them."""
    first = steps[0]["key"] if steps else "end"
    return from_builtins(
        {
            "schema": 1,
            "key": "small",
            "name": "Small",
            "start": "start",
            "steps": [
                {"key": "start", "type": "start", "fallback": first},
                *steps,
                {
                    "key": "end",
                    "type": "end",
                    "fields": [
                        {
                            "name": "disposition",
                            "type": "dropdown",
                            "required": True,
                            "options": [{"value": "done"}, {"value": "lost"}],
                        }
                    ],
                },
            ],
            **more,
        }
    )


class Run:
    """One session in hand. `do` fails on a refusal, `refuse` fails without one."""

    def __init__(self, flow: Flow | None = None, *, call: e.CallFacts = CALL, start: bool = True) -> None:
        self.flow = flow if flow is not None else sample()
        self.state = Session()
        self.events: list[e.AnyEvent] = []
        self.last: list[e.AnyEvent] = []
        if start:
            self.do(c.Start(agent="Ann", call=call))

    def try_(self, command: c.Command) -> c.Refused | None:
        """As the desk does it: the incidents of a refusal are kept."""
        decided = decide(self.flow, self.state, command)
        refused = decided if isinstance(decided, c.Refused) else None
        self.last = list(decided.incidents) if isinstance(decided, c.Refused) else decided
        for event in self.last:
            self.state = evolve(self.state, event)
        self.events += self.last
        return refused

    def do(self, *commands: c.Command) -> Run:
        """Each must be taken."""
        for command in commands:
            refused = self.try_(command)
            assert refused is None, (command, refused)
        return self

    def refuse(self, command: c.Command) -> c.Refused:
        """It must be refused."""
        refused = self.try_(command)
        assert refused is not None, command
        return refused

    @property
    def page(self) -> Page:
        """What the agent sees."""
        return page(self.flow, self.state)

    @property
    def at(self) -> str:
        """Key of the current step."""
        return self.state.step

    def of(self, kind: type[Kind]) -> list[Kind]:
        """All events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def incidents(self) -> list[str]:
        """Codes of all incidents."""
        return [event.code for event in self.of(e.Incident)]

    def submit(self, choice: str = "") -> Run:
        """Leave the page."""
        return self.do(c.Submit(choice=choice))

    def answer(self, **values: Any) -> Run:
        """Fill fields."""
        return self.do(*(c.Answer(field=name, raw=raw) for name, raw in values.items()))

    def ask(self) -> e.EffectRequested:
        """The one open effect of this visit."""
        ask = self.state.here
        assert ask is not None, f"{self.at} waits for nothing"
        return ask

    def resolve(self, outcome: Outcome = "ok", **result: Any) -> Run:
        """Answer the open effect."""
        return self.do(c.Resolve(id=self.ask().id, outcome=outcome, result=result))

    def mask(self, phase: Literal["held", "lost", "none"] = "held", **more: Any) -> Run:
        """The lease manager's word on the current lease."""
        by = ("own", "pbx") if phase == "held" else ()
        return self.do(c.ReportMask(lease=self.state.mask.lease, phase=phase, confirmed_by=by, **more))

    # the sample, page by page

    def to_offer(self) -> Run:
        """Answered, an order, the caller's data."""
        self.submit("call_type=order").answer(**CALLER)
        return self.submit()

    def to_payment(self) -> Run:
        """One bottle, no journal, the address; the mask is wanted, not held."""
        self.to_offer().submit("offer_response=yes").submit("journal=false")
        self.answer(billing_address=ADDRESS)
        return self.submit()

    def secrets(self) -> Run:
        """The mask is held, all three secure fields are filled."""
        self.mask()
        for name in ("card_number", "card_expiry", "card_cvv"):
            self.do(c.EnterSecret(field=name, handle=f"payment:{name}"))
        return self

    def to_charge(self) -> Run:
        """From the payment page to the charge under way."""
        self.secrets().submit()
        return self.resolve("ok", **TOKEN)

    def attempt(self, outcome: Outcome, attempts: int) -> Run:
        """One charge; after a decline the caller tries again and the flow counts."""
        self.to_charge().resolve(outcome, reason="Declined by the bank.", charge_id=f"ch_{attempts}")
        if outcome != "ok":
            self.submit("retry_payment=true").resolve(value=attempts)
        return self

    def to_step(self, key: str) -> Run:
        """Any step of the sample, on the shortest way."""
        objections = ("tell_me_more", "is_it_safe", "how_different", "already_take")
        if key == "start":
            return self
        if key == "gather":
            return self.submit("call_type=order")
        if key == "main_offer":
            return self.to_offer()
        if key in objections:
            return self.to_offer().submit(f"offer_response={key}")
        if key == "no_sale":
            return self.to_offer().submit("offer_response=no")
        if key == "upsell":
            return self.to_offer().submit("offer_response=yes")
        if key == "billing":
            return self.to_offer().submit("offer_response=yes").submit("journal=false")
        self.to_payment()
        if key == "payment":
            return self
        self.to_charge()
        if key == "post_payment":
            return self
        if key == "confirmation":
            return self.resolve(charge_id="ch_1")
        if key == "end":
            return self.resolve(charge_id="ch_1").submit("read_back=true")
        self.resolve("declined", reason="No.")
        if key == "declined":
            return self
        assert key == "attempts_left"
        return self.submit("retry_payment=true")


def texts(events: Iterable[e.AnyEvent]) -> str:
    """All that a log of these events would hold."""
    from halodesk.engine import codec

    return "\n".join(codec.encode(event).decode() for event in events)
