"""Moves money at a gateway: charges a token, takes what was reserved, voids, refunds.

Rules:
- An order whose answer cannot be trusted is `unknown` at once, and then queried until the
  gateway knows; it is never sent again. After a crash it is unknown, too: nobody charges a
  caller who may have hung up hours ago.
- The session's effect is the key: `Job.key`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import CAPTURE, CHARGE, REFUND, VOID
from halodesk.runtime.effects import base
from halodesk.runtime.effects.base import Job, Outcome, Ports, Tell
from halodesk.runtime.payment_ports import CardAddress, ChargeAnswer, Order, OrderKind, PaymentGateway

KINDS = (CHARGE, CAPTURE, VOID, REFUND)
_OUTCOME: dict[str, Outcome] = {
    "approved": "ok",
    "declined": "declined",
    "failed": "failed",
    "unknown": "unknown",
}
_CHANGES: dict[str, OrderKind] = {CAPTURE: "capture", VOID: "void", REFUND: "refund"}
_log = structlog.get_logger("effects")


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Moves the money once, or finds out whether it was moved."""
    gateway = ports.gateways.get(job.ask.args["gateway"])
    if gateway is None:
        if job.again:  # it may have been sent while this seat still had the gateway
            tell(job.answer("unknown", reason=f"{_missing(job)} Tell your supervisor."))
            return None
        return no_gateway(job)
    order = order_of(job)
    if job.again:  # whether it was sent is not known: ask, and never send it late behind the caller's back
        answer = await _query(gateway, order)
        if answer.verdict == "failed":
            answer = ChargeAnswer(verdict="unknown", reason="HaloDesk was restarted. Asking the gateway …")
    else:
        try:
            answer = await _send(gateway, order)
        except Exception as error:  # a driver's fault after the send must not lose the charge
            _log.error("gateway_fault", kind=order.kind, error=type(error).__name__)
            answer = ChargeAnswer(verdict="unknown")
    if answer.verdict == "unknown":
        tell(_resolve(job, answer))
        answer = await _ask_until_known(gateway, order)
    return _resolve(job, answer)


def order_of(job: Job) -> Order:
    """The order that a request of a session stands for."""
    args = job.ask.args
    kind: OrderKind = _CHANGES.get(job.ask.kind, "sale" if args.get("capture", True) else "authorize")
    return Order(
        kind=kind,
        key=job.key,
        amount_minor=int(args["amount"]),
        currency=args["currency"],
        token=args.get("token", ""),
        charge_id=args.get("charge_id", ""),
        reference=job.session,
        address=address_of(args.get("address")),
        asked_at=job.asked_at,
    )


def address_of(given: object) -> CardAddress:
    """The address of an effect's arguments."""
    return msgspec.convert(given or {}, CardAddress)


def no_gateway(job: Job) -> Resolve:
    """Nothing was done."""
    return job.answer("failed", reason=f"{_missing(job)} Nothing was charged.")


def _missing(job: Job) -> str:
    return f'This seat has no payment gateway "{job.ask.args["gateway"]}".'


def _send(gateway: PaymentGateway, order: Order) -> Awaitable[ChargeAnswer]:
    ways: dict[OrderKind, Callable[[Order], Awaitable[ChargeAnswer]]] = {
        "authorize": gateway.authorize,
        "sale": gateway.sale,
        "capture": gateway.capture,
        "void": gateway.void,
        "refund": gateway.refund,
    }
    return ways[order.kind](order)


async def _ask_until_known(gateway: PaymentGateway, order: Order) -> ChargeAnswer:
    """Queries until the gateway knows. "Never seen" counts only when it is said twice in a row:

    a request that was under way when we gave up may still arrive after the first time.
    """
    wait, never_seen = base.QUERY_FIRST_S, 0
    while True:
        await asyncio.sleep(wait)
        wait = min(wait * 2, base.QUERY_LONGEST_S)
        answer = await _query(gateway, order)
        never_seen = never_seen + 1 if answer.verdict == "failed" else 0
        if answer.verdict in ("approved", "declined") or never_seen == 2:
            return answer


async def _query(gateway: PaymentGateway, order: Order) -> ChargeAnswer:
    try:
        return await gateway.query(order)
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
        avs=answer.avs,
        cvv=answer.cvv,
    )
