"""billing_shipping: where the bill and the goods go; feeds the tax of the cart."""

from __future__ import annotations

from typing import Any

import msgspec

from halodesk.engine.commands import Refused
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import CartActionSpec, Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Plain, Work, read_config


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the step's own fields for each part."""

    billing: str
    shipping: str = ""
    same_as: str = ""
    """Boolean field: the goods go to the billing address."""
    body: str = ""
    tax: bool = True


class BillingShipping(Plain):
    """Both addresses on one page; the shipping address sets the tax."""

    name = "billing_shipping"
    config_type = Config

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Copies the billing address where it is the same, and sets the tax of its region."""
        config = read_config(Config, step)
        billing = state.values.get(config.billing)
        same = bool(config.same_as) and state.values.get(config.same_as) is True
        shipping = billing if same or not config.shipping else state.values.get(config.shipping)
        if not isinstance(shipping, dict):
            return Work(
                refused=Refused(
                    code="address_missing", field=config.shipping or config.billing,
                    message="Where do the goods go? The shipping address is missing.",
                )
            )  # fmt: skip
        values = {config.shipping: shipping} if config.shipping and same else {}
        return Work(values=values, cart=self._tax(flow, shipping) if config.tax else ())

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Both parts are address fields of this step."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        for name in filter(None, (config.billing, config.shipping)):
            field = step.field(name)
            if field is None or field.type != "address":
                findings.append(
                    error(
                        "address_field", step, f'"{name}" is not an address field of this step.',
                        "Add an address field and name it in the config.", name,
                    )
                )  # fmt: skip
        return findings

    def _tax(self, flow: Flow, address: dict[str, Any]) -> tuple[CartActionSpec, ...]:
        place = (address.get("country", ""), address.get("region", ""))
        rate = next((rate for rate in flow.catalogue.tax if (rate.country, rate.region) == place), None)
        percent, label = (rate.percent, f"{rate.region} {rate.percent} %") if rate else ("0", "")
        return (CartActionSpec(action="set_tax", args={"percent": percent, "label": label}),)


TYPE = BillingShipping()
