"""A gateway for tests at the port: remembers every key, answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque

from halodesk.runtime.payment_ports import (
    CardAddress,
    CardDigits,
    ChargeAnswer,
    ChargeVerdict,
    Order,
    TokenAnswer,
)


class FakeGateway:
    """`PaymentGateway`; `script` holds the next orders, approved when it is empty."""

    name = "fake"

    def __init__(self, *script: ChargeVerdict) -> None:
        self.script: deque[ChargeVerdict] = deque(script)
        self.charged: dict[str, ChargeAnswer] = {}
        self.tokenised: list[tuple[int, int, int]] = []
        """Lengths of what came: the digits themselves are not kept."""
        self.addresses: list[CardAddress | None] = []
        self.sent: list[str] = []
        self.orders: list[Order] = []
        self.queried: list[str] = []
        self.questions: list[Order] = []
        self.token = TokenAnswer(verdict="approved", token="tok", last4="4242", brand="visa")
        self.gate: asyncio.Event | None = None
        self.away = False
        """No query is answered."""

    async def tokenise(
        self, card: CardDigits, *, key: str, address: CardAddress | None = None
    ) -> TokenAnswer:
        """The token, at once or when the gate opens."""
        if self.gate is not None:
            await self.gate.wait()
        self.tokenised.append((len(card.number), len(card.expiry), len(card.cvv)))
        self.addresses.append(address)
        return self.token

    async def authorize(self, order: Order) -> ChargeAnswer:
        """As `sale`."""
        return await self.sale(order)

    async def sale(self, order: Order) -> ChargeAnswer:
        """One answer a key; `unknown` has charged and lost its answer."""
        self.sent.append(order.key)
        self.orders.append(order)
        verdict = self.script.popleft() if self.script else "approved"
        charged = "approved" if verdict == "unknown" else verdict
        if charged != "failed":
            self.charged.setdefault(order.key, _answer(charged))
        return _answer(verdict)

    async def capture(self, order: Order) -> ChargeAnswer:
        """As `sale`."""
        return await self.sale(order)

    async def void(self, order: Order) -> ChargeAnswer:
        """As `sale`."""
        return await self.sale(order)

    async def refund(self, order: Order) -> ChargeAnswer:
        """As `sale`."""
        return await self.sale(order)

    async def query(self, order: Order) -> ChargeAnswer:
        """What became of it; `failed` where the key was never seen."""
        self.queried.append(order.key)
        self.questions.append(order)
        return _answer("unknown") if self.away else self.charged.get(order.key, _answer("failed"))


def _answer(verdict: ChargeVerdict) -> ChargeAnswer:
    return ChargeAnswer(
        verdict=verdict,
        charge_id="ch_1" if verdict == "approved" else "",
        reason="" if verdict == "approved" else f"It was {verdict}.",
    )
