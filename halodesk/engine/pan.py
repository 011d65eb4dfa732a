"""Finding card numbers where none belong (PCI DSS 4.0.1, 3.3 and 3.5)."""

from __future__ import annotations

import re

_RUN = re.compile(r"\d(?:[ .\-]?\d){12,18}")


def luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 annex B holds."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if index % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def has_card_number(text: str) -> bool:
    """Whether some 13 to 19 digits in the text (blanks, dots, hyphens allowed) are a card number."""
    for run in _RUN.finditer(text):
        digits = re.sub(r"\D", "", run.group())
        if digits[0] in "23456" and luhn(digits) and len(set(digits)) > 1:
            return True
    return False
