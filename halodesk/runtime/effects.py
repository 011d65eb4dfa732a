"""Runs what the engine asks for, on the io thread, and brings the answer back.

Rules:
- Called only after the request is durable. The key on the wire is session and effect id,
  so the same request can never be two charges.
- A charge whose answer cannot be trusted is `unknown` at once, and then queried until the
  gateway knows; it is never sent again. After a crash it is unknown, too: nobody charges a
  caller who may have hung up hours ago.
- Card digits go from the vault to the gateway's tokeniser and nowhere else; the vault is
  wiped the moment the tokeniser has answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from typing import Any

import structlog

from halodesk.engine.commands import Resolve
from halodesk.engine.errors import FunctionError
from halodesk.engine.events import EffectRequested
from halodesk.runtime.ports import CardDigits, ChargeAnswer, FunctionRunner, PaymentGateway
from halodesk.runtime.secret_entry import vault_handle
from halodesk.runtime.vault import Vault

_log = structlog.get_logger("effects")

QUERY_FIRST_S = 1.0
QUERY_LONGEST_S = 15.0
_OUTCOME = {"approved": "ok", "declined": "declined", "failed": "failed", "unknown": "unknown"}


class Effects:
    """One runner for all kinds; `settle` is called on the io thread with each answer."""

    def __init__(
        self,
        *,
        functions: FunctionRunner,
        gateways: Mapping[str, PaymentGateway],
        vault: Vault,
        settle: Callable[[str, Resolve], None],
    ) -> None:
        self._functions = functions
        self._gateways = gateways
        self._vault = vault
        self._settle = settle
        self._open: set[str] = set()

    async def run(
        self, session: str, ask: EffectRequested, scope: Mapping[str, Any], *, again: bool = False
    ) -> None:
        """Do the work of one request; `again` after a restart, when it may have been done before."""
        key = f"{session}:{ask.id}"
        if key in self._open:
            return
        self._open.add(key)
        _log.info("effect_started", session=session, effect=ask.id, kind=ask.kind, again=again)
        try:
            await self._run(session, key, ask, scope, again)
        finally:
            self._open.discard(key)

    async def _run(
        self, session: str, key: str, ask: EffectRequested, scope: Mapping[str, Any], again: bool
    ) -> None:
        match ask.kind:
            case "function":
                answer = await self._guarded(ask, self._function(ask, scope))
            case "tokenise":
                answer = await self._guarded(ask, self._tokenise(session, key, ask))
            case "charge":
                await self._charge(session, key, ask, again)
                return
            case _:
                answer = Resolve(
                    id=ask.id, outcome="failed", result={"reason": f"This seat cannot do: {ask.kind}."}
                )
        self._settle(session, answer)

    async def _guarded(self, ask: EffectRequested, work: Coroutine[Any, Any, Resolve]) -> Resolve:
        """A fault of a driver is an answer, too: the page must not wait for ever."""
        try:
            return await work
        except Exception as error:  # whatever it is, it has not charged
            _log.error("effect_fault", kind=ask.kind, error=type(error).__name__)
            return Resolve(id=ask.id, outcome="failed", result={"reason": "This did not work. Try again."})

    async def _function(self, ask: EffectRequested, scope: Mapping[str, Any]) -> Resolve:
        try:
            value = await self._functions.evaluate(
                ask.args["expression"], scope, timeout_ms=int(ask.args.get("timeout_ms", 200))
            )
        except FunctionError as error:
            return Resolve(id=ask.id, outcome="failed", result={"reason": str(error)})
        return Resolve(id=ask.id, outcome="ok", result={"value": value})

    async def _tokenise(self, session: str, key: str, ask: EffectRequested) -> Resolve:
        gateway = self._gateways.get(ask.args["gateway"])
        if gateway is None:
            return _no_gateway(ask)
        handles = [vault_handle(session, ask.args[role]) for role in ("number", "expiry", "cvv")]
        try:
            with ExitStack() as views:
                number, expiry, cvv = (views.enter_context(self._vault.view(handle)) for handle in handles)
                if not (number and expiry and cvv):
                    reason = "The card data is no longer in memory."
                    return Resolve(id=ask.id, outcome="failed", result={"reason": reason})
                answer = await gateway.tokenise(CardDigits(number=number, expiry=expiry, cvv=cvv), key=key)
        finally:
            self._vault.wipe_all("used")
        result = {
            "token": answer.token,
            "last4": answer.last4,
            "brand": answer.brand,
            "reason": answer.reason,
        }
        outcome = "failed" if answer.verdict == "unknown" else _OUTCOME[answer.verdict]
        return Resolve(id=ask.id, outcome=outcome, result={k: v for k, v in result.items() if v})  # type: ignore[arg-type]  # _OUTCOME's words are Resolve's

    async def _charge(self, session: str, key: str, ask: EffectRequested, again: bool) -> None:
        gateway = self._gateways.get(ask.args["gateway"])
        if gateway is None:
            self._settle(session, _no_gateway(ask))
            return
        if again:  # whether it was sent is not known: ask, and never send it late behind the caller's back
            answer = await _query(gateway, key)
            if answer.verdict == "failed":
                answer = ChargeAnswer(
                    verdict="unknown", reason="HaloDesk was restarted. Asking the gateway …"
                )
        else:
            try:
                answer = await gateway.charge(
                    ask.args["token"],
                    int(ask.args["amount"]),
                    ask.args["currency"],
                    reference=session,
                    key=key,
                )
            except Exception as error:  # a driver's fault after the send must not lose the charge
                _log.error("gateway_fault", kind=ask.kind, error=type(error).__name__)
                answer = ChargeAnswer(verdict="unknown")
        if answer.verdict == "unknown":
            self._settle(session, _resolve(ask, answer))
            answer = await self._ask_until_known(gateway, key)
        self._settle(session, _resolve(ask, answer))

    async def _ask_until_known(self, gateway: PaymentGateway, key: str) -> ChargeAnswer:
        """Queries until the gateway knows. "Never seen" counts only when it is said twice in a row:

        a request that was under way when we gave up may still arrive after the first time.
        """
        wait, never_seen = QUERY_FIRST_S, 0
        while True:
            await asyncio.sleep(wait)
            wait = min(wait * 2, QUERY_LONGEST_S)
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


def _resolve(ask: EffectRequested, answer: ChargeAnswer) -> Resolve:
    result = {
        "charge_id": answer.charge_id,
        "auth_code": answer.auth_code,
        "code": answer.code,
        "reason": answer.reason,
    }
    return Resolve(id=ask.id, outcome=_OUTCOME[answer.verdict], result={k: v for k, v in result.items() if v})  # type: ignore[arg-type]  # _OUTCOME's words are Resolve's


def _no_gateway(ask: EffectRequested) -> Resolve:
    reason = f'This seat has no payment gateway "{ask.args["gateway"]}". Nothing was charged.'
    return Resolve(id=ask.id, outcome="failed", result={"reason": reason})
