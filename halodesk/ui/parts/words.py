"""Numbers and times as people write them."""

from __future__ import annotations

from halodesk.engine.flow import Field
from halodesk.engine.registry import field_types

_PHONE = Field(name="number", type="phone")


def phone_words(number: str) -> str:
    """A telephone number in its national form; an extension or anything else as it is."""
    digits = sum(found.isdigit() for found in number)
    if digits < 7 or not number.lstrip("+").replace(" ", "").isdigit():
        return number
    return field_types()["phone"].show(_PHONE, number)


def clock(seconds: float) -> str:
    """`mm:ss`, with hours where there are any."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
