"""transfer: hands the caller over.

Rules:
- Never while a recording is masked: the next leg would be masked by nobody. The mask is released
  first, and until the recorders have said so the transfer is refused.
- A transfer that fails (busy, no answer, refused) leaves the caller with the agent and goes to
  `on_failure`; without it the page opens again with the reason.
- The session's id goes along in a header, so that the next agent's screen can find it.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from halodesk.engine import url_template
from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.effects import TransferCall
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.rules import is_sensitive
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config

_HEADER = re.compile(r"X-[A-Za-z0-9-]{1,60}")
_DIALLED = re.compile(r"[+*#0-9A-Za-z_.@:-]{1,120}")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`to`: number, queue or extension, with `{{ value }}` where it is captured."""

    to: str
    target: Literal["external", "queue", "agent"] = "external"
    mode: Literal["blind", "attended", "conference"] = "blind"
    on_failure: str = ""
    session_header: str = "X-HaloDesk-Session"
    ring_seconds: int = 30
    result: str = "transfer"
    """Variable that takes `success` and `reason`."""
    body: str = ""


class Transfer(Plain):
    """A page that says what will happen, and one button that does it."""

    name = "transfer"
    hands = "It hands the caller over, and a person answers for that."
    config_type = Config
    continue_label = "Transfer the call"

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """No recording is masked, there is a call, and somebody to take it."""
        if state.mask.phase != "none":
            return Refused(
                code="masked",
                message="The recording is still masked: the call cannot be transferred yet.",
                todo="Wait until every recorder goes on, then transfer.",
            )
        if not state.call.sip_call_id:
            return Refused(code="no_call", message="There is no call to transfer.")
        if not _DIALLED.fullmatch(_to(step, state)):
            return Refused(code="no_number", message="It is not known where to transfer the call to.")
        return None

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Asks the phone."""
        config = read_config(Config, step)
        refused = self.ready(flow, step, state)
        if refused is not None:
            return Work(refused=refused)
        return Work(
            ask=Ask.of(
                TransferCall(
                    to=_to(step, state),
                    target=config.target,
                    mode=config.mode,
                    session_header=config.session_header,
                    ring_seconds=config.ring_seconds,
                )
            )
        )

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """Handed over, or the caller is back."""
        config = read_config(Config, step)
        reason = str(answer.result.get("reason") or "The call could not be transferred.")
        if answer.outcome == "ok":
            return Settled(go=True, values={config.result: {"success": True, "reason": ""}})
        values = {config.result: {"success": False, "reason": reason}}
        incident = ("transfer_failed", reason)
        if config.on_failure:
            return Settled(go=True, to=config.on_failure, values=values, incident=incident)
        problem = f"{reason} The caller is still with you."
        return Settled(stay=True, problem=problem, values=values, incident=incident)

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """Where to and how; `locked`: why it cannot be done now."""
        config = read_config(Config, step)
        refused = self.ready(flow, step, state)
        return {
            "to": _to(step, state),
            "target": config.target,
            "mode": config.mode,
            "locked": refused.message if refused is not None else "",
        }

    def sets(self, step: Step) -> set[str]:
        """How it went."""
        return {read_config(Config, step).result}

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Somebody to transfer to, no mask, a way on when it fails."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        problem = url_template.problem(config.to)
        if not config.to.strip():
            problem = "it is empty"
        if problem:
            findings.append(
                error(
                    "transfer_target",
                    step,
                    f"The number to transfer to cannot be used: {problem}.",
                    "Correct it.",
                )
            )
        if is_sensitive(step):
            findings.append(
                error(
                    "transfer_masked", step, "A call cannot be transferred while its recording is masked.",
                    "Take the mask and secure fields off this step.",
                )
            )  # fmt: skip
        if config.session_header and not _HEADER.fullmatch(config.session_header):
            findings.append(
                error(
                    "bad_header", step, f'"{config.session_header}" is no header of our own.',
                    "Let it begin with X- and hold letters, digits and dashes.",
                )
            )  # fmt: skip
        if not config.on_failure:
            findings.append(
                warning(
                    "transfer_failure", step, "Where a transfer fails, the page opens again.",
                    'Name a step in "on_failure".',
                )
            )  # fmt: skip
        return findings


def _to(step: Step, state: Session) -> str:
    filled = url_template.filled(read_config(Config, step).to, scope(state))
    return re.sub(r"[\s()/]", "", "" if filled is None else str(filled))


TYPE = Transfer()
