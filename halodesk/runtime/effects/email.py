"""Hands a mail to the provider; offline that queues it."""

from __future__ import annotations

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import SendEmail
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (SendEmail.kind,)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Sent or queued; the key makes a second one after a restart the same mail."""
    if ports.mail is None:
        return job.answer("failed", reason="This seat cannot send mail. Nothing was sent.")
    mail = msgspec.convert(job.ask.args, SendEmail)
    key = f"{job.session}:{mail.dedupe}" if mail.dedupe else job.key
    answer = await ports.mail.send(mail, session=job.session, key=key)
    if answer.verdict == "failed":
        return job.answer("failed", reason=answer.reason or "The mail was not sent.")
    return job.answer("ok", status=answer.verdict)
