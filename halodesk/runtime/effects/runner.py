"""One runner for all kinds: finds the module, keeps a request from running twice, catches faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import BACKGROUND, UNSURE
from halodesk.engine.events import EffectRequested
from halodesk.runtime.effect_ports import (
    BrowserPort,
    DataPort,
    HttpPort,
    MailPort,
    SealPort,
    TransferPort,
    ZipPort,
)
from halodesk.runtime.effects.base import Job, Ports, Runner
from halodesk.runtime.effects.registry import runners
from halodesk.runtime.payment_ports import PaymentGateway
from halodesk.runtime.ports import Clock, FunctionRunner
from halodesk.runtime.threads import SystemClock
from halodesk.runtime.vault import Vault

_log = structlog.get_logger("effects")


class Effects:
    """`settle` is called on the io thread with each answer. Ports that are None: see `effect_ports`."""

    def __init__(
        self,
        *,
        functions: FunctionRunner,
        gateways: Mapping[str, PaymentGateway],
        vault: Vault,
        settle: Callable[[str, Resolve], None],
        clock: Clock | None = None,
        http: HttpPort | None = None,
        zips: ZipPort | None = None,
        mail: MailPort | None = None,
        browser: BrowserPort | None = None,
        transfers: TransferPort | None = None,
        data: DataPort | None = None,
        sealer: SealPort | None = None,
    ) -> None:
        self._ports = Ports(
            functions=functions,
            gateways=gateways,
            vault=vault,
            clock=clock if clock is not None else SystemClock(),
            http=http,
            zips=zips,
            mail=mail,
            browser=browser,
            transfers=transfers,
            data=data,
            sealer=sealer,
        )
        self._settle = settle
        self._open: dict[str, tuple[str, asyncio.Task[Any] | None]] = {}

    async def run(
        self,
        session: str,
        ask: EffectRequested,
        scope: Mapping[str, Any],
        *,
        again: bool = False,
        asked_at: float = 0.0,
    ) -> None:
        """Do the work of one request; `again` after a restart, when it may have been done before.

        `asked_at`: when it was asked for (Unix seconds), where that is not now.
        """
        key = f"{session}:{ask.id}"
        if key in self._open:
            return
        self._open[key] = ask.kind, asyncio.current_task()
        _log.info("effect_started", session=session, effect=ask.id, kind=ask.kind, again=again)
        try:
            began = asked_at if again else self._ports.clock.wall()
            job = Job(session=session, key=key, ask=ask, scope=scope, again=again, asked_at=began)
            answer = await self._run(job)
        finally:
            del self._open[key]
        if answer is not None:
            self._settle(session, answer)

    async def cancel(self, session: str, effect: str) -> None:
        """The page beside which it ran was left; work that must end by itself goes on.

        A coroutine, as `run` is: asked for after it, it comes after it even where the page was left
        before the work could begin.
        """
        kind, task = self._open.get(f"{session}:{effect}", ("", None))
        if task is not None and kind in BACKGROUND:
            task.cancel()

    async def _run(self, job: Job) -> Resolve | None:
        runner: Runner | None = runners().get(job.ask.kind)
        if runner is None:
            return job.answer("failed", reason=f"This seat cannot do: {job.ask.kind}.")
        try:
            return await runner(job, self._ports, lambda answer: self._settle(job.session, answer))
        except Exception as error:  # a fault is an answer, too: the page must not wait for ever
            _log.error("effect_fault", kind=job.ask.kind, error=type(error).__name__)
            if job.ask.kind in UNSURE:  # it may have been done before the fault
                return job.answer(
                    "unknown", reason="This did not work, and it may have been done all the same."
                )
            return job.answer("failed", reason="This did not work. Try again.")
