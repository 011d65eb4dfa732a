"""What the sandbox gateway knows about cards. Pure; written apart from the seat's vault.

The seat checks a card before it sends it (`halodesk.runtime.vault`), the gateway checks it
again. The two share no code on purpose: a peer built from the same code agrees with its mistakes.

Test numbers (any expiry in the future, any CVV of the right length unless noted):

| number | brand | what happens |
| --- | --- | --- |
| 4242 4242 4242 4242 | visa | approved |
| 5555 5555 5555 4444, 2223 0031 2200 3222 | mastercard | approved |
| 3782 822463 10005 | amex (4-digit CVV) | approved |
| 6011 1111 1111 1117 | discover | approved |
| 3056 9309 0259 04 | diners | approved |
| 3566 0020 2036 0505 | jcb | approved |
| 6200 0000 0000 0005 | unionpay | approved |
| 4000 0000 0000 0002 | visa | charge declined: do_not_honor |
| 4000 0000 0000 9995 | visa | charge declined: insufficient_funds |
| 4000 0000 0000 9987 | visa | charge declined: lost_card |
| 4000 0000 0000 9979 | visa | charge declined: stolen_card |
| 4000 0000 0000 0119 | visa | charge declined: processing_error |
| 4000 0000 0000 0036 | visa | charge declined: postal_code_mismatch |
| 4000 0000 0000 0127 | visa | token declined: incorrect_cvv |

CVV 999 (Amex 9999) is wrong on every card. Postal code 00000 or 99999 does not match any card,
and a charge of it is declined. A street that begins with 0 does not match either; that declines
nothing, as an issuer's address check leaves the decision to the shop.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

import msgspec

PostalCheck = Literal["match", "mismatch", "not_checked"]
AddressCheck = Literal["match", "postal_code", "street", "mismatch", "not_checked"]
CardPart = Literal["number", "expiry", "cvv"]

LONGEST_VALIDITY_YEARS = 20
"""No issuer dates a card further ahead; a two-digit year beyond this is a typing mistake."""

_BRANDS: tuple[tuple[str, tuple[tuple[int, int], ...], frozenset[int]], ...] = (
    ("amex", ((34, 34), (37, 37)), frozenset({15})),
    ("diners", ((300, 305), (3095, 3095), (36, 36), (38, 39)), frozenset({14, 16, 19})),
    ("jcb", ((3528, 3589),), frozenset({16, 17, 18, 19})),
    ("visa", ((4, 4),), frozenset({13, 16, 19})),
    ("mastercard", ((51, 55), (2221, 2720)), frozenset({16})),
    ("unionpay", ((62, 62), (81, 81)), frozenset({16, 17, 18, 19})),
    ("discover", ((6011, 6011), (644, 649), (65, 65)), frozenset({16, 17, 18, 19})),
)
"""Brand, ranges of leading digits, lengths (ISO/IEC 7812-1 issuer numbers as the brands publish them)."""

_DECLINED_NUMBERS = {
    "4000000000000002": "do_not_honor",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000000000000119": "processing_error",
    "4000000000000036": "postal_code_mismatch",
}
_WRONG_CVV_NUMBER = "4000000000000127"
_POSTAL_CODE = re.compile(r"\d{5}(-?\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d", re.IGNORECASE)


class Refusal(msgspec.Struct, frozen=True):
    """Why card data is refused: a code and the part of the card it is about."""

    code: str
    field: CardPart


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that may be kept of a card: nothing of it is cardholder data beyond the last four digits."""

    brand: str
    last4: str
    decline: str = ""
    """The code with which a charge of this card is declined; empty: it is approved."""
    avs: AddressCheck = "not_checked"
    cvv: Literal["match"] = "match"
    """A wrong one makes no token."""


def luhn_ok(number: str) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, figure in enumerate(reversed(number)):
        value = int(figure) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return bool(number) and total % 10 == 0


def brand_of(number: str) -> str:
    """Brand by the leading digits; empty where no brand owns them."""
    for brand, ranges, _ in _BRANDS:
        for low, high in ranges:
            width = len(str(low))
            if len(number) >= width and low <= int(number[:width]) <= high:
                return brand
    return ""


def length_ok(number: str) -> bool:
    """Whether the number has a length that its brand issues."""
    brand = brand_of(number)
    return any(len(number) in lengths for name, _, lengths in _BRANDS if name == brand)


def expiry_ok(expiry: str, today: date) -> bool:
    """Whether a card of `expiry` (MMYY) is valid on `today`: through the last day of its month."""
    if not re.fullmatch(r"(0[1-9]|1[0-2])\d\d", expiry, re.ASCII):
        return False
    year, month = 2000 + int(expiry[2:]), int(expiry[:2])
    return (today.year, today.month) <= (year, month) and year <= today.year + LONGEST_VALIDITY_YEARS


def cvv_ok(cvv: str, brand: str) -> bool:
    """Whether the CVV has the brand's length: four digits on Amex, three elsewhere."""
    return bool(re.fullmatch(r"\d{4}" if brand == "amex" else r"\d{3}", cvv, re.ASCII))


def postal_check(postal_code: str) -> PostalCheck:
    """Address verification by postal code alone (US ZIP, ZIP+4, Canadian postal code).

    A code in a shape the gateway does not know is not checked, as issuers do abroad.
    """
    if not _POSTAL_CODE.fullmatch(postal_code.strip()):
        return "not_checked"
    return "mismatch" if postal_code.strip()[:5] in ("00000", "99999") else "match"


def address_check(line1: str, postal_code: str) -> AddressCheck:
    """Address verification: the street and the postal code, each by itself."""
    postal = postal_check(postal_code)
    street = "not_checked" if not line1.strip() else "mismatch" if line1.strip().startswith("0") else "match"
    if street == "not_checked":
        return "postal_code" if postal == "match" else postal
    if postal == "not_checked":
        return "street" if street == "match" else "mismatch"
    if postal == "match":
        return "match" if street == "match" else "postal_code"
    return "street" if street == "match" else "mismatch"


def examine(
    number: str, expiry: str, cvv: str, postal_code: str, today: date, line1: str = ""
) -> CardFacts | Refusal:
    """Check a card as an issuer would and return the little that may be kept of it."""
    if not re.fullmatch(r"\d{12,19}", number, re.ASCII) or not luhn_ok(number):
        return Refusal("invalid_number", "number")
    brand = brand_of(number)
    if not brand:
        return Refusal("unsupported_brand", "number")
    if not length_ok(number):
        return Refusal("invalid_number", "number")
    if not expiry_ok(expiry, today):
        return Refusal("invalid_expiry", "expiry")
    if not cvv_ok(cvv, brand):
        return Refusal("invalid_cvv", "cvv")
    if number == _WRONG_CVV_NUMBER or set(cvv) == {"9"}:
        return Refusal("incorrect_cvv", "cvv")
    decline = _DECLINED_NUMBERS.get(number, "")
    if postal_check(postal_code) == "mismatch":
        decline = "postal_code_mismatch"
    return CardFacts(brand=brand, last4=number[-4:], decline=decline, avs=address_check(line1, postal_code))
