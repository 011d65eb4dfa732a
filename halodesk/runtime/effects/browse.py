"""Lets the browser of the step page work a foreign page."""

from __future__ import annotations

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import BrowserVisit
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (BrowserVisit.kind,)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """The values read; after a restart a form that may have been sent is not sent again."""
    if ports.browser is None:
        return job.answer("failed", reason="This seat has no browser for web pages in a flow.")
    visit = msgspec.convert(job.ask.args, BrowserVisit)
    if job.again and visit.submit == "automatic":
        reason = "HaloDesk was restarted: the form may have been sent. Look before you open it again."
        return job.answer("failed", reason=reason)
    answer = await ports.browser.visit(visit, effect=job.ask.id)
    if answer.verdict == "failed":
        return job.answer("failed", reason=answer.reason or "The web page could not be worked.")
    return Resolve(id=job.ask.id, outcome="ok", result=dict(answer.values))
