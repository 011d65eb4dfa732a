"""The vault: where digits of capture fields live between the key press and the gateway.

Rules:
- Memory only. Nothing here is written, logged, pickled or printed; what leaves is a view for the
  gateway, a count for the dots on the screen, and the last four digits (PCI DSS 4.0.1, 3.4.1).
- A buffer is a `bytearray` made once at full size: one that grows leaves its old copies behind.
  It is zeroed in place before it is let go. Python gives no promise beyond that (3.3.1: best effort).
- Digits are taken only while the vault is unlocked, which is what a held mask lease does. `lock`
  zeroes every buffer under the same lock that `push` takes, so no digit survives a race with it.
- Digits live for a limited time from the first one on, whether or not anybody looks.
- A wiped field is empty, not an error: whoever looks at it later sees no digits. Views that are
  still open see zeros.
- Any thread may call; listeners run on the thread that wiped, after the lock is given back.

A field of kind `ssn`, `medicare_id`, `bank_account` or `other` follows the same rules as a card
number. An expiry date is `other`.
"""

from __future__ import annotations

import string
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Literal, NoReturn

import msgspec

from halodesk.runtime.ports import Unsubscribe

SecretKind = Literal["card_number", "cvv", "ssn", "medicare_id", "bank_account", "other"]
PushResult = Literal["taken", "locked", "full", "closed", "not_allowed"]
WipeReason = Literal["used", "left_step", "mask_lost", "hang_up", "time_limit", "shutdown"]

LIFETIME_SECONDS = 300.0
"""How long digits may wait for the gateway: a slow caller reading a card takes about two minutes."""

LONGEST_SECRET = 64
"""Bound of a buffer, in characters."""

_DIGITS = frozenset(string.digits)
_DIGITS_AND_LETTERS = _DIGITS | frozenset(string.ascii_uppercase)
_ALLOWED: dict[SecretKind, frozenset[str]] = {
    "card_number": _DIGITS,
    "cvv": _DIGITS,
    "ssn": _DIGITS,
    "medicare_id": _DIGITS_AND_LETTERS,
    "bank_account": _DIGITS,
    "other": _DIGITS_AND_LETTERS,
}


class SecretHandle(msgspec.Struct, frozen=True):
    """Names one secret field of one session; safe to store and to log."""

    session: str
    step: str
    field: str


class _Secret:
    __slots__ = ("allowed", "born", "buffer", "length")

    def __init__(self, kind: SecretKind, size: int) -> None:
        self.allowed = _ALLOWED[kind]
        self.buffer = bytearray(size)
        self.length = 0
        self.born = 0.0

    def zero(self) -> bool:
        """Overwrite in place; whether there was something."""
        had_digits = self.length > 0
        self.buffer[:] = bytes(len(self.buffer))
        self.length = 0
        return had_digits


class Vault:
    """Secrets of the running session. `mono` gives monotonic seconds; the vault starts locked."""

    def __init__(self, mono: Callable[[], float], *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._mono = mono
        self._lifetime = lifetime_seconds
        self._guard = threading.Lock()
        self._secrets: dict[SecretHandle, _Secret] = {}
        self._unlocked = False
        self._listeners: list[Callable[[SecretHandle, WipeReason], None]] = []

    def __repr__(self) -> str:
        """Nothing of what is inside."""
        return "<Vault>"

    def __reduce__(self) -> NoReturn:
        """A vault is not copied or pickled. Raises `TypeError`."""
        raise TypeError("a vault is not copied")

    def subscribe(self, listener: Callable[[SecretHandle, WipeReason], None]) -> Unsubscribe:
        """Tell `listener` of every field that lost digits it had, and why; it must not block or raise."""
        with self._guard:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._guard:
                self._listeners.remove(listener)

        return unsubscribe

    def unlock(self) -> None:
        """Take digits from now on: the mask lease is held."""
        with self._guard:
            self._unlocked = True

    def lock(self, reason: WipeReason = "mask_lost") -> None:
        """Take no digits from now on and zero all there are. Fields stay open and are empty."""
        with self._guard:
            self._unlocked = False
            wiped = self._zero_all()
        self._tell(wiped, reason)

    def open(self, handle: SecretHandle, *, kind: SecretKind, max_digits: int) -> None:
        """Begin an empty field of at most `max_digits` characters; one that is open begins again.

        Raises `ValueError` for a size that no field has.
        """
        if not 0 < max_digits <= LONGEST_SECRET:
            raise ValueError(f"a secret has 1 to {LONGEST_SECRET} characters")
        secret = _Secret(kind, max_digits)
        with self._guard:
            before = self._secrets.get(handle)
            if before is not None:
                before.zero()
            self._secrets[handle] = secret

    def push(self, handle: SecretHandle, digit: str) -> PushResult:
        """Add one character, and say whether it was taken.

        `digit` is one character: the interpreter shares those, so no new string is left behind.
        """
        with self._guard:
            if not self._unlocked:
                return "locked"
            secret = self._secrets.get(handle)
            if secret is None:
                return "closed"
            if digit not in secret.allowed:
                return "not_allowed"
            if secret.length == len(secret.buffer):
                return "full"
            if secret.length == 0:
                secret.born = self._mono()
            secret.buffer[secret.length] = ord(digit)
            secret.length += 1
            return "taken"

    def backspace(self, handle: SecretHandle) -> None:
        """Take the last character away."""
        with self._guard:
            secret = self._secrets.get(handle)
            if secret is not None and secret.length:
                secret.length -= 1
                secret.buffer[secret.length] = 0

    def clear(self, handle: SecretHandle) -> None:
        """Empty a field at the agent's wish; it stays open, and listeners are not told."""
        with self._guard:
            secret = self._secrets.get(handle)
            if secret is not None:
                secret.zero()

    def length(self, handle: SecretHandle) -> int:
        """How many characters a field has; 0 where there is no such field."""
        with self._guard:
            secret = self._secrets.get(handle)
            return secret.length if secret is not None else 0

    @contextmanager
    def view(self, handle: SecretHandle) -> Iterator[memoryview]:
        """The characters as ASCII, read-only, for the length of the `with` block.

        The view is of the buffer itself, so a wipe meanwhile shows in it as zeros; it is dead
        after the block. Empty where there is no such field.
        """
        with self._guard:
            secret = self._secrets.get(handle)
            buffer, length = (secret.buffer, secret.length) if secret is not None else (bytearray(), 0)
        with memoryview(buffer) as whole, whole[:length] as part, part.toreadonly() as view:
            yield view

    def wipe(self, handle: SecretHandle, reason: WipeReason = "used") -> None:
        """Zero one field and forget it."""
        with self._guard:
            secret = self._secrets.pop(handle, None)
            had_digits = secret is not None and secret.zero()
        self._tell([handle] if had_digits else [], reason)

    def wipe_all(self, reason: WipeReason) -> None:
        """Zero and forget every field, e.g. when the call hangs up."""
        with self._guard:
            wiped = self._zero_all()
            self._secrets.clear()
        self._tell(wiped, reason)

    def expire(self) -> None:
        """Zero every field whose time is over; called once a second. The field stays open."""
        now = self._mono()
        with self._guard:
            late = [
                handle
                for handle, secret in self._secrets.items()
                if secret.length and now - secret.born >= self._lifetime
            ]
            for handle in late:
                self._secrets[handle].zero()
        self._tell(late, "time_limit")

    def _zero_all(self) -> list[SecretHandle]:
        return [handle for handle, secret in self._secrets.items() if secret.zero()]

    def _tell(self, handles: list[SecretHandle], reason: WipeReason) -> None:
        with self._guard:
            listeners = tuple(self._listeners)
        for handle in handles:
            for listener in listeners:
                listener(handle, reason)


# --- checks on the buffer: no string of the digits is made ----------------------------------------

Brand = Literal["", "amex", "diners", "discover", "jcb", "mastercard", "unionpay", "visa"]

_ZERO = ord("0")
_BRANDS: tuple[tuple[int, int, Brand], ...] = (
    # Leading four digits from, to (ISO/IEC 7812-1 issuer numbers as the brands publish them).
    (2221, 2720, "mastercard"),
    (3000, 3059, "diners"),
    (3095, 3095, "diners"),
    (3400, 3499, "amex"),
    (3528, 3589, "jcb"),
    (3600, 3699, "diners"),
    (3700, 3799, "amex"),
    (3800, 3999, "diners"),
    (4000, 4999, "visa"),
    (5100, 5599, "mastercard"),
    (6011, 6011, "discover"),
    (6200, 6299, "unionpay"),
    (6440, 6599, "discover"),
    (8100, 8199, "unionpay"),
)
_LENGTHS: dict[Brand, frozenset[int]] = {
    "": frozenset(),
    "amex": frozenset({15}),
    "diners": frozenset({14, 16, 19}),
    "discover": frozenset({16, 17, 18, 19}),
    "jcb": frozenset({16, 17, 18, 19}),
    "mastercard": frozenset({16}),
    "unionpay": frozenset({16, 17, 18, 19}),
    "visa": frozenset({13, 16, 19}),
}
_LONGEST_VALIDITY_YEARS = 20


def _only_digits(digits: memoryview) -> bool:
    return len(digits) > 0 and all(_ZERO <= code <= _ZERO + 9 for code in digits)


def luhn_ok(number: memoryview) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    if not _only_digits(number):
        return False
    total = 0
    for place in range(len(number)):
        value = number[-1 - place] - _ZERO
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def brand(number: memoryview) -> Brand:
    """Brand by the first four digits; empty while there are fewer, or where no brand owns them."""
    if len(number) < 4 or not _only_digits(number[:4]):
        return ""
    prefix = 0
    for code in number[:4]:
        prefix = prefix * 10 + code - _ZERO
    return next((name for low, high, name in _BRANDS if low <= prefix <= high), "")


def number_ok(number: memoryview) -> bool:
    """Whether this can be a card number: a brand, a length it issues, a right check digit."""
    return len(number) in _LENGTHS[brand(number)] and luhn_ok(number)


def expiry_ok(expiry: memoryview, today: date) -> bool:
    """Whether a card of `expiry` (MMYY) is valid on `today`: through the last day of its month."""
    if len(expiry) != 4 or not _only_digits(expiry):
        return False
    month = (expiry[0] - _ZERO) * 10 + expiry[1] - _ZERO
    year = 2000 + (expiry[2] - _ZERO) * 10 + expiry[3] - _ZERO
    return (
        1 <= month <= 12
        and (year, month) >= (today.year, today.month)
        and year <= today.year + _LONGEST_VALIDITY_YEARS
    )


def cvv_length(card_brand: Brand) -> int:
    """How many digits the brand's CVV has."""
    return 4 if card_brand == "amex" else 3


def last4(number: memoryview) -> str:
    """The part of a card number that may be shown and kept (PCI DSS 4.0.1, 3.4.1).

    Empty for anything shorter than a card number: four digits of nine are no longer a mask.
    """
    if len(number) < min(_LENGTHS["visa"]) or not _only_digits(number):
        return ""
    return bytes(number[-4:]).decode("ascii")
