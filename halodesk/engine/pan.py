"""Finding card numbers where none belong (PCI DSS 4.0.1, 3.3 and 3.5).

Rules:
- Digits of any script count, with up to three signs or blanks between two of them, as people
  write and paste them.
- A number may stand beside others ("2 x 4111 …"): every stretch of whole groups is tried.
- Lengths and first digits of the brands keep telephone and tracking numbers out.
"""

from __future__ import annotations

import re
import unicodedata

_RUN = re.compile(r"\d(?:(?:[^\w]|_){0,3}\d){12,}")
_GROUP = re.compile(r"\d+")
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[0-9]\d{14}|2[2-7]\d{14}"  # Mastercard, Maestro
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|09|6\d|[89]\d)\d{11}"  # Diners Club
    r"|(?:3|6|81)\d{14,17}"  # JCB, Discover, UnionPay, Maestro
)


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 annex B holds."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if index % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        str(value) if (value := unicodedata.decimal(found, None)) is not None else found for found in text
    )


def has_card_number(text: str) -> bool:
    """Whether some digits in the text are a card number."""
    for run in _RUN.finditer(_ascii(text)):
        groups = _GROUP.findall(run.group())
        for first in range(len(groups)):
            digits = ""
            for group in groups[first:]:
                digits += group
                if len(digits) > 19:
                    break
                if _BRANDS.fullmatch(digits) and luhn(digits) and len(set(digits)) > 1:
                    return True
    return False
