"""The sandbox gateway's memory: single-use tokens and charges.

Rules:
- A token is good for one charge. Tokens live in memory only.
- A charge belongs to its idempotency key. The same key with the same body gives the same
  answer and charges nothing; the same key with another body is a conflict.
- With a state file, a charge is on disk before anybody hears of it, so that a gateway that
  dies after charging still knows the charge when it is started again. A torn last line was
  never answered and is cut off.
- Nothing here holds card data: a card's last four digits and its brand is all there is
  (PCI DSS 4.0.1, 3.3.1 and 3.5.1).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from halodesk.demo.gateway.rules import CardFacts
from halodesk.engine.errors import DemoError

Verdict = Literal["approved", "declined"]


class ChargeOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/charges`; `amount_minor` is in the currency's minor unit."""

    token: str
    amount_minor: int
    currency: str
    reference: str = ""

    def fingerprint(self) -> str:
        """Equal for equal bodies, however their JSON was spelt."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One charge as it is kept and answered."""

    key: str
    fingerprint: str
    status: Verdict
    charge_id: str
    code: str
    auth_code: str
    amount_minor: int
    currency: str
    reference: str
    brand: str
    last4: str


Problem = Literal["key_conflict", "token_unknown", "token_used"]


class Ledger:
    """Tokens and charges of one gateway; `state_file` lets the charges outlive the process.

    Raises `DemoError` where the state file cannot be read.
    """

    def __init__(self, state_file: Path | None = None) -> None:
        self._tokens: dict[str, CardFacts] = {}
        self._used: set[str] = set()
        self._charges: dict[str, Charge] = {}
        self._state_file = state_file
        if state_file is not None and state_file.exists():
            self._load(state_file)

    def issue_token(self, facts: CardFacts) -> str:
        """A new single-use token for a card."""
        token = "tok_" + secrets.token_hex(12)
        self._tokens[token] = facts
        return token

    def find(self, key: str) -> Charge | None:
        """The charge that was made under an idempotency key."""
        return self._charges.get(key)

    def admit(self, key: str, order: ChargeOrder) -> Charge | CardFacts | Problem:
        """What an order is: a charge made before, a new one for this card, or a mistake."""
        if (before := self._charges.get(key)) is not None:
            return before if before.fingerprint == order.fingerprint() else "key_conflict"
        if order.token in self._used:
            return "token_used"
        return self._tokens.get(order.token, "token_unknown")

    def record(self, key: str, order: ChargeOrder, facts: CardFacts, *, decline: str) -> Charge:
        """Charge the card of an admitted order, or note that it was declined with the code `decline`."""
        charge = Charge(
            key=key,
            fingerprint=order.fingerprint(),
            status="declined" if decline else "approved",
            charge_id="ch_" + secrets.token_hex(12),
            code=decline or "approved",
            auth_code="" if decline else f"{secrets.randbelow(1_000_000):06d}",
            amount_minor=order.amount_minor,
            currency=order.currency,
            reference=order.reference,
            brand=facts.brand,
            last4=facts.last4,
        )
        if self._state_file is not None:
            self._append(self._state_file, charge)
        del self._tokens[order.token]
        self._used.add(order.token)
        self._charges[key] = charge
        return charge

    @staticmethod
    def _append(state_file: Path, charge: Charge) -> None:
        descriptor = os.open(state_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(msgspec.json.encode(charge) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _load(self, state_file: Path) -> None:
        try:
            text = state_file.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            if whole != text:
                os.truncate(state_file, len(whole))
            charges = [msgspec.json.decode(line, type=Charge) for line in whole.splitlines()]
        except (OSError, msgspec.DecodeError) as error:
            raise DemoError(
                f"The sandbox gateway cannot read its state file {state_file}.",
                "Delete the file to start without charges, or name another one.",
            ) from error
        self._charges = {charge.key: charge for charge in charges}
