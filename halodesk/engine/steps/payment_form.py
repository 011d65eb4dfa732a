"""payment_form: card data in, a single-use token out; needs a held mask.

Rules (PCI DSS 4.0.1):
- Digits are in the vault; this module sees handles only.
- The CVV is consumed by the tokeniser at once and asked anew on each attempt (3.3.1).
- The amount is frozen from the cart here; a charge of another amount is refused.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`number`, `expiry`, `cvv`: names of the step's encrypted fields."""

    number: str
    expiry: str
    cvv: str
    gateway: str = "default"
    mode: Literal["token"] = "token"
    target: str = "payment"
    attempts: int = 3
    """Charges in all, declined ones included."""
    body: str = ""


class PaymentForm(Plain):
    """Card capture in token mode."""

    name = "payment_form"
    sensitive = True
    config_type = Config

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Asks the gateway's tokeniser."""
        config = read_config(Config, step)
        if state.cart.total <= 0:
            return Work(refused=Refused(code="nothing_to_pay", message="The cart is empty: nothing to pay."))
        if state.unsettled is not None:
            return Work(
                refused=Refused(
                    code="charge_unsettled",
                    message="An earlier charge is not settled yet: another could charge the card twice.",
                )
            )
        if len(state.charges) >= config.attempts:
            return Work(
                refused=Refused(
                    code="attempts_used", message=f"All {config.attempts} charges of this call are used up."
                )
            )
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
                },
            )
        )

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """A token goes on; all else stays on the page, with the fields empty."""
        config = read_config(Config, step)
        if answer.outcome == "ok":
            payment = {
                "token": answer.result.get("token", ""),
                "last4": answer.result.get("last4", ""),
                "brand": answer.result.get("brand", ""),
                "amount": ask.args["amount"],
                "currency": ask.args["currency"],
                "gateway": ask.args["gateway"],
            }
            return Settled(go=True, values={config.target: payment})
        reason = str(answer.result.get("reason") or "The card could not be checked. Nothing was charged.")
        return Settled(stay=True, problem=f"{reason} Ask for the card again.")

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """The three fields exist, are encrypted and are captured, never kept."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        for role in ("number", "expiry", "cvv"):
            field = step.field(getattr(config, role))
            if field is None or field.type != "encrypted":
                findings.append(
                    Finding(
                        severity="error", code="payment_field", step=step.key, field=getattr(config, role),
                        message=f"The card {role} is not an encrypted field of this step.",
                        fix="Add an encrypted field and name it in the config.",
                    )
                )  # fmt: skip
            elif field.retention != "capture":
                findings.append(
                    Finding(
                        severity="error", code="payment_retention", step=step.key, field=field.name,
                        message="Card data of a payment page may only be captured, never kept.",
                        fix='Set "retention": "capture".',
                    )
                )  # fmt: skip
        return findings


TYPE = PaymentForm()
