"""Money that goes back: voids and refunds of a session's own charges.

Rules:
- The agent may void a charge of the session in hand, also when it has just ended; a refund needs a
  role (`REFUND_ROLES`) and is for what can no longer be voided.
- One movement at a time: while one of a charge is under way, or unknown, there is no other, no new
  charge, and no way back.
- It is asked for in the name of the step and visit that charged, so no page waits for it; and like
  a charge it is never sent twice.
- Who asked for it and why stands in the log, and a team lead finds it as an incident.
"""

from __future__ import annotations

from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.effects import REFUND, VOID
from halodesk.engine.money import words
from halodesk.engine.moves import Moves
from halodesk.engine.pan import has_card_number
from halodesk.engine.session import Charge

REFUND_ROLES = ("supervisor", "admin")
_DONE = {VOID: "voided", REFUND: "paid back"}


class Paying(Moves):
    """What becomes of a wish to take a charge back, and of its answer."""

    def take_back(self, command: c.TakeBack) -> c.Refused | None:
        """Asks the gateway to void or refund."""
        charge = next((one for one in self.state.charges if one.id == command.charge), None)
        refused = self._forbids(charge, command)
        if refused is not None or charge is None:
            return refused
        number = sum(one.changes for one in self.state.charges)
        self.emit(
            e.EffectRequested(
                id=f"{charge.id}.{command.kind}.{number}",
                kind=command.kind,
                step=charge.step,
                visit=charge.visit,
                args={
                    "charge": charge.id,
                    "gateway": charge.gateway,
                    "charge_id": charge.charge_id,
                    "amount": charge.amount,
                    "currency": charge.currency,
                    "by": self.state.agent,
                    "reason": command.reason.strip()[:200],
                },
            )
        )
        return None

    def _forbids(self, charge: Charge | None, command: c.TakeBack) -> c.Refused | None:
        if charge is None or charge.outcome != "ok":
            return c.Refused(code="no_such_charge", message="There is no approved charge to take back.")
        if self.state.unsettled is not None:
            return c.Refused(
                code="charge_unsettled", message="The gateway is still busy with a payment of this call."
            )
        if has_card_number(command.reason):
            return c.Refused(code="invalid", message="A reason must not hold a card number.")
        if command.kind == VOID and charge.settled:
            return c.Refused(
                code="settled", message="This payment is settled: it can only be refunded.",
                todo="Ask your supervisor.",
            )  # fmt: skip
        if command.kind == REFUND and not set(REFUND_ROLES) & set(self.moment.roles):
            return c.Refused(
                code="role_needed", message="A refund needs the role of a supervisor.",
                todo="Ask your supervisor to do it at this desk.",
            )  # fmt: skip
        return None

    def taken_back(self, ask: e.EffectRequested, command: c.Resolve) -> None:
        """What came of it: a paid order is open again."""
        self.emit(e.EffectResolved(id=command.id, outcome=command.outcome, result=command.result))
        amount = words(ask.args["amount"], ask.args["currency"])
        if command.outcome == "unknown":
            return
        if command.outcome == "ok":
            why = f": {ask.args['reason']}" if ask.args.get("reason") else ""
            done = f"A payment of {amount} was {_DONE[ask.kind]} by {ask.args['by']}{why}."
            self.incident(f"charge_{'voided' if ask.kind == VOID else 'refunded'}", done, ask.step)
            if self.state.cart.frozen and self.state.paid is None:
                self.emit(e.CartChanged(action="void", cart=replace(self.state.cart, frozen=False)))
            return
        reason = str(command.result.get("reason") or "The gateway did not do it.")
        self.incident("charge_not_taken_back", f"A payment of {amount} stays: {reason}", ask.step)
