"""api_call: asks an outside system when the step is entered.

Here: the charge of a token at the payment gateway. Three outcomes, and each is kept apart:
approved or declined go to the routes as a value, unknown stays until a query settles it,
because repeating it could charge twice. What cannot be charged at all goes to the routes as
declined, with the reason: the fallback may be the page of an order that is paid.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.events import EffectRequested
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`payment`: the variable a payment form has filled; `target`: where the answer goes."""

    connection: Literal["gateway"]
    operation: Literal["charge"]
    payment: str = "payment"
    target: str = "api"
    on_unknown: str = ""
    """Step the agent may go on to while the answer is unknown; empty: the step waits."""
    body: str = ""


class ApiCall(Plain):
    """A page that waits; nothing is typed into it."""

    name = "api_call"
    shows_page = False
    config_type = Config

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Asks for the charge of exactly the frozen amount."""
        config = read_config(Config, step)
        payment = state.values.get(config.payment)
        problem = ""
        if not isinstance(payment, dict) or not payment.get("token"):
            problem = "There is no card to charge."
        elif payment.get("amount") != state.cart.total or payment.get("currency") != state.cart.currency:
            problem = "The amount has changed since the card was entered."
        elif state.unsettled is not None:
            problem = "An earlier charge is not settled yet."
        elif any(charge.outcome == "ok" for charge in state.charges):
            problem = "This order is paid already."
        if problem or not isinstance(payment, dict):
            return Work(values={config.target: _answer(False, problem)})
        return Work(
            ask=Ask(
                kind="charge",
                args={
                    "gateway": payment.get("gateway", "default"),
                    "token": payment["token"],
                    "amount": payment["amount"],
                    "currency": payment["currency"],
                },
            )
        )

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """Approved freezes the cart; unknown waits."""
        config = read_config(Config, step)
        result = answer.result
        if answer.outcome == "unknown":
            return Settled()
        reason = str(result.get("reason", ""))
        if answer.outcome == "ok":
            value = _answer(
                True, "", charge_id=result.get("charge_id", ""), auth_code=result.get("auth_code", "")
            )
            return Settled(go=True, values={config.target: value}, freeze_cart=True)
        return Settled(go=True, values={config.target: _answer(False, reason)})


def _answer(success: bool, reason: str, **more: Any) -> dict[str, Any]:
    return {"success": success, "reason": reason, **more}


TYPE = ApiCall()
