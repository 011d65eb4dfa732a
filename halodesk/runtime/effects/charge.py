"""Charges a token.

Rules:
- A charge whose answer cannot be trusted is `unknown` at once, and then queried until the
  gateway knows; it is never sent again. After a crash it is unknown, too: nobody charges a
  caller who may have hung up hours ago.
"""

from __future__ import annotations

import asyncio

import structlog

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import CHARGE
from halodesk.runtime.effects import base
from halodesk.runtime.effects.base import Job, Outcome, Ports, Tell
from halodesk.runtime.ports import ChargeAnswer, PaymentGateway

KINDS = (CHARGE,)
_OUTCOME: dict[str, Outcome] = {
    "approved": "ok",
    "declined": "declined",
    "failed": "failed",
    "unknown": "unknown",
}
_log = structlog.get_logger("effects")


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Charges once, or finds out whether it was charged."""
    args = job.ask.args
    gateway = ports.gateways.get(args["gateway"])
    if gateway is None:
        return no_gateway(job)
    if job.again:  # whether it was sent is not known: ask, and never send it late behind the caller's back
        answer = await _query(gateway, job.key)
        if answer.verdict == "failed":
            answer = ChargeAnswer(verdict="unknown", reason="HaloDesk was restarted. Asking the gateway …")
    else:
        try:
            answer = await gateway.charge(
                args["token"], int(args["amount"]), args["currency"], reference=job.session, key=job.key
            )
        except Exception as error:  # a driver's fault after the send must not lose the charge
            _log.error("gateway_fault", kind=CHARGE, error=type(error).__name__)
            answer = ChargeAnswer(verdict="unknown")
    if answer.verdict == "unknown":
        tell(_resolve(job, answer))
        answer = await _ask_until_known(gateway, job.key)
    return _resolve(job, answer)


def no_gateway(job: Job) -> Resolve:
    """Nothing was done."""
    reason = f'This seat has no payment gateway "{job.ask.args["gateway"]}". Nothing was charged.'
    return job.answer("failed", reason=reason)


async def _ask_until_known(gateway: PaymentGateway, key: str) -> ChargeAnswer:
    """Queries until the gateway knows. "Never seen" counts only when it is said twice in a row:

    a request that was under way when we gave up may still arrive after the first time.
    """
    wait, never_seen = base.QUERY_FIRST_S, 0
    while True:
        await asyncio.sleep(wait)
        wait = min(wait * 2, base.QUERY_LONGEST_S)
        answer = await _query(gateway, key)
        never_seen = never_seen + 1 if answer.verdict == "failed" else 0
        if answer.verdict in ("approved", "declined") or never_seen == 2:
            return answer


async def _query(gateway: PaymentGateway, key: str) -> ChargeAnswer:
    try:
        return await gateway.query(key)
    except Exception as error:  # asked again later; a fault of a driver settles nothing
        _log.error("gateway_fault", kind="query", error=type(error).__name__)
        return ChargeAnswer(verdict="unknown")


def _resolve(job: Job, answer: ChargeAnswer) -> Resolve:
    return job.answer(
        _OUTCOME[answer.verdict],
        charge_id=answer.charge_id,
        auth_code=answer.auth_code,
        code=answer.code,
        reason=answer.reason,
    )
