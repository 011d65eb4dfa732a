"""Trades card digits for a token.

Digits go from the vault to the gateway's tokeniser and nowhere else; the vault is wiped the
moment the tokeniser has answered.
"""

from __future__ import annotations

from contextlib import ExitStack

from halodesk.engine.commands import Resolve
from halodesk.runtime.effects.base import Job, Ports, Tell
from halodesk.runtime.effects.charge import address_of, no_gateway
from halodesk.runtime.payment_ports import CardDigits
from halodesk.runtime.secret_entry import vault_handle

KINDS = ("tokenise",)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """The token, or what is wrong with the card."""
    args = job.ask.args
    gateway = ports.gateways.get(args["gateway"])
    if gateway is None:
        return no_gateway(job)
    handles = [vault_handle(job.session, args[role]) for role in ("number", "expiry", "cvv")]
    try:
        with ExitStack() as views:
            number, expiry, cvv = (views.enter_context(ports.vault.view(handle)) for handle in handles)
            if not (number and expiry and cvv):
                return job.answer("failed", reason="The card data is no longer in memory.")
            card = CardDigits(number=number, expiry=expiry, cvv=cvv)
            address = address_of(args["address"]) if args.get("address") else None
            answer = await gateway.tokenise(card, key=job.key, address=address)
    finally:
        ports.vault.wipe_all("used")
    outcome = {"approved": "ok", "declined": "declined"}.get(answer.verdict, "failed")
    return job.answer(
        outcome,  # type: ignore[arg-type]  # one of three of its words
        token=answer.token,
        last4=answer.last4,
        brand=answer.brand,
        reason=answer.reason,
        avs=answer.avs,
        cvv=answer.cvv,
    )
