"""Payment gateways at their seam: card data in, tokens and verdicts out.

Rules:
- Amounts are integers in the currency's minor unit (ISO 4217).
- An `Order` is one movement of money. The same struct sends it and asks what became of it, so
  that a question can never be about something else than what was sent.
- Four verdicts. `approved` and `declined` are the gateway's own word. `failed`: surely nothing was
  moved (not reached, refused, or the gateway has never seen the key). `unknown`: sent, but no
  answer that can be trusted: ask by `query`, never send it again.
- No gateway raises for what a network or another system does.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

ChargeVerdict = Literal["approved", "declined", "unknown", "failed"]
OrderKind = Literal["authorize", "sale", "capture", "void", "refund"]
AddressCheck = Literal["", "match", "postal_code", "street", "mismatch", "not_checked"]
"""What the issuer says of the address (AVS): both match, only that part does, none, or not looked at."""
CodeCheck = Literal["", "match", "mismatch", "not_checked"]
"""What the issuer says of the security code."""


class CardDigits(msgspec.Struct, frozen=True, kw_only=True):
    """Card data on its way from the vault to a gateway. Views of memory that is wiped after use."""

    number: memoryview
    expiry: memoryview
    """MMYY."""
    cvv: memoryview


class CardAddress(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer compares with its own records (AVS); empty parts are not sent."""

    line1: str = ""
    postal_code: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2."""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`approved`: a single-use token; `declined`: the card data is wrong; `failed`: not reached."""

    verdict: ChargeVerdict
    token: str = ""
    last4: str = ""
    brand: str = ""
    reason: str = ""
    field: Literal["", "number", "expiry", "cvv"] = ""
    """Which part of the card a `declined` answer complains about."""
    avs: AddressCheck = ""
    cvv: CodeCheck = ""
    """Where the gateway has asked the issuer already; else the charge says it."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of money.

    `token` for `authorize` and `sale`; `charge_id` (the gateway's own, of the charge that was
    approved) for the three others.
    """

    kind: OrderKind
    key: str
    """Idempotency key: the same key never moves money twice."""
    amount_minor: int
    currency: str
    token: str = ""
    charge_id: str = ""
    reference: str = ""
    address: CardAddress = CardAddress()
    asked_at: float = 0.0
    """When it was asked for (Unix seconds): where a query may begin to look. 0: not known."""


class ChargeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order."""

    verdict: ChargeVerdict
    charge_id: str = ""
    auth_code: str = ""
    code: str = ""
    """The gateway's own code, for the log."""
    reason: str = ""
    """In the agent's words."""
    avs: AddressCheck = ""
    cvv: CodeCheck = ""


class PaymentGateway(Protocol):
    """One payment gateway."""

    name: str

    async def tokenise(
        self, card: CardDigits, *, key: str, address: CardAddress | None = None
    ) -> TokenAnswer:
        """Trade card data for a single-use token; the CVV is consumed here (PCI DSS 4.0.1, 3.3.1)."""
        ...

    async def authorize(self, order: Order) -> ChargeAnswer:
        """Reserve the amount; `capture` takes it."""
        ...

    async def sale(self, order: Order) -> ChargeAnswer:
        """Reserve and take the amount at once."""
        ...

    async def capture(self, order: Order) -> ChargeAnswer:
        """Take what was reserved."""
        ...

    async def void(self, order: Order) -> ChargeAnswer:
        """Undo a charge before it is settled; `declined` with the code `already_settled` after that."""
        ...

    async def refund(self, order: Order) -> ChargeAnswer:
        """Pay back what was taken."""
        ...

    async def query(self, order: Order) -> ChargeAnswer:
        """What became of an order that was sent; changes nothing."""
        ...


ALREADY_SETTLED = "already_settled"
"""Code of a void that came too late: only a refund is left."""
