"""shipping_method: how the goods travel; sets the shipping of the cart.

Rules:
- Options are the step's own, or (without any) those of the catalogue. One whose `show_when` does
  not hold is not offered.
- None offered: the page does not appear, and the fallback is taken.
- A choice that is no longer offered is cleared, its cost is taken off the cart, and the page says so.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from halodesk.engine.cart import Cart
from halodesk.engine.commands import Refused
from halodesk.engine.conditions import holds
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Condition, Flow, Step
from halodesk.engine.money import to_minor, words
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Button, Chosen, Plain, Work, read_config

_CHOICE = "ship="


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way; `cost` in major units of the cart's currency."""

    key: str
    name: str
    cost: str = "0"
    timeframe: str = ""
    show_when: tuple[Condition, ...] = ()


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`target`: the variable that takes the key of the chosen option."""

    options: tuple[Option, ...] = ()
    target: str = "shipping_method"
    body: str = ""


class ShippingMethod(Plain):
    """One button an option."""

    name = "shipping_method"
    config_type = Config

    def skips(self, flow: Flow, step: Step, state: Session) -> bool:
        """There is nothing to choose from."""
        return not offered(flow, step, state)

    def enter(self, flow: Flow, step: Step, state: Session) -> Work:
        """Clears a choice that is no longer offered."""
        return self._without_vanished(flow, step, state)

    def answered(self, flow: Flow, step: Step, state: Session, field: str) -> Work:
        """The same, where an answer on this page decides what is offered."""
        return self._without_vanished(flow, step, state)

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """Name, cost and time of each."""
        chosen = state.values.get(read_config(Config, step).target)
        found = offered(flow, step, state)
        return tuple(
            Button(
                key=f"{_CHOICE}{option.key}",
                label=_label(option, state.cart.currency),
                primary=option.key == chosen or (index == 0 and chosen is None),
                chosen=option.key == chosen,
            )
            for index, option in enumerate(found)
        )

    def choose(self, flow: Flow, step: Step, state: Session, choice: str) -> Chosen | Refused | None:
        """Takes an option that is offered now."""
        if not choice.startswith(_CHOICE):
            return None
        option = next(
            (found for found in offered(flow, step, state) if found.key == choice.removeprefix(_CHOICE)), None
        )
        if option is None:
            return Refused(code="not_offered", message="This way of shipping is not offered any more.")
        return Chosen(work=Work(values={read_config(Config, step).target: option.key}))

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """Something is chosen."""
        if not offered(flow, step, state) or self._chosen(flow, step, state) is not None:
            return None
        return Refused(code="not_chosen", message="Choose how the order is shipped.")

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """The cost goes into the cart."""
        option = self._chosen(flow, step, state)
        if option is None:
            return Work()
        cost = to_minor(option.cost, state.cart.currency)
        cart = replace(state.cart, shipping_key=option.key, shipping_name=option.name, shipping=cost)
        return Work(new_cart=("set_shipping", cart))

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """The options in words, and what became of a choice that vanished."""
        chosen = state.values.get(read_config(Config, step).target)
        return {
            "options": [
                {
                    "name": option.name,
                    "cost": words(to_minor(option.cost, state.cart.currency), state.cart.currency),
                    "timeframe": option.timeframe,
                    "chosen": option.key == chosen,
                }
                for option in offered(flow, step, state)
            ],
            "warning": str(state.values.get(_vanished(step)) or ""),
        }

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Options with a cost, none twice, one that is always offered."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        options = _options(flow, step)
        if not options:
            findings.append(
                error(
                    "no_options", step, "There is no way of shipping to choose from.",
                    "Add options here, or shipping methods to the catalogue.",
                )
            )  # fmt: skip
        seen: set[str] = set()
        for option in options:
            if option.key in seen:
                findings.append(
                    error("duplicate_name", step, f'Two options are called "{option.key}".', "Rename one.")
                )
            seen.add(option.key)
            if not _is_cost(option.cost, flow.catalogue.currency):
                findings.append(
                    error(
                        "shipping_cost", step, f'"{option.cost}" is no cost for "{option.name}".',
                        "Write an amount such as 4.95.",
                    )
                )  # fmt: skip
        if config.options and all(option.show_when for option in config.options) and not step.fallback:
            findings.append(
                warning(
                    "missing_fallback", step, "All options have conditions, and there is no fallback.",
                    "Set a fallback for when none is offered.",
                )
            )  # fmt: skip
        return findings

    def _chosen(self, flow: Flow, step: Step, state: Session) -> Option | None:
        key = state.values.get(read_config(Config, step).target)
        return next((option for option in offered(flow, step, state) if option.key == key), None)

    def _without_vanished(self, flow: Flow, step: Step, state: Session) -> Work:
        target = read_config(Config, step).target
        key = state.values.get(target)
        if key is None or self._chosen(flow, step, state) is not None:
            return (
                Work(values={_vanished(step): None}) if state.values.get(_vanished(step)) and key else Work()
            )
        option = next((option for option in _options(flow, step) if option.key == key), None)
        words_ = f"{option.name if option else key} is not offered any more; it was taken off the order."
        cart: Cart = state.cart
        if cart.shipping_key == key:
            cart = replace(cart, shipping_key="", shipping_name="", shipping=0)
        return Work(
            values={target: None, _vanished(step): words_},
            new_cart=("set_shipping", cart),
            incident=("choice_vanished", words_),
        )


def offered(flow: Flow, step: Step, state: Session) -> tuple[Option, ...]:
    """The options whose conditions hold now."""
    known = scope(state)
    return tuple(option for option in _options(flow, step) if holds(option.show_when, known))


def _options(flow: Flow, step: Step) -> tuple[Option, ...]:
    own = read_config(Config, step).options
    return own or tuple(
        Option(key=one.key, name=one.name, cost=one.price, timeframe=one.timeframe)
        for one in flow.catalogue.shipping
    )


def _label(option: Option, currency: str) -> str:
    cost = to_minor(option.cost, currency)
    parts = (option.name, words(cost, currency) if cost else "free", option.timeframe)
    return " · ".join(part for part in parts if part)


def _is_cost(cost: str, currency: str) -> bool:
    try:
        return to_minor(Decimal(cost), currency) >= 0
    except (ArithmeticError, ValueError):
        return False


def _vanished(step: Step) -> str:
    return f"vanished:{step.key}"


TYPE = ShippingMethod()
