"""The sandbox gateway's memory: single-use tokens and charges.

Rules:
- A token is good for one charge. Tokens live in memory only.
- A charge belongs to its idempotency key. The same key with the same body gives the same
  answer and charges nothing; the same key with another body is a conflict.
- With a state file, a charge is on disk before anybody hears of it, so that a gateway that
  dies after charging still knows the charge when it is started again. A torn last line was
  never answered and is cut off.
- Capture, void and refund are movements under keys of their own, and kept as charges are. What
  may still be done with a charge follows from the movements of it that were approved.
- A settlement closes the day: nothing charged before it can be voided any more.
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
Kind = Literal["authorize", "sale", "capture", "void", "refund"]


class ChargeOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/charges`; `amount_minor` is in the currency's minor unit."""

    token: str
    amount_minor: int
    currency: str
    reference: str = ""
    capture: bool = True
    """False: only reserve it."""

    @property
    def kind(self) -> Kind:
        """What it asks for."""
        return "sale" if self.capture else "authorize"

    def fingerprint(self) -> str:
        """Equal for equal bodies, however their JSON was spelt."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


class ChangeOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/charges/{id}/capture` and its like."""

    amount_minor: int
    currency: str


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One movement as it is kept and answered; `charge_id` is that of the charge it belongs to."""

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
    kind: Kind = "sale"
    avs: str = ""
    cvv: str = ""


Problem = Literal["key_conflict", "token_unknown", "token_used", "charge_unknown"]


class Ledger:
    """Tokens and charges of one gateway; `state_file` lets the charges outlive the process.

    Raises `DemoError` where the state file cannot be read.
    """

    def __init__(self, state_file: Path | None = None) -> None:
        self._tokens: dict[str, CardFacts] = {}
        self._used: set[str] = set()
        self._charges: dict[str, Charge] = {}
        self._settled: set[str] = set()
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
            kind=order.kind,
            avs=facts.avs,
            cvv=facts.cvv,
        )
        self._keep(charge)
        del self._tokens[order.token]
        self._used.add(order.token)
        return charge

    def admit_change(
        self, key: str, kind: Kind, charge_id: str, order: ChangeOrder
    ) -> Charge | Problem | None:
        """A movement made before, a mistake, or None: it is to be made."""
        before = self._charges.get(key)
        if before is not None:
            same = before.fingerprint == _fingerprint(kind, charge_id, order)
            return before if same else "key_conflict"
        first = self._first(charge_id)
        known = first is not None and first.status == "approved" and first.currency == order.currency
        return None if known else "charge_unknown"

    def change(self, key: str, kind: Kind, charge_id: str, order: ChangeOrder, *, decline: str) -> Charge:
        """Move the money of an admitted change, or note why not."""
        first = self._first(charge_id)
        assert first is not None  # noqa: S101 - admitted
        code = decline or self._forbids(kind, first, order.amount_minor)
        made = msgspec.structs.replace(
            first,
            key=key,
            kind=kind,
            fingerprint=_fingerprint(kind, charge_id, order),
            status="declined" if code else "approved",
            code=code or "approved",
            amount_minor=order.amount_minor,
        )
        self._keep(made)
        return made

    def settle(self) -> int:
        """Close the day; how many charges it held."""
        open_ = {c.charge_id for c in self._charges.values() if c.status == "approved"} - self._settled
        self._settled |= open_
        return len(open_)

    def _first(self, charge_id: str) -> Charge | None:
        return next(
            (
                c
                for c in self._charges.values()
                if c.charge_id == charge_id and c.kind in ("sale", "authorize")
            ),
            None,
        )

    def _forbids(self, kind: Kind, first: Charge, amount: int) -> str:
        """Why it cannot be done now, as a code."""
        done = [
            c for c in self._charges.values() if c.charge_id == first.charge_id and c.status == "approved"
        ]
        kinds = {c.kind for c in done}
        refunded = sum(c.amount_minor for c in done if c.kind == "refund")
        taken = sum(c.amount_minor for c in done if c.kind in ("sale", "capture"))
        if "void" in kinds:
            return "already_voided"
        match kind:
            case "void":
                return "already_settled" if first.charge_id in self._settled or refunded else ""
            case "capture":
                open_ = first.kind == "authorize" and "capture" not in kinds and amount <= first.amount_minor
                return "" if open_ else "not_capturable"
            case "refund":
                return "refund_too_large" if refunded + amount > taken else ""
            case _:
                return "bad_request"

    def _keep(self, charge: Charge) -> None:
        if self._state_file is not None:
            self._append(self._state_file, charge)
        self._charges[charge.key] = charge

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


def _fingerprint(kind: Kind, charge_id: str, order: ChangeOrder) -> str:
    told = msgspec.json.encode((kind, charge_id, order.amount_minor, order.currency))
    return hashlib.sha256(told).hexdigest()
