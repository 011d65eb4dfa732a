"""wait: goes on by itself when the time is up or a condition holds.

Rules:
- When the time is up is a point in time, set by the first `Tick` after the page has opened; so
  neither sleep nor a restart of the seat makes the wait longer.
- Without a button the page cannot be left before.
- A condition that holds already makes the page not appear at all.
"""

from __future__ import annotations

from typing import Any

import msgspec

from halodesk.engine.commands import Refused
from halodesk.engine.conditions import holds
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Condition, Flow, Step
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Button, Plain, read_config

LONGEST_SECONDS = 24 * 3600


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` 0: no end in time. `button`: whether the agent may go on before, and its words."""

    seconds: float = 0
    button: bool = True
    label: str = ""
    condition: tuple[Condition, ...] = ()
    body: str = ""


class Wait(Plain):
    """A page with an end in time."""

    name = "wait"
    config_type = Config

    def skips(self, flow: Flow, step: Step, state: Session) -> bool:
        """There is nothing to wait for."""
        condition = read_config(Config, step).condition
        return bool(condition) and holds(condition, scope(state))

    def passes(self, flow: Flow, step: Step, state: Session) -> bool:
        """The condition has come to hold."""
        return self.skips(flow, step, state)

    def seconds(self, step: Step) -> float:
        """As the config says."""
        return min(read_config(Config, step).seconds, LONGEST_SECONDS)

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """One, or none at all."""
        config = read_config(Config, step)
        if not config.button:
            return ()
        return (Button(key="", label=config.label or step.fallback_label or "Continue now", primary=True),)

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """Only where there is a button."""
        if read_config(Config, step).button:
            return None
        return Refused(code="must_wait", message="This page goes on by itself when the wait is over.")

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """`until`: Unix seconds, once it is set; `seconds`; `condition`: whether one is awaited."""
        config = read_config(Config, step)
        until = state.timer.args["until"] if state.timer is not None else None
        return {"until": until, "seconds": self.seconds(step), "condition": bool(config.condition)}

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A wait ends."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        if config.seconds <= 0 and not config.button:
            findings.append(
                error(
                    "unbounded_wait", step, "This wait may never end.",
                    "Give it seconds or a button; a condition alone may never hold.",
                )
            )  # fmt: skip
        if not 0 <= config.seconds <= LONGEST_SECONDS:
            findings.append(
                error(
                    "wait_length", step, f"{config.seconds} seconds cannot be waited.",
                    f"Set between 0 and {LONGEST_SECONDS} seconds.",
                )
            )  # fmt: skip
        if config.seconds > 0 and any(field.required for field in step.fields):
            findings.append(
                warning(
                    "required_in_wait", step, "A required field may stay empty: time does not wait.",
                    "Ask for it on another page.",
                )
            )  # fmt: skip
        return findings


TYPE = Wait()
