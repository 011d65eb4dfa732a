"""function: one JavaScript expression, its value into a variable. No page."""

from __future__ import annotations

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import Evaluate
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config

LONGEST_MS = 5000


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`on_error`: step to go to when it fails; empty: the target becomes null and the routes decide."""

    expression: str
    target: str
    timeout_ms: int = 200
    on_error: str = ""


class Function(Plain):
    """Computes."""

    name = "function"
    shows_page = False
    config_type = Config

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Asks for the value."""
        config = read_config(Config, step)
        return Work(ask=Ask.of(Evaluate(expression=config.expression, timeout_ms=config.timeout_ms)))

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """The value goes on; an error goes its own way."""
        config = read_config(Config, step)
        if answer.outcome == "ok":
            return Settled(go=True, values={config.target: answer.result.get("value")})
        why = str(answer.result.get("reason", "The function failed."))
        return Settled(
            go=True, values={config.target: None}, to=config.on_error, incident=("function_failed", why)
        )

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """An expression, a name for its value, a bounded time."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        if not config.expression.strip():
            findings.append(error("javascript", step, "There is no expression.", "Write one."))
        if not config.target:
            findings.append(error("no_target", step, "Nothing keeps the value.", "Name a target."))
        if not 0 < config.timeout_ms <= LONGEST_MS:
            findings.append(
                error(
                    "time_limit", step, f"The time limit is {config.timeout_ms} ms.",
                    f"Set it between 1 and {LONGEST_MS} ms.",
                )
            )  # fmt: skip
        return findings


TYPE = Function()
