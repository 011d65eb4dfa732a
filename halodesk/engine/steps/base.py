"""What a step type is.

Rules:
- A step type is pure: it says what it wants done (`Ask`, cart actions, values) and what an
  answer means (`Settled`); the core turns that into events.
- It sees the session read-only, and secrets only as handles.
- Without a page there is nothing for the agent to do; the core submits the step on entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from halodesk.engine.cart import Cart
from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.effects import Effect
from halodesk.engine.errors import DocumentError
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding
from halodesk.engine.flow import CartActionSpec, Flow, Step
from halodesk.engine.session import Session


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Outside work a step wants."""

    kind: str
    args: dict[str, Any]
    once: bool = False

    @classmethod
    def of(cls, wanted: Effect) -> Ask:
        """The request for one of the effects of `engine.effects`."""
        # through JSON: what is compared after a restart must be the same before it
        args: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(wanted))
        return cls(kind=wanted.kind, args=args, once=wanted.once)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a step does, in this order."""

    incident: tuple[str, str] | None = None
    """Code and words of what a team lead should see."""
    cart: tuple[CartActionSpec, ...] = ()
    new_cart: tuple[str, Cart] | None = None
    """Name of the change, and the cart as it becomes."""
    values: Mapping[str, Any] = {}
    ask: Ask | None = None
    refused: Refused | None = None
    take: str = ""
    """Label of the route to take; without such a route the fallback is taken."""
    to: str = ""
    """Step to go to, whatever the routes say."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the step's own buttons does. `stay`: the page is not left by it."""

    work: Work = Work()
    stay: bool = False


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """One way on of a page; `key` comes back in `commands.Submit`."""

    key: str
    label: str
    primary: bool = False
    chosen: bool = False


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer to an `Ask` means.

    `go`: on to the routes, with these values. `stay`: the page again, with a problem where there
    is one. Neither: the answer is unknown and the step waits.
    """

    go: bool = False
    stay: bool = False
    values: Mapping[str, Any] = {}
    problem: str = ""
    freeze_cart: bool = False
    """A charge is authorised: the cart stays as it is from now on."""
    void_cart: bool = False
    """The authorised charge is voided: the cart is open again."""
    incident: tuple[str, str] | None = None
    take: str = ""
    """With `go`: label of the route to take."""
    to: str = ""
    """With `go`: step to go to, whatever the routes say."""
    ask: Ask | None = None
    """Further outside work that this answer leads to; the step goes on waiting."""


class StepType(Protocol):
    """One step type."""

    name: str
    sensitive: bool
    """Implies a mask without `mask: true`."""
    config_type: Any
    """Struct of the config, or a union of tagged ones."""
    continue_label: str
    """What the button says that goes on."""
    hands: str
    """Why only a person can work its page, in words; empty: a flow agent can, too."""
    by_label: bool
    """Its work takes routes by their labels; their conditions and order say nothing."""

    def has_page(self, step: Step) -> bool:
        """Whether there is something for the agent to do."""
        ...

    def skips(self, flow: Flow, step: Step, state: Session) -> bool:
        """Whether this visit has nothing for the agent to do, though the step has a page."""
        ...

    def enter(self, flow: Flow, step: Step, state: Session) -> Work:
        """What is done as the page opens. Only `incident`, `new_cart`, `values` and `ask` count."""
        ...

    def answered(self, flow: Flow, step: Step, state: Session, field: str) -> Work:
        """What follows from a field's new value while the page is open; counts as in `enter`."""
        ...

    def locks(self, flow: Flow, step: Step, state: Session) -> str:
        """Why nothing can be typed into the step's fields now, or nothing."""
        ...

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """The ways on; None for the usual ones."""
        ...

    def choose(self, flow: Flow, step: Step, state: Session, choice: str) -> Chosen | Refused | None:
        """What a button does; None for one that is not the step's own."""
        ...

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """Why the page cannot be left now, or None."""
        ...

    def seconds(self, step: Step) -> float:
        """How long the page may stay open; 0 for as long as it likes."""
        ...

    def elapsed(self, flow: Flow, step: Step, state: Session) -> Settled:
        """What follows when that time is up."""
        ...

    def passes(self, flow: Flow, step: Step, state: Session) -> bool:
        """Whether the open page goes on by itself now."""
        ...

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """The step's own work, after fields, functions and cart actions."""
        ...

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """What came of the work."""
        ...

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """Plain values that the step's own part of the window shows."""
        ...

    def sets(self, step: Step) -> set[str]:
        """Names of the values this step sets beside its fields and functions."""
        ...

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Findings of this type's own config."""
        ...


class NoConfig(msgspec.Struct, frozen=True):
    """For types that need none."""


class Plain:
    """A step type without work of its own; the others start from it."""

    name = ""
    shows_page = True
    sensitive = False
    config_type: Any = NoConfig
    continue_label = "Continue"
    hands = ""
    by_label = False

    def has_page(self, step: Step) -> bool:
        """As `shows_page` says."""
        return self.shows_page

    def skips(self, flow: Flow, step: Step, state: Session) -> bool:
        """Never."""
        return False

    def enter(self, flow: Flow, step: Step, state: Session) -> Work:
        """Nothing."""
        return Work()

    def answered(self, flow: Flow, step: Step, state: Session, field: str) -> Work:
        """Nothing."""
        return Work()

    def locks(self, flow: Flow, step: Step, state: Session) -> str:
        """Nothing locks them."""
        return ""

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """The usual ones."""
        return None

    def choose(self, flow: Flow, step: Step, state: Session, choice: str) -> Chosen | Refused | None:
        """No button of its own."""
        return None

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """Always."""
        return None

    def seconds(self, step: Step) -> float:
        """As long as it likes."""
        return 0

    def elapsed(self, flow: Flow, step: Step, state: Session) -> Settled:
        """On to the routes."""
        return Settled(go=True)

    def passes(self, flow: Flow, step: Step, state: Session) -> bool:
        """Never by itself."""
        return False

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Nothing."""
        return Work()

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """On to the routes."""
        return Settled(go=True)

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """Nothing beside what every page has."""
        return {}

    def sets(self, step: Step) -> set[str]:
        """The variable that the config calls its target."""
        target = step.config.get("target")
        return {target} if isinstance(target, str) and target else set()

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Whether the config has the right shape."""
        try:
            read_config(self.config_type, step)
        except DocumentError as error:
            return [
                Finding(
                    severity="error", code="bad_config", step=step.key,
                    message=f"{error.pointer}: expected {error.expected}.", fix=error.fix,
                )
            ]  # fmt: skip
        return []


Config = TypeVar("Config")


def read_config(config_type: type[Config], step: Step) -> Config:
    """The step's config in the shape of its type. Raises `DocumentError`."""
    try:
        return msgspec.convert(step.config, config_type)
    except msgspec.ValidationError as error:
        raise DocumentError(
            f"steps/{step.key}/config", str(error), "Compare with the samples that ship."
        ) from None
