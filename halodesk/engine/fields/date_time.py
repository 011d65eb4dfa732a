"""date_time: a day and a time in a named zone, kept as UTC, zone and local time.

Rules:
- The value is `{"utc": "2026-11-21T19:30:00Z", "zone": "America/New_York",
  "local": "2026-11-21T14:30"}`: `utc` is the point in time, `local` is what was said.
- A local time that the clocks skip is refused with both ends of the gap; one that comes twice
  is asked about, and `fold` 0 or 1 (first or second) is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from babel.dates import format_time

from halodesk.engine.fields.base import Plain, Problem, in_words, locale_of, plain_text
from halodesk.engine.fields.date import TYPE as DATE
from halodesk.engine.fields.date import bounds_in_words, outside, read, say
from halodesk.engine.flow import Field
from halodesk.engine.zones import exact, folded, gap_at, zone

_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))?\s*(?P<half>[ap]\.?\s?m?\.?)?", re.IGNORECASE
)


class DateTime(Plain):
    """`config`: `zone` (IANA name, "UTC"), `zones` (names to choose from), `min`, `max` (ISO dates),
    `locale`."""

    name = "date_time"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """UTC, zone and local time; `raw` has `date`, `time`, `zone` and `fold`, or is an ISO text."""
        parts = _taken_apart(field, raw)
        if not isinstance(parts, tuple):
            return parts
        local, name, where, fold = parts
        gap = gap_at(local, where)
        if gap is not None:
            return Problem(
                f"{_clock(local, field)} does not exist on {say(local.date(), field, 'long')} in "
                f"{place(name)}: the clocks go forward from {_clock(gap.before, field)} to "
                f"{_clock(gap.after, field)}. Choose a time before or after."
            )
        if folded(local, where) and fold is None:
            first, second = _both(local, where)
            return Problem(
                f"{_clock(local, field)} comes twice on {say(local.date(), field, 'long')} in "
                f"{place(name)}, because the clocks go back: is it the first ({first}) or the "
                f"second ({second})?"
            )
        wrong = outside(field, local.date())
        if wrong is not None:
            return wrong
        try:
            point = exact(local, where, fold or 0)
        except OverflowError:
            return Problem("This date is out of reach.")
        return {
            "utc": point.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "zone": name,
            "local": local.isoformat(timespec="minutes"),
        }

    def show(self, field: Field, value: Any) -> str:
        """`Nov 21, 2026, 2:30 PM EST`: the zone's short name is the one of that day."""
        return _worded(field, value, "medium")

    def reads(self, field: Field, value: Any) -> str:
        """With its day of the week, and the same in UTC."""
        words, found = _worded(field, value, "full"), instant(value)
        if found is None:
            return ""
        same = found[1] is UTC
        return words if same else f"{words} ({_clock(found[0].astimezone(UTC), field)} UTC)"

    def twice(self, field: Field, raw: Any) -> tuple[str, str] | None:
        """Both readings of a time that comes twice ("1:30 AM EDT", "1:30 AM EST"), or None."""
        parts = _taken_apart(field, raw)
        if not isinstance(parts, tuple) or not folded(parts[0], parts[2]):
            return None
        first, second = _both(parts[0], parts[2])
        return f"{_clock(parts[0], field)} {first}", f"{_clock(parts[0], field)} {second}"

    def input_words(self, field: Field, value: Any) -> dict[str, Any]:
        """As it stands in the inputs: `date`, `time`, `zone`, `fold`."""
        found = instant(value)
        if found is None:
            return {"date": "", "time": "", "zone": zones_of(field)[0], "fold": None}
        here = found[0].astimezone(found[1])
        local = here.replace(tzinfo=None)
        return {
            "date": DATE.input_words(field, local.date().isoformat()),
            "time": _clock(local, field),
            "zone": value["zone"],
            "fold": here.fold if folded(local.replace(fold=0), found[1]) else None,
        }

    def schema(self, field: Field) -> dict[str, Any]:
        """An ISO time; where several zones are taken, with its zone."""
        zones = zones_of(field)
        words = "Local time as YYYY-MM-DDTHH:MM; with its UTC offset where the clocks strike that hour twice."
        local = {"type": "string", "description": f"{words} {bounds_in_words(field)}".strip()}
        if len(zones) == 1:
            return {**local, "description": f"{local['description']} In {place(zones[0])}."}
        return {
            "type": "object",
            "properties": {"date": local, "zone": {"type": "string", "enum": zones}},
            "required": ["date", "zone"],
        }

    def check(self, field: Field) -> Iterator[str]:
        """Known zones, limits that are dates."""
        yield from DATE.check(field)
        for name in zones_of(field):
            if zone(name) is None:
                yield f'"{name}" is no time zone such as America/New_York'


def zones_of(field: Field) -> list[str]:
    """Zones the field takes, the usual one first."""
    own = str(field.config.get("zone") or "")
    several = field.config.get("zones")
    names = [str(name) for name in several] if isinstance(several, list) else []
    return list(dict.fromkeys(filter(None, (own, *names)))) or ["UTC"]


def place(name: str) -> str:
    """The zone in words: "New York"."""
    if name == "UTC":
        return "UTC"
    return name.rpartition("/")[2].replace("_", " ")


def instant(value: Any) -> tuple[datetime, tzinfo] | None:
    """The point in time and the zone of a value of this type, or None."""
    if not isinstance(value, dict):
        return None
    where = zone(str(value.get("zone")))
    try:
        point = datetime.fromisoformat(str(value.get("utc")))
    except ValueError:
        return None
    return None if where is None or point.tzinfo is None else (point, where)


def _taken_apart(field: Field, raw: Any) -> tuple[datetime, str, tzinfo, int | None] | Problem | None:
    """Local time, zone and which of two; a Problem with what is wrong, None for nothing at all."""
    name, fold = zones_of(field)[0], None
    if isinstance(raw, dict):
        if "local" in raw and "utc" in raw:  # a value of this type, as a prefill or a default
            raw = {"date": str(raw["utc"]), "time": "", "zone": raw.get("zone")}
        name = str(raw.get("zone") or name)
        fold = raw.get("fold") if raw.get("fold") in (0, 1) else None
        day_text, time_text = (plain_text(raw.get(key), 60, one_line=True) for key in ("date", "time"))
    else:
        day_text, time_text = plain_text(raw, 60, one_line=True), None
    for text in (day_text, time_text):
        if isinstance(text, Problem):
            return text
    if not isinstance(day_text, str):
        return None if time_text is None else Problem("The date is missing.")
    where = zone(name)
    if where is None or name not in zones_of(field):
        return Problem(f"Times are in {in_words([place(each) for each in zones_of(field)])} here.")
    if "T" in day_text and not time_text:
        return _from_iso(day_text, name, where, fold)
    day = read(day_text, locale_of(field))
    if isinstance(day, Problem):
        return day
    if not isinstance(time_text, str):
        return Problem("The time is missing.")
    clock = _read_time(time_text)
    return clock if isinstance(clock, Problem) else (datetime.combine(day, clock), name, where, fold)


def _from_iso(
    text: str, name: str, where: tzinfo, fold: int | None
) -> tuple[datetime, str, tzinfo, int | None] | Problem:
    try:
        point = datetime.fromisoformat(text)
        if point.tzinfo is None:
            return point.replace(second=0, microsecond=0), name, where, fold
        here = point.astimezone(where)
    except (ValueError, OverflowError):
        return Problem("This is not a time. Example: 2026-11-21T14:30.")
    return here.replace(tzinfo=None, second=0, microsecond=0, fold=0), name, where, here.fold


def _read_time(text: str) -> time | Problem:
    wrong = Problem("This is not a time of day. Example: 2:30 PM, or 14:30.")
    found = _TIME.fullmatch(text.strip())
    if found is None or (found["minute"] is None and not found["half"]):
        return wrong
    hour, half = int(found["hour"]), (found["half"] or "")[:1].lower()
    if half:
        if not 1 <= hour <= 12:
            return wrong
        hour = hour % 12 + (12 if half == "p" else 0)
    minute = int(found["minute"] or 0)
    return time(hour, minute) if hour < 24 and minute < 60 else wrong


def _clock(local: datetime, field: Field) -> str:
    """`2:30 PM`."""
    words = format_time(local.replace(tzinfo=None), "short", locale=locale_of(field))
    return words.replace("\u202f", " ")


def _both(local: datetime, where: tzinfo) -> tuple[str, str]:
    first, second = (_short_zone(local.replace(tzinfo=where, fold=fold)) for fold in (0, 1))
    return first, second


def _short_zone(here: datetime) -> str:
    """The zone's short name on that day ("EST"); an offset where the zone has no letters ("UTC-03")."""
    name = here.tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def _worded(field: Field, value: Any, style: str) -> str:
    found = instant(value)
    if found is None:
        return str(value)
    here = found[0].astimezone(found[1])
    return f"{say(here.date(), field, style)}, {_clock(here, field)} {_short_zone(here)}"


TYPE = DateTime()
