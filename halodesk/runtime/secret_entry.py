"""Typing into the vault: one digit at a time, checked on the buffer, told to the session as a handle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from halodesk.engine import commands as c
from halodesk.engine.page import FieldView
from halodesk.runtime import vault as v
from halodesk.runtime.ports import SecretView
from halodesk.runtime.session import LiveSession

_MAX = {"card_number": 19, "cvv": 4, "ssn": 9, "medicare_id": 11, "bank_account": 17, "other": 20}
_EXPIRY = 4
_WIPE: dict[str, v.WipeReason] = {
    "used": "used",
    "left": "left_step",
    "mask_lost": "mask_lost",
    "hang_up": "hang_up",
    "restart": "shutdown",
}


def handle_name(step: str, field: str) -> str:
    """What the session and its log know of a secret: where it was typed."""
    return f"{step}:{field}"


def vault_handle(session: str, name: str) -> v.SecretHandle:
    """The vault's own handle of such a name."""
    step, _, field = name.partition(":")
    return v.SecretHandle(session, step, field)


_NOT_TAKEN = "This kind of card is not taken here. Ask for another card."


class SecretEntry:
    """Main thread only; the vault itself may be locked from any thread."""

    def __init__(
        self, vault: v.Vault, today: Callable[[], date], why_not_sealed: Callable[[], str] = lambda: ""
    ) -> None:
        """`why_not_sealed`: why this seat cannot keep a sealed value, in words; empty: it can."""
        self._vault = vault
        self._why_not_sealed = why_not_sealed
        self._today = today
        self._opened: set[v.SecretHandle] = set()

    def lock(self, reason: str) -> None:
        """Take nothing any more and forget everything typed."""
        self._vault.lock(_WIPE.get(reason, "left_step"))

    def wipe(self, reason: str) -> None:
        """Forget everything typed; more may be typed while the mask is held."""
        self._vault.wipe_all(_WIPE.get(reason, "left_step"))
        self._opened.clear()

    def view(self, session: LiveSession | None, field: str) -> SecretView:
        """Count, brand, last four once complete, and what is wrong."""
        found = self._field(session, field)
        if session is None or found is None:
            return SecretView()
        return self._refused(found) or self._judge(session, found)

    def type(self, session: LiveSession | None, field: str, digit: str) -> SecretView:
        """One character; ignored when the vault is locked or the field is full."""
        found = self._field(session, field)
        if session is None or found is None or session.state.stage != "page":
            return self.view(session, field)
        refused = self._refused(found)
        if refused is not None:
            return refused
        handle = self._handle(session, field)
        if handle not in self._opened:
            self._vault.open(handle, kind=self._kind(found), max_digits=self._most(found))
            self._opened.add(handle)
        self._vault.push(handle, digit)
        return self._told(session, found)

    def erase(self, session: LiveSession | None, field: str, *, all_digits: bool = False) -> SecretView:
        """The last character, or all."""
        found = self._field(session, field)
        if session is None or found is None or session.state.stage != "page":
            return self.view(session, field)
        handle = self._handle(session, field)
        if all_digits:
            self._vault.clear(handle)
        else:
            self._vault.backspace(handle)
        return self._told(session, found)

    def expired(self, session: LiveSession | None, handle: v.SecretHandle) -> None:
        """Digits lay in the vault for too long and are gone."""
        if session is not None and session.id == handle.session:
            session.do(c.ClearSecret(field=handle.field))

    def _refused(self, field: FieldView) -> SecretView | None:
        """A field whose digits could not be kept takes none: said before the caller reads them out."""
        problem = self._why_not_sealed() if field.retention == "sealed" else ""
        return SecretView(problem=problem) if problem else None

    def _told(self, session: LiveSession, field: FieldView) -> SecretView:
        view = self._tell(session, field)
        if field.kind == "card_number":  # the brand decides how long the code is
            for other in session.page.fields:
                if other.kind == "cvv":
                    self._tell(session, other)
        return view

    def _tell(self, session: LiveSession, field: FieldView) -> SecretView:
        view = self._judge(session, field)
        if view.complete and not view.problem:
            name = handle_name(session.state.step, field.name)
            session.do(c.EnterSecret(field=field.name, handle=name))
        elif field.name in session.state.secrets:
            session.do(c.ClearSecret(field=field.name))
        return view

    def _field(self, session: LiveSession | None, name: str) -> FieldView | None:
        if session is None:
            return None
        return next((f for f in session.page.fields if f.name == name and f.type == "encrypted"), None)

    def _handle(self, session: LiveSession, field: str) -> v.SecretHandle:
        return v.SecretHandle(session.id, session.state.step, field)

    def _kind(self, field: FieldView) -> v.SecretKind:
        return field.kind if field.kind in _MAX else "other"  # type: ignore[return-value]  # a key of _MAX is a kind

    def _most(self, field: FieldView) -> int:
        if field.role == "expiry":
            return _EXPIRY
        given = field.config.get("max_digits")
        return given if isinstance(given, int) and 0 < given <= v.LONGEST_SECRET else _MAX[self._kind(field)]

    def _judge(self, session: LiveSession, field: FieldView) -> SecretView:
        with self._vault.view(self._handle(session, field.name)) as digits:
            length = len(digits)
            if not length:
                return SecretView()
            if field.kind == "card_number":
                return self._judge_number(digits, field.config.get("brands"))
            if field.kind == "cvv":
                wanted = self._cvv_length(session)
                problem = "" if length <= wanted else f"This card's code has {wanted} digits."
                return SecretView(length=length, complete=length >= wanted, problem=problem)
            if field.role == "expiry":
                return self._judge_expiry(digits)
            given = field.config.get("min_digits")
            least = given if isinstance(given, int) else self._most(field)
            return SecretView(length=length, complete=length >= least)

    def _judge_number(self, digits: memoryview, taken: object) -> SecretView:
        brand = v.brand(digits)
        if brand and isinstance(taken, list | tuple) and brand not in taken:
            return SecretView(length=len(digits), brand=brand, problem=_NOT_TAKEN)
        full = len(digits) >= (15 if brand == "amex" else 16)
        good = v.number_ok(digits)
        problem = (
            "" if good or not full else "This is not a card number: one digit is wrong. Ask for it again."
        )
        return SecretView(
            length=len(digits),
            complete=good,
            last4=v.last4(digits) if good else "",
            brand=brand,
            problem=problem,
        )

    def _judge_expiry(self, digits: memoryview) -> SecretView:
        if len(digits) < _EXPIRY:
            return SecretView(length=len(digits))
        good = v.expiry_ok(digits, self._today())
        problem = "" if good else "This date is past or is no month and year (MM/YY)."
        return SecretView(length=len(digits), complete=good, problem=problem)

    def _cvv_length(self, session: LiveSession) -> int:
        number = next((f for f in session.page.fields if f.kind == "card_number"), None)
        if number is None:
            return 3
        with self._vault.view(self._handle(session, number.name)) as digits:
            return v.cvv_length(v.brand(digits))
