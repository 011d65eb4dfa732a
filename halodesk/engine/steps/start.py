"""start: picks the flow for the call and shows who is calling."""

from __future__ import annotations

import msgspec

from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.patterns import pattern_problem
from halodesk.engine.steps.base import Plain, read_config


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`did_patterns`: RE2, full match of the dialled number. `queues`: `X-Queue` values."""

    campaigns: tuple[str, ...] = ()
    did_patterns: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    body: str = ""


class Start(Plain):
    """A page with the caller's data and the first question."""

    name = "start"
    config_type = Config

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Every DID pattern can be read."""
        findings = super().check(flow, step)
        for pattern in () if findings else read_config(Config, step).did_patterns:
            problem = pattern_problem(pattern)
            if problem:
                findings.append(
                    error("bad_pattern", step, f'"{pattern}" cannot be read: {problem}.', "Correct it (RE2).")
                )
        return findings


TYPE = Start()
