"""payment_form: card data in, under a held mask; a single-use token or a charge out.

Rules (PCI DSS 4.0.1):
- Digits are in the vault; this module sees handles only.
- The CVV is consumed by the tokeniser at once and asked anew on each attempt (3.3.1).
- The amount is frozen from the cart here; a charge of another amount is refused.
- Mode `token` ends with the token, which an `api_call` charges. Modes `sale` and `authorise` charge by
  themselves: a decline opens the page again with the reason and empty fields, until the attempts are
  used up; then it goes to `on_declined`, or to the wrap-up, never on by the routes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine import payments
from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.effects import CHARGE
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config

ROLES = ("number", "expiry", "cvv")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`number`, `expiry`, `cvv`: names of the step's encrypted fields."""

    number: str
    expiry: str
    cvv: str
    gateway: str = "default"
    mode: Literal["token", "sale", "authorise"] = "token"
    """`sale` takes the money, `authorise` only reserves it."""
    target: str = "payment"
    avs: tuple[str, ...] = ()
    """Fields whose values the issuer compares: an address field, or one with a postal code."""
    brands: tuple[str, ...] = ()
    """Brands that are taken (`visa`, `mastercard`, `amex` …); empty: all."""
    attempts: int = 3
    """Charges in all, declined ones included."""
    on_declined: str = ""
    """Modes `sale` and `authorise`: where to go when the attempts are used up; empty: the wrap-up."""
    on_unknown: str = ""
    """The same modes: step the agent may go on to while the answer is unknown; empty: the step waits."""
    body: str = ""


class PaymentForm(Plain):
    """Card capture."""

    name = "payment_form"
    sensitive = True
    config_type = Config

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Asks the gateway's tokeniser."""
        config = read_config(Config, step)
        if state.cart.total <= 0:
            return _refuse("nothing_to_pay", "The cart is empty: nothing to pay.")
        if state.unsettled is not None:
            return _refuse(
                "charge_unsettled",
                "An earlier charge is not settled yet: another could charge the card twice.",
            )
        if config.mode != "token" and state.paid is not None:
            return _refuse("paid", "This order is paid already.")
        if len(state.charges) >= config.attempts:
            if config.mode != "token":
                return Work(to=_way_out(flow, config), incident=_used_up(config))
            return _refuse("attempts_used", f"All {config.attempts} charges of this call are used up.")
        address = payments.address_of(state, *config.avs)
        return Work(
            ask=Ask(
                kind="tokenise",
                args={
                    "gateway": config.gateway,
                    "number": state.secrets.get(config.number, ""),
                    "expiry": state.secrets.get(config.expiry, ""),
                    "cvv": state.secrets.get(config.cvv, ""),
                    "amount": state.cart.total,
                    "currency": state.cart.currency,
                    **({"address": address} if address else {}),
                },
            )
        )

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """A token goes on, or is charged; all else stays on the page, with the fields empty."""
        config = read_config(Config, step)
        if ask.kind == CHARGE:
            return self._charged(flow, config, state, answer)
        if answer.outcome == "ok":
            payment = _payment(ask, answer)
            wanted = None
            if config.mode != "token":
                wanted = payments.charge(payment, capture=config.mode == "sale")
            return Settled(go=wanted is None, values={config.target: payment}, ask=wanted)
        reason = str(answer.result.get("reason") or "The card could not be checked. Nothing was charged.")
        return Settled(stay=True, problem=f"{reason} Ask for the card again.")

    def _charged(self, flow: Flow, config: Config, state: Session, answer: Resolve) -> Settled:
        if answer.outcome == "unknown":
            return Settled()
        card = state.values.get(config.target)
        reason = (
            "" if answer.outcome == "ok" else str(answer.result.get("reason") or "The card was declined.")
        )
        told = payments.answered(answer.outcome == "ok", reason, answer.result)
        values = {config.target: {**(card if isinstance(card, dict) else {}), **told}}
        if answer.outcome == "ok":
            return Settled(go=True, values=values, freeze_cart=True)
        if len(state.charges) >= config.attempts:
            return Settled(go=True, values=values, to=_way_out(flow, config), incident=_used_up(config))
        left = config.attempts - len(state.charges)
        more = (
            f"{left} more attempt{'s' if left > 1 else ''}: ask for the card again, with its security code."
        )
        return Settled(stay=True, values=values, problem=f"{reason} {more}")

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """The three fields exist, are encrypted and are captured, never kept, and no other secret is here."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        for role in ROLES:
            field = step.field(getattr(config, role))
            if field is None or field.type != "encrypted":
                findings.append(
                    error(
                        "payment_field", step, f"The card {role} is not an encrypted field of this step.",
                        "Add an encrypted field and name it in the config.", getattr(config, role),
                    )
                )  # fmt: skip
        findings += [
            error(
                "payment_retention", step, "Secrets of a payment page may only be captured, never kept.",
                'Set "retention": "capture", or ask for it on a page of its own.', field.name,
            )
            for field in step.fields
            if field.type == "encrypted" and field.retention != "capture"
        ]  # fmt: skip
        if config.attempts < 1:
            findings.append(error("attempts", step, "No charge is ever tried.", "Set attempts to 1 or more."))
        return findings


def _refuse(code: str, message: str) -> Work:
    return Work(refused=Refused(code=code, message=message))


def _payment(ask: EffectRequested, answer: Resolve) -> dict[str, Any]:
    result, args = answer.result, ask.args
    return {
        "token": result.get("token", ""),
        "last4": result.get("last4", ""),
        "brand": result.get("brand", ""),
        "amount": args["amount"],
        "currency": args["currency"],
        "gateway": args["gateway"],
        **{name: result[name] for name in ("avs", "cvv") if result.get(name)},
        **({"address": args["address"]} if "address" in args else {}),
    }


def _way_out(flow: Flow, config: Config) -> str:
    end = next((step.key for step in flow.steps if step.type == "end"), "")
    return config.on_declined or end


def _used_up(config: Config) -> tuple[str, str]:
    return "attempts_used", f"All {config.attempts} charges of this call are used up."


TYPE = PaymentForm()
