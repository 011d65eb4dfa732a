"""Conditions: typed comparison of a captured value with a value of the flow.

Rules:
- All conditions of a route must hold; `any_of` inside one is an OR group.
- Numbers compare as numbers (10 > 9, and "10" > 9 where the text is a number), ISO dates and
  times as points in time (UTC where no zone is given, a date as its midnight), all else as
  text without regard to case.
- An amount of money compares as its number, with another amount only in the same currency.
- A time with a zone (a date_time field) is a point in time; a date or a time without a zone
  that it is compared with is meant in that zone. Where the clocks skip such a time, it is read
  with the offset before the change (PEP 495); where it comes twice, as the first.
- null is not "": null equals null only, and any order with null is false.
- Text with a leading zero ("007") is text, never a number: a postal code or a phone
  number must not be equal to 7.
- `matches` is a full match in RE2, which cannot backtrack for ever.
- A condition that cannot be evaluated is false; the health check names it beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from halodesk.engine.flow import Condition
from halodesk.engine.money import is_money
from halodesk.engine.patterns import full_match
from halodesk.engine.zones import exact, zone

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,30})(\.\d{1,30})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def holds(conditions: Sequence[Condition], values: Mapping[str, Any]) -> bool:
    """Whether all conditions hold for these values; none at all always holds."""
    return all(_one(condition, values) for condition in conditions)


def look_up(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path (`shipping.city`), or None where it leads nowhere."""
    if path in values:
        return values[path]
    here: Any = values
    for name in path.split("."):
        if isinstance(here, Mapping) and name in here:
            here = here[name]
        else:
            return None
    return here


def is_empty(value: Any) -> bool:
    """null, "", [], {} and blank text; false and 0 are values."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | dict) and not value)


def number_of(value: Any) -> Decimal | None:
    """The number a comparison takes a value for, or None."""
    return _as_number(value)


def time_of(value: Any) -> datetime | None:
    """The point in time a comparison takes a value for, or None."""
    return _as_time(value, UTC)


def _one(condition: Condition, values: Mapping[str, Any]) -> bool:
    if condition.any_of:
        return any(_one(inner, values) for inner in condition.any_of)
    known = OPERATORS.get(condition.op)
    return known is not None and known(look_up(values, condition.variable), condition.value)


def _as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    return Decimal(value["amount"]) if is_money(value) else None


def _zone_of(value: Any) -> tzinfo | None:
    """The zone of a value of a date_time field."""
    if isinstance(value, Mapping) and "utc" in value and isinstance(value.get("zone"), str):
        return zone(value["zone"])
    return None


def _as_time(value: Any, where: tzinfo) -> datetime | None:
    """The point in time; what has no zone of its own is meant in `where`."""
    if isinstance(value, Mapping):
        value = value.get("utc") if _zone_of(value) is not None else None
    if not isinstance(value, str) or not _DATE.match(value.strip()):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return time if time.tzinfo is not None else exact(time, where)
    except (ValueError, OverflowError):
        return None


def _order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None where the two cannot be compared."""
    if left is None or right is None:
        return None
    if is_money(left) and is_money(right) and left["currency"] != right["currency"]:
        return None
    numbers = _as_number(left), _as_number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    where = _zone_of(left) or _zone_of(right) or UTC
    times = _as_time(left, where), _as_time(right, where)
    if times[0] is not None and times[1] is not None:
        return (times[0] > times[1]) - (times[0] < times[1])
    if isinstance(left, str) and isinstance(right, str):
        a_text, b_text = left.strip().casefold(), right.strip().casefold()
        return (a_text > b_text) - (a_text < b_text)
    return None


def _equals(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return _as_bool(left) is _as_bool(right) and _as_bool(left) is not None
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(_equals(a, b) for a, b in zip(left, right, strict=True))
    order = _order(left, right)
    return order == 0 if order is not None else str(left).strip().casefold() == str(right).strip().casefold()


def _as_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().casefold() in ("true", "yes"):
        return True
    if isinstance(value, str) and value.strip().casefold() in ("false", "no"):
        return False
    return None


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, list | tuple):
        return any(_equals(item, right) for item in left)
    if left is None or right is None:
        return False
    return str(right).casefold() in str(left).casefold()


def _matches(left: Any, right: Any) -> bool:
    if left is None or not isinstance(right, str):
        return False
    return full_match(right, str(left))


def _ordered(test: Callable[[int], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        order = _order(left, right)
        return order is not None and test(order)

    return compare


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "not_equals": lambda left, right: not _equals(left, right),
    "greater_than": _ordered(lambda order: order > 0),
    "greater_or_equal": _ordered(lambda order: order >= 0),
    "less_than": _ordered(lambda order: order < 0),
    "less_or_equal": _ordered(lambda order: order <= 0),
    "contains": _contains,
    "is_empty": lambda left, right: is_empty(left),
    "not_contains": lambda left, right: not _contains(left, right),
    "is_not_empty": lambda left, right: not is_empty(left),
    "starts_with": lambda left, right: (
        left is not None and right is not None and str(left).casefold().startswith(str(right).casefold())
    ),
    "in_list": lambda left, right: (
        left is not None and isinstance(right, list | tuple) and any(_equals(left, item) for item in right)
    ),
    "matches": _matches,
}
