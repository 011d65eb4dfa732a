"""Evaluates flow authors' JavaScript: functions of a submit, and expressions of a step."""

from __future__ import annotations

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import FUNCTION, Evaluate
from halodesk.engine.errors import FunctionError
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (FUNCTION, Evaluate.kind)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Its value, or words for the author."""
    args = job.ask.args
    try:
        value = await ports.functions.evaluate(
            args["expression"], job.scope, timeout_ms=int(args.get("timeout_ms", 200))
        )
    except FunctionError as error:
        return job.answer("failed", reason=str(error))
    return Resolve(id=job.ask.id, outcome="ok", result={"value": value})
