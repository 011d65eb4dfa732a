"""end: the disposition, and the end of the session."""

from __future__ import annotations

import msgspec

from halodesk.engine.findings import Finding
from halodesk.engine.flow import Flow, Step
from halodesk.engine.steps.base import Plain, read_config


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`disposition`: the name of the field that holds the outcome code."""

    disposition: str = "disposition"
    body: str = ""
    wrap_up_seconds: int = 0


class End(Plain):
    """Wrap-up page; submitting it ends the session."""

    name = "end"
    config_type = Config
    continue_label = "Finish"

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A disposition is asked for."""
        findings = super().check(flow, step)
        if not findings and step.field(read_config(Config, step).disposition) is None:
            findings.append(
                Finding(
                    severity="error", code="end_without_disposition", step=step.key,
                    message="This end asks for no disposition.",
                    fix="Add a required dropdown and name it in the config.",
                )
            )  # fmt: skip
        return findings


TYPE = End()
