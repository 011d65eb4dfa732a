"""People, calls and callbacks as lines of a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import QCoreApplication

from halodesk.runtime.agent_ports import Lamp
from halodesk.runtime.agent_records import Callback, CallRecord
from halodesk.runtime.directory import Contact
from halodesk.ui.directory.table import Line
from halodesk.ui.parts.words import clock, phone_words

_LAMPS: dict[Lamp, tuple[str, str]] = {
    "idle": ("lamp", "success"),
    "ringing": ("lamp", "warning"),
    "talking": ("lamp", "danger"),
    "unknown": ("lamp_off", "edge"),
}


def tr(words: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("Directory", words)


def lamp_words(lamp: Lamp) -> str:
    """What a lamp means."""
    return {
        "idle": tr("Free"),
        "ringing": tr("Ringing"),
        "talking": tr("On a call"),
        "unknown": tr("Not known"),
    }[lamp]


def contact_line(one: Contact, lamps: Mapping[str, Lamp]) -> Line:
    """A person; with a lamp where the number has one."""
    lamp = lamps.get(one.number)
    icon, tint = _LAMPS[lamp] if lamp is not None else ("person", "muted")
    kind = {"mobile": tr("mobile"), "work": tr("work"), "home": tr("home")}.get(one.kind, "")
    number = phone_words(one.number) + (f"  ({kind})" if kind else "")
    star = "★ " if one.favourite else ""
    meaning = lamp_words(lamp) if lamp is not None else ""
    return Line(
        key=f"{one.name}\n{one.number}",
        cells=(f"{star}{one.name}", number, meaning, one.more),
        icon=icon,
        tint=tint,
        meaning=meaning,
    )


def call_line(one: CallRecord, name: str, now: float) -> Line:
    """A call of this seat."""
    if one.missed:
        icon, tint, meaning = "missed", "danger", tr("Missed")
    elif one.direction == "in":
        icon, tint, meaning = "incoming", "success" if one.answered_at else "muted", tr("Incoming")
    else:
        icon, tint, meaning = "dial", "accent_ink" if one.answered_at else "muted", tr("Outgoing")
    length = ""
    if one.answered_at is not None and one.ended_at is not None:
        length = clock(one.ended_at - one.answered_at)
    elif one.ended_at is not None:
        length = tr("not answered")
    who = name or one.name or phone_words(one.number) or tr("Unknown")
    return Line(
        key=one.key,
        cells=(who, phone_words(one.number), when(one.begun_at, now), length, one.outcome or one.reason),
        icon=icon,
        tint=tint,
        meaning=meaning,
        alarm=one.missed and not one.seen,
    )


def callback_line(one: Callback, name: str, now: float) -> Line:
    """Somebody to call."""
    due = one.due <= now
    return Line(
        key=one.id,
        cells=(
            one.name or name or phone_words(one.number),
            phone_words(one.number),
            when(one.due, now),
            one.note,
        ),
        icon="callback",
        tint="danger" if due else "muted",
        meaning=tr("Due") if due else tr("Planned"),
        alarm=due,
    )


def when(seconds: float, now: float) -> str:
    """The time; with the day where that is not today."""
    found, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(now)
    days = (found.date() - today.date()).days
    time = f"{found:%H:%M}"
    words = {0: tr("Today, {time}"), -1: tr("Yesterday, {time}"), 1: tr("Tomorrow, {time}")}.get(days)
    return words.format(time=time) if words is not None else f"{found:%Y-%m-%d %H:%M}"
