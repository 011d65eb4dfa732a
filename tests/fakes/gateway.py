"""A gateway for tests at the port: remembers every key, answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque

from halodesk.runtime.ports import CardDigits, ChargeAnswer, ChargeVerdict, TokenAnswer


class FakeGateway:
    """`PaymentGateway`; `script` holds the next charges, approved when it is empty."""

    name = "fake"

    def __init__(self, *script: ChargeVerdict) -> None:
        self.script: deque[ChargeVerdict] = deque(script)
        self.charged: dict[str, ChargeAnswer] = {}
        self.tokenised: list[tuple[int, int, int]] = []
        """Lengths of what came: the digits themselves are not kept."""
        self.sent: list[str] = []
        self.queried: list[str] = []
        self.token = TokenAnswer(verdict="approved", token="tok", last4="4242", brand="visa")
        self.gate: asyncio.Event | None = None

    async def tokenise(self, card: CardDigits, *, key: str) -> TokenAnswer:
        """The token, at once or when the gate opens."""
        if self.gate is not None:
            await self.gate.wait()
        self.tokenised.append((len(card.number), len(card.expiry), len(card.cvv)))
        return self.token

    async def charge(
        self, token: str, amount_minor: int, currency: str, *, reference: str, key: str
    ) -> ChargeAnswer:
        """One answer a key; `unknown` has charged and lost its answer."""
        self.sent.append(key)
        verdict = self.script.popleft() if self.script else "approved"
        charged = "approved" if verdict == "unknown" else verdict
        if charged != "failed":
            self.charged.setdefault(key, _answer(charged))
        return _answer(verdict)

    async def query(self, key: str) -> ChargeAnswer:
        """What became of it; `failed` where the key was never seen."""
        self.queried.append(key)
        return self.charged.get(key, _answer("failed"))


def _answer(verdict: ChargeVerdict) -> ChargeAnswer:
    return ChargeAnswer(
        verdict=verdict,
        charge_id="ch_1" if verdict == "approved" else "",
        reason="" if verdict == "approved" else f"It was {verdict}.",
    )
