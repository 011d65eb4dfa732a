"""email: sent the moment the step is reached.

Rules:
- Once a visit. Going back and on again sends the same mail to the same people no second time;
  with `dedupe: session` nobody gets a second one from this step in the whole session.
- Offline it is queued, which counts as done: the session goes on.
- No secret can be in it: the health check refuses them, and they are in no value.
- Without a text or fields of its own the step has no page.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import SendEmail
from halodesk.engine.errors import TemplateError
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config
from halodesk.engine.template import names, render_markdown, render_text

_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,255}")


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """Subject and text, with `{{ value }}`; the text is Markdown."""

    subject: str
    text: str


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`to`: addresses or `{{ value }}`, several separated by commas."""

    to: str
    template: Template
    provider: str = "default"
    attachments: tuple[str, ...] = ()
    dedupe: Literal["visit", "session"] = "visit"
    on_failure: str = ""
    result: str = "email_sent"
    """Variable that takes `success`, `status` (`sent` or `queued`) and `reason`."""
    body: str = ""


class Email(Plain):
    """A mail, and a page where there is something to say or to type."""

    name = "email"
    config_type = Config

    def has_page(self, step: Step) -> bool:
        """Where there is a text or a field."""
        return bool(step.fields or step.config.get("body"))

    def enter(self, flow: Flow, step: Step, state: Session) -> Work:
        """Sends it as the page opens."""
        return self._send(step, state) if self.has_page(step) else Work()

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Sends it where there is no page."""
        if not self.has_page(step):
            return self._send(step, state)
        failed = (state.values.get(read_config(Config, step).result) or {}).get("success") is False
        return Work(to=read_config(Config, step).on_failure) if failed else Work()

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """Sent, queued, or why not."""
        config = read_config(Config, step)
        if answer.outcome == "ok":
            sent = {"success": True, "status": answer.result.get("status", "sent"), "reason": ""}
            return self._on(step, Settled(values={config.result: sent}))
        reason = str(answer.result.get("reason") or "The mail could not be sent.")
        failed = {"success": False, "status": "failed", "reason": reason}
        return self._on(
            step,
            Settled(
                values={config.result: failed},
                incident=("email_failed", reason),
                problem=reason,
                to=config.on_failure,
            ),
        )

    def _on(self, step: Step, settled: Settled) -> Settled:
        page = self.has_page(step)
        return msgspec.structs.replace(settled, go=not page, stay=page, to="" if page else settled.to)

    def _send(self, step: Step, state: Session) -> Work:
        config = read_config(Config, step)
        known = scope(state)
        try:
            to = tuple(part.strip() for part in render_text(config.to, known).split(",") if part.strip())
            mail = SendEmail(
                provider=config.provider,
                to=to,
                subject=" ".join(render_text(config.template.subject, known).split()),
                text=render_text(config.template.text, known),
                html=render_markdown(config.template.text, known),
                attachments=config.attachments,
                dedupe=step.key if config.dedupe == "session" else "",
            )
        except TemplateError as problem:
            return self._not_sent(step, problem.message)
        wrong = [one for one in to if not _ADDRESS.fullmatch(one)]
        if wrong:
            return self._not_sent(step, f'"{wrong[0]}" is no mail address.')
        if not to:
            return self._not_sent(step, "There is no mail address to send it to.")
        return Work(ask=Ask.of(mail))

    def _not_sent(self, step: Step, reason: str) -> Work:
        config = read_config(Config, step)
        failed = {"success": False, "status": "failed", "reason": reason}
        way = "" if self.has_page(step) else config.on_failure
        return Work(values={config.result: failed}, incident=("email_failed", reason), to=way)

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """`status` and `reason` of the mail, and whom it went to."""
        config = read_config(Config, step)
        sent = state.values.get(config.result)
        try:
            to = render_text(config.to, scope(state))
        except TemplateError:
            to = ""
        known = sent if isinstance(sent, dict) else {}
        return {"to": to, "status": str(known.get("status", "")), "reason": str(known.get("reason", ""))}

    def sets(self, step: Step) -> set[str]:
        """How it went."""
        return {read_config(Config, step).result}

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A recipient, texts that can be read, no secret."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        if not config.to.strip():
            findings.append(
                error(
                    "email_without_recipient", step, "Nobody gets this mail.", "Name an address or a value."
                )
            )
        elif "{{" not in config.to and not all(
            _ADDRESS.fullmatch(part.strip()) for part in config.to.split(",")
        ):
            findings.append(
                error("email_address", step, f'"{config.to}" is no mail address.', "Correct the address.")
            )
        for text in (config.to, config.template.subject, config.template.text):
            try:
                used = names(text)
            except TemplateError as problem:
                findings.append(
                    error("template", step, f"The mail does not parse. {problem.message}", problem.todo)
                )
                continue
            findings += [
                error(
                    "secret_in_email", step, f'The mail would hold the secret "{name}".', "Remove it.", name
                )
                for name in sorted(used & flow.secrets)
            ]
        return findings


TYPE = Email()
