"""What a step type is.

Rules:
- A step type is pure: it says what it wants done (`Ask`, cart actions, values) and what an
  answer means (`Settled`); the core turns that into events.
- It sees the session read-only, and secrets only as handles.
- `shows_page` False means: nothing for the agent to do; the core submits it on entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.errors import DocumentError
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding
from halodesk.engine.flow import CartActionSpec, Flow, Step
from halodesk.engine.session import Session


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Outside work a step wants."""

    kind: str
    args: dict[str, Any]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A step's own work on submit, done in this order."""

    cart: tuple[CartActionSpec, ...] = ()
    values: Mapping[str, Any] = {}
    ask: Ask | None = None
    refused: Refused | None = None


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer to an `Ask` means.

    `go`: on to the routes, with these values. `stay`: the page again, with a problem.
    Neither: the answer is unknown and the step waits.
    """

    go: bool = False
    stay: bool = False
    values: Mapping[str, Any] = {}
    problem: str = ""
    freeze_cart: bool = False
    """A charge is authorised: the cart stays as it is from now on."""
    void_cart: bool = False
    """The authorised charge is voided: the cart is open again."""


class StepType(Protocol):
    """One step type."""

    name: str
    shows_page: bool
    sensitive: bool
    """Implies a mask without `mask: true`."""
    config_type: type[msgspec.Struct]

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """The step's own work, after fields, functions and cart actions."""
        ...

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """What came of the work."""
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
    config_type: type[msgspec.Struct] = NoConfig

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Nothing."""
        return Work()

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """On to the routes."""
        return Settled(go=True)

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
