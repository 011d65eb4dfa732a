"""The way of a charge against the bare HTTP call that it is made of; kills during charges."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import msgspec
from structlog.testing import capture_logs

from halodesk.connectors.payments import open_gateway
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.gateway.child import gateway_child
from halodesk.engine.commands import Resolve
from halodesk.engine.events import EffectRequested
from halodesk.runtime.effects import Effects
from halodesk.runtime.payment_ports import CardDigits
from halodesk.runtime.vault import Vault
from tests.bench.measure import Figure, figure
from tests.chaos.charges import run as storm
from tests.chaos.till import NoFunctions

ROUNDS = 9
CHARGES = 40
"""A round, each way; turn and turn about, so that noise hits both."""
KILLED = int(os.environ.get("HALODESK_BENCH_CHARGES", "30"))


def figures() -> Iterator[Figure]:
    """Milliseconds of both, their ratio, and what a storm of kills costs."""
    with capture_logs():  # a terminal is slower than the log file of a seat
        bare, ours, ratios = asyncio.run(_measured())
    yield figure("bare HTTP call that charges", [one * 1e3 for one in bare], "ms")
    yield figure("charge: effect, gateway, trusted answer", [one * 1e3 for one in ours], "ms")
    yield figure(
        "charge path against the bare HTTP call",
        ratios,
        "ratio",
        goal="<= 1.3",
        met=lambda value: value <= 1.3,
    )
    with tempfile.TemporaryDirectory(prefix="halodesk-bench-") as folder:
        books = storm(Path(folder), KILLED, seed=20)
    note = f"{books.kills} kills, {books.taken} charges; more: make chaos"
    for name, value in (("charged twice", books.twice), ("charges lost", books.lost + books.imagined)):
        yield figure(
            f"{name}, killed at random points",
            [float(value)],
            "",
            goal="0",
            met=lambda value: value == 0,
            note=note,
        )


async def _measured() -> tuple[list[float], list[float], list[float]]:
    bare, ours, ratios = [], [], []
    with gateway_child() as child:
        account = GatewayAccount(base_url=child.base_url, api_key=SANDBOX_API_KEY)
        bench = _Bench(account)
        await bench.ours()
        await bench.bare()
        for _ in range(ROUNDS):
            pairs = [(await bench.bare(), await bench.ours()) for _ in range(CHARGES)]
            bare.append(statistics.median(one for one, _ in pairs))
            ours.append(statistics.median(one for _, one in pairs))
            ratios.append(ours[-1] / bare[-1])
    return bare, ours, ratios


class _Bench:
    def __init__(self, account: GatewayAccount) -> None:
        self._account = account
        self._gateway = open_gateway("sandbox", account)
        self._numbers = count(1)
        self._context = httpx.create_ssl_context()
        self._answers: list[Resolve] = []
        self._effects = Effects(
            functions=NoFunctions(),
            gateways={"default": self._gateway},
            vault=Vault(time.monotonic),
            settle=lambda session, answer: self._answers.append(answer),
        )

    async def ours(self) -> float:
        """Seconds from the request of a session to its answer."""
        number = next(self._numbers)
        ask = EffectRequested(
            id=f"pay.{number}.charge.0", kind="charge", step="pay", visit=number,
            args={"gateway": "default", "token": await self._token(), "amount": 4780, "currency": "USD"},
        )  # fmt: skip
        begun = time.perf_counter()
        await self._effects.run("bench", ask, {})
        spent = time.perf_counter() - begun
        if self._answers.pop().outcome != "ok":
            raise RuntimeError("the charge was not approved")
        return spent

    async def bare(self) -> float:
        """Seconds of one request with the same body and headers, by httpx alone."""
        body = msgspec.json.encode(
            {
                "token": await self._token(),
                "amount_minor": 4780,
                "currency": "USD",
                "reference": "bench",
                "capture": True,
            }
        )
        headers = {
            "X-Api-Key": self._account.api_key,
            "Idempotency-Key": f"bare:{next(self._numbers)}",
            "Content-Type": "application/json",
        }
        begun = time.perf_counter()
        async with httpx.AsyncClient(
            base_url=self._account.base_url, verify=self._context, trust_env=False
        ) as client:
            answer = await client.post("/v1/charges", content=body, headers=headers)
        spent = time.perf_counter() - begun
        answer.raise_for_status()
        return spent

    async def _token(self) -> str:
        digits = {"number": "4242424242424242", "expiry": "1230", "cvv": "737"}
        card = CardDigits(**{name: memoryview(bytearray(text, "ascii")) for name, text in digits.items()})
        return (await self._gateway.tokenise(card, key=f"token:{next(self._numbers)}")).token
