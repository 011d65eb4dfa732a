"""api_call: asks an outside system, as the step is entered or when it is submitted.

Three operations: `charge` of a token at the payment gateway, `capture` of what a charge has only
reserved, and `http`, any other request.

Rules:
- Three outcomes, and each is kept apart. Success and failure go to the routes as a value
  (`target.success`; a failure of `http` to `on_failure` where that is set). Unknown never takes
  the fallback: the step stays until a query settles it, or the agent takes `on_unknown`, because
  repeating a request could do it twice.
- What cannot be charged at all goes to the routes as declined, with the reason: the fallback may
  be the page of an order that is paid.
- A request that was answered is not sent again by going back and on.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine import json_path, payments, url_template
from halodesk.engine.commands import Resolve
from halodesk.engine.effects import CAPTURE, HttpCall, HttpQuery
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Condition, Flow, Step
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config

IDEMPOTENCY_HEADER = "Idempotency-Key"
LONGEST_MS = 120_000
MOST_RETRIES = 5


class ChargeConfig(msgspec.Struct, frozen=True, kw_only=True, tag_field="operation", tag="charge"):
    """`payment`: the variable a payment form has filled; `target`: where the answer goes."""

    connection: Literal["gateway"]
    payment: str = "payment"
    target: str = "api"
    capture: bool = True
    """False: the amount is only reserved on the card, until a step with the operation `capture` takes it."""
    on_unknown: str = ""
    """Step the agent may go on to while the answer is unknown; empty: the step waits."""
    body: str = ""


class CaptureConfig(msgspec.Struct, frozen=True, kw_only=True, tag_field="operation", tag="capture"):
    """Takes the money that the charge of this session has reserved; `target`: where the answer goes."""

    connection: Literal["gateway"]
    target: str = "capture"
    on_unknown: str = ""
    body: str = ""


class FindOut(msgspec.Struct, frozen=True, kw_only=True):
    """The request that tells what became of an unknown one; `found`: what proves that it was done."""

    url: str
    found: tuple[Condition, ...] = ()


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True, tag_field="operation", tag="http"):
    """`request`: JSON with `{{ value }}`; `response`: variable to the JSONPath of its value."""

    connection: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    url: str
    when: Literal["enter", "submit"] = "enter"
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    request: Any = None
    response: dict[str, str] = {}
    success: tuple[Condition, ...] = ()
    """On `status` and `body`; empty: any 2xx status."""
    timeout_ms: int = 10_000
    retries: int = 1
    idempotency: bool = True
    """A request that changes something carries a key by which the other system knows it again."""
    find_out: FindOut | None = None
    target: str = "api"
    on_failure: str = ""
    on_unknown: str = ""
    body: str = ""


Config = ChargeConfig | CaptureConfig | HttpConfig


class ApiCall(Plain):
    """A page that waits; asked on submit, a page with fields before it."""

    name = "api_call"
    config_type = Config

    def has_page(self, step: Step) -> bool:
        """Only where the agent sends the request."""
        return step.config.get("operation") == "http" and step.config.get("when") == "submit"

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Asks for the charge, or sends the request."""
        config = _config(step)
        if isinstance(config, HttpConfig):
            return Work(ask=Ask.of(_call(config, state)))
        if isinstance(config, CaptureConfig):
            return self._capture(config, state)
        return self._charge(config, state)

    def _charge(self, config: ChargeConfig, state: Session) -> Work:
        """Of exactly the frozen amount."""
        payment = state.values.get(config.payment)
        problem = payments.forbids(payment, state)
        if problem or not isinstance(payment, dict):
            return Work(values={config.target: _answer(False, problem)})
        return Work(ask=payments.charge(payment, capture=config.capture))

    def _capture(self, config: CaptureConfig, state: Session) -> Work:
        """Of the whole amount that was reserved."""
        charge = state.paid
        problem = ""
        if charge is None:
            problem = "Nothing is reserved on a card."
        elif charge.captured:
            problem = "This payment was taken already."
        elif charge.changing:
            problem = "The gateway is still busy with this payment."
        if problem or charge is None:
            return Work(values={config.target: _answer(False, problem)})
        return Work(
            ask=Ask(
                kind=CAPTURE,
                args={
                    "charge": charge.id,
                    "gateway": charge.gateway,
                    "charge_id": charge.charge_id,
                    "amount": charge.amount,
                    "currency": charge.currency,
                },
            )
        )

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """Approved freezes the cart; unknown waits."""
        config = _config(step)
        result = answer.result
        if answer.outcome == "unknown":
            return Settled()
        reason = str(result.get("reason", ""))
        if isinstance(config, HttpConfig):
            return self._answered(config, answer.outcome == "ok", reason, result)
        value = payments.answered(answer.outcome == "ok", "" if answer.outcome == "ok" else reason, result)
        freeze = answer.outcome == "ok" and isinstance(config, ChargeConfig)
        return Settled(go=True, values={config.target: value}, freeze_cart=freeze)

    def _answered(self, config: HttpConfig, success: bool, reason: str, result: dict[str, Any]) -> Settled:
        picked = result.get("values")
        values = {name: picked.get(name) if isinstance(picked, dict) else None for name in config.response}
        values[config.target] = _answer(success, reason, status=result.get("status", 0))
        if success:
            return Settled(go=True, values=values)
        incident = ("api_failed", reason or "The other system said no.")
        return Settled(go=True, values=values, to=config.on_failure, incident=incident)

    def sets(self, step: Step) -> set[str]:
        """The answer, and what is read out of it."""
        config = _config(step)
        return {config.target, *(config.response if isinstance(config, HttpConfig) else ())}

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Addresses, paths and limits that hold; a way for a failure."""
        findings = super().check(flow, step)
        config = None if findings else _config(step)
        if not isinstance(config, HttpConfig):
            return findings
        findings += _check_texts(flow, step, config)
        for path in config.response.values():
            problem = json_path.problem(path)
            if problem:
                findings.append(
                    error("bad_path", step, f"In the answer: {problem}.", "Correct it (JSONPath).")
                )
        if not 0 < config.timeout_ms <= LONGEST_MS:
            findings.append(
                error(
                    "time_limit", step, f"The time limit is {config.timeout_ms} ms.",
                    f"Set it between 1 and {LONGEST_MS} ms.",
                )
            )  # fmt: skip
        if not 0 <= config.retries <= MOST_RETRIES:
            findings.append(
                error("retries", step, f"{config.retries} retries.", f"Set between 0 and {MOST_RETRIES}.")
            )
        reads = {condition.variable for route in step.routes for condition in route.when}
        if not config.on_failure and f"{config.target}.success" not in reads:
            findings.append(
                warning(
                    "api_failure", step, "A request that fails goes the same way as one that succeeds.",
                    f'Name a step in "on_failure", or route on {config.target}.success.',
                )
            )  # fmt: skip
        changes = config.method not in ("GET", "HEAD")
        if changes and config.find_out is None and not config.idempotency and not config.on_unknown:
            findings.append(
                warning(
                    "api_unknown", step, "Without an answer this step waits for ever.",
                    'Set "idempotency" or "find_out", or name a step in "on_unknown".',
                )
            )  # fmt: skip
        return findings


def _config(step: Step) -> Config:
    found: Config = read_config(Config, step)  # type: ignore[arg-type]  # a union, which msgspec reads
    return found


def _call(config: HttpConfig, state: Session) -> HttpCall:
    known = scope(state)
    changes = config.method not in ("GET", "HEAD")
    query = config.find_out
    return HttpCall(
        connection=config.connection,
        method=config.method,
        url=url_template.address(config.url, known),
        headers=url_template.texts(config.headers, known),
        query=url_template.texts(config.query, known),
        body=url_template.filled(config.request, known),
        pick=config.response,
        success=tuple(msgspec.to_builtins(condition) for condition in config.success),
        timeout_ms=config.timeout_ms,
        retries=config.retries,
        idempotency_header=IDEMPOTENCY_HEADER if changes and config.idempotency else "",
        find_out=HttpQuery(
            url=url_template.address(query.url, known),
            found=tuple(msgspec.to_builtins(condition) for condition in query.found),
        )
        if query is not None
        else None,
    )


def _check_texts(flow: Flow, step: Step, config: HttpConfig) -> list[Finding]:
    findings = []
    addresses = [config.url, *([config.find_out.url] if config.find_out is not None else [])]
    for text in addresses:
        problem = url_template.address_problem(text) or ("" if text.strip() else "it is empty")
        if problem:
            findings.append(error("bad_url", step, f"The address cannot be used: {problem}.", "Correct it."))
    others = [config.headers, config.query, config.request]
    problem = url_template.problem(others)
    if problem:
        findings.append(error("template", step, f"In the request {problem}.", "Correct it."))
    used = url_template.names([*addresses, *others])
    findings += [
        error("secret_in_request", step, f'The request would hold the secret "{name}".', "Remove it.", name)
        for name in sorted(used & flow.secrets)
    ]
    return findings


def _answer(success: bool, reason: str, **more: Any) -> dict[str, Any]:
    return {"success": success, "reason": reason, **more}


TYPE = ApiCall()
