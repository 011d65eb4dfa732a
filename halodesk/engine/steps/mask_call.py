"""mask_call: what is said and typed on this page is on no recording.

Rules:
- The page implies a mask lease: it is asked for on entry and given up when the page is left by
  next, back, hang-up or transfer.
- Its own fields take nothing before the lease is held by all recorders, and by those that
  `targets` names.
- A mask that cannot be had leads to `on_failure`, by the agent's word. One that lasts longer than
  `max_seconds` ends: the session goes to `on_failure`, else to the fallback.
"""

from __future__ import annotations

from typing import Any

import msgspec

from halodesk.engine.commands import Refused
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Button, Chosen, Plain, Settled, Work, read_config

FAILED = "on_failure"
LONGEST_SECONDS = 3600


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`targets`: recorders that must be among those that have confirmed, beside "all that are asked"."""

    max_seconds: float = 300
    targets: tuple[str, ...] = ()
    on_failure: str = ""
    body: str = ""


class MaskCall(Plain):
    """A page off the record."""

    name = "mask_call"
    sensitive = True
    config_type = Config

    def locks(self, flow: Flow, step: Step, state: Session) -> str:
        """Until the mask is held, and by all that are wanted."""
        mask = state.mask
        if mask.phase != "held":
            return mask.message or "Waiting until every recording is masked …"
        gone = [name for name in read_config(Config, step).targets if name not in mask.confirmed_by]
        return f"{', '.join(gone)} has not confirmed that it is masked." if gone else ""

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """Only masked: what was typed was typed off the record."""
        why = self.locks(flow, step, state)
        return Refused(code="not_masked", message=why, todo=state.mask.todo) if why else None

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """Beside the usual one, the way on without a mask while there is none."""
        if not self.locks(flow, step, state) or not read_config(Config, step).on_failure:
            return None
        return (
            Button(key="", label=step.fallback_label or self.continue_label, primary=True),
            Button(key=FAILED, label="Go on without this page"),
        )

    def choose(self, flow: Flow, step: Step, state: Session, choice: str) -> Chosen | Refused | None:
        """The way on without a mask."""
        target = read_config(Config, step).on_failure
        if choice != FAILED or not target:
            return None
        if not self.locks(flow, step, state):
            return Refused(code="masked", message="The recording is masked: go on as usual.")
        why = state.mask.message or "it took too long"
        return Chosen(work=Work(to=target, incident=("mask_not_had", f"The call was not masked: {why}.")))

    def seconds(self, step: Step) -> float:
        """As the config says."""
        return min(read_config(Config, step).max_seconds, LONGEST_SECONDS)

    def elapsed(self, flow: Flow, step: Step, state: Session) -> Settled:
        """The mask has lasted as long as it may."""
        words = f"The recording was masked for {self.seconds(step):g} seconds, the longest this page allows."
        target = read_config(Config, step).on_failure or step.fallback
        return Settled(go=True, to=target, incident=("mask_too_long", words))

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """`until`: when the mask ends by itself (Unix seconds); `locked`: why nothing can be typed."""
        until = state.timer.args["until"] if state.timer is not None else None
        return {"until": until, "locked": self.locks(flow, step, state)}

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A mask that ends."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        if not 0 < config.max_seconds <= LONGEST_SECONDS:
            findings.append(
                error(
                    "mask_without_end", step, f"{config.max_seconds:g} seconds is no length of a mask.",
                    f"Set between 1 and {LONGEST_SECONDS} seconds.",
                )
            )  # fmt: skip
        if not config.on_failure:
            findings.append(
                warning(
                    "mask_failure", step, "Where a recorder cannot be masked, this page waits.",
                    'Name a step in "on_failure".',
                )
            )  # fmt: skip
        return findings


TYPE = MaskCall()
