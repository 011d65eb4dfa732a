"""script: what the agent says; a `verbatim` text is said word for word.

Rules:
- What was to be read word for word is a fact: when the page is left, the SHA-256 of the very text
  that was shown goes into the record, with the attestation.
- `attest` names a field of the page that says that the text was read: without it the page is not left.
- The page cannot be left before `dwell_s` seconds: nobody reads a disclosure faster.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from halodesk.engine.commands import Refused
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.languages import spoken
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Plain, Settled, Work, read_config
from halodesk.engine.template import render_text

LONGEST_DWELL_S = 600


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`body`: Markdown with `{{ name }}`. `verbatim`: text that must be read as it stands.

    `attest`: a boolean or checkbox field of this step. `dwell_s`: seconds.
    """

    body: str = ""
    verbatim: str = ""
    attest: str = ""
    dwell_s: float = 0


class Script(Plain):
    """Talking points, with fields where something is to be noted."""

    name = "script"
    config_type = Config

    def seconds(self, step: Step) -> float:
        """How long the text takes at least."""
        config = read_config(Config, step)
        return min(config.dwell_s, LONGEST_DWELL_S) if config.verbatim else 0

    def elapsed(self, flow: Flow, step: Step, state: Session) -> Settled:
        """It may be left now."""
        return Settled(values={_read(step): state.visit})

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """Read, and said to be read."""
        config = read_config(Config, step)
        if self.seconds(step) > 0 and state.values.get(_read(step)) != state.visit:
            words = f"Read the text to its end first; that takes {self.seconds(step):g} seconds."
            return Refused(code="must_wait", message=words)
        if config.verbatim and config.attest and state.values.get(config.attest) in (None, False, [], ()):
            words = "Confirm that you have read the text word for word."
            return Refused(code="not_attested", message=words, field=config.attest)
        return None

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """The fact of what was read."""
        config = read_config(Config, step)
        if not config.verbatim:
            return Work()
        values = scope(state)
        shown = render_text(read_config(Config, spoken(flow, step, values)).verbatim, values)
        fact: dict[str, Any] = {
            "visit": state.visit,
            "sha256": hashlib.sha256(shown.encode()).hexdigest(),
            "attested": bool(config.attest),
        }
        return Work(values={f"{step.key}:verbatim": fact})

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """The attestation is a field that can be ticked; the time is one."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        field = step.field(config.attest) if config.attest else None
        if config.attest and (field is None or field.type not in ("boolean", "checkbox")):
            findings.append(
                error(
                    "attest_field", step, f'"{config.attest}" is no boolean or checkbox field of this step.',
                    "Add one that says that the text was read, and name it in `attest`.", config.attest,
                )
            )  # fmt: skip
        if not 0 <= config.dwell_s <= LONGEST_DWELL_S:
            findings.append(
                error(
                    "dwell_length", step, f"{config.dwell_s:g} seconds cannot be asked of a reader.",
                    f"Set `dwell_s` between 0 and {LONGEST_DWELL_S}.",
                )
            )  # fmt: skip
        return findings


def _read(step: Step) -> str:
    return f"{step.key}:read"


TYPE = Script()
