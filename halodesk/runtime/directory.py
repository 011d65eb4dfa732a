"""The directory: people one can call, and finding them as one types.

Rules:
- A search finds contacts in which each typed word begins a word; accents and case do not matter. Digits
  find numbers that hold them, in whatever form they are written.
- Favourites come first, then names in order.
- One person with three numbers is three lines: a line is something to call.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec

MOST_CONTACTS = 50_000
MOST_FOUND = 200
"""Lines shown at a time: more are not read, the search gets longer."""

_NAMES = ("name", "full name", "fn", "display name", "contact")
_NUMBERS = {
    "number": "",
    "phone": "",
    "telephone": "",
    "tel": "",
    "extension": "",
    "mobile": "mobile",
    "cell": "mobile",
    "work": "work",
    "home": "home",
}
_MORE = ("company", "organisation", "organization", "org", "department", "title", "email", "note")
_TAIL = 9
"""Digits of a number that no country code is part of."""
_LAST = chr(0x10FFFF)
_SPLIT = re.compile(r"[\s,;/.@()_-]+")


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One number of one person."""

    name: str
    number: str
    kind: str = ""
    """Which of the numbers: mobile, work, home."""
    more: str = ""
    """Company, department and the like, as one line."""
    favourite: bool = False
    plain: str = ""
    """The number's digits."""
    words: tuple[str, ...] = ()
    """What is searched: words without case and accents."""


def fold(text: str) -> str:
    """Without case and accents."""
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in split if not unicodedata.combining(sign))


def plain_number(number: str) -> str:
    """What a number is compared by: its digits, `*` and `#`."""
    return "".join(sign for sign in number if sign in "0123456789*#")


def contact(name: str, number: str, *, kind: str = "", more: str = "", favourite: bool = False) -> Contact:
    """A contact, ready to be searched."""
    words = tuple(word for word in _SPLIT.split(fold(f"{name} {more}")) if word)
    return Contact(
        name=name,
        number=number,
        kind=kind,
        more=more,
        favourite=favourite,
        plain=plain_number(number),
        words=words,
    )


def from_row(row: Mapping[str, Any]) -> list[Contact]:
    """The contacts of a row of a list, by the names of its columns; none where it has no number."""
    values = {str(key).strip().casefold(): str(value or "").strip() for key, value in row.items()}
    name = next((values[key] for key in _NAMES if values.get(key)), "")
    if not name:
        parts = (values.get(key, "") for key in ("first name", "first_name", "last name", "last_name"))
        name = " ".join(filter(None, parts))
    more = " · ".join(values[key] for key in _MORE if values.get(key))
    numbers = [(values[key], kind) for key, kind in _NUMBERS.items() if values.get(key)]
    return [
        contact(name or number, number, kind=kind, more=more)
        for number, kind in numbers
        if plain_number(number)
    ]


class Contacts:
    """All contacts, favourites first."""

    def __init__(self, listed: Iterable[Contact] = (), favourites: Mapping[str, str] | None = None) -> None:
        """`favourites`: names by number."""
        chosen = dict(favourites or {})
        by_plain = {plain_number(number): name for number, name in chosen.items()}
        all_ = [
            msgspec.structs.replace(one, favourite=True) if one.plain in by_plain else one for one in listed
        ]
        known = {one.plain for one in all_}
        all_ += [
            contact(name or number, number, favourite=True)
            for number, name in chosen.items()
            if plain_number(number) not in known
        ]
        self.lines: Sequence[Contact] = sorted(
            all_[:MOST_CONTACTS], key=lambda one: (not one.favourite, fold(one.name), one.number)
        )
        index = sorted((word, place) for place, one in enumerate(self.lines) for word in set(one.words))
        self._words = [word for word, _ in index]
        self._places = [place for _, place in index]
        self._numbers = "\n".join(one.plain for one in self.lines)
        self._begins = [0, *accumulate(len(one.plain) + 1 for one in self.lines)][:-1]
        """Where each line's number begins in `_numbers`."""
        self._names = {one.plain: one.name for one in reversed(self.lines) if one.plain}
        self._alike: dict[str, list[str]] = {}
        """Numbers by their last digits: a country code stands before those."""
        for plain in self._names:
            self._alike.setdefault(_tail(plain), []).append(plain)

    def name_of(self, number: str) -> str:
        """The name that goes with a number; a country code before it does not matter."""
        wanted = plain_number(number)
        if not wanted:
            return ""
        if wanted in self._names:
            return self._names[wanted]
        if len(wanted) < _TAIL:
            return ""  # an extension is that very one
        alike = self._alike.get(_tail(wanted), ())
        return next((self._names[plain] for plain in alike if _same_number(plain, wanted)), "")

    def find(self, words: str) -> Sequence[Contact]:
        """At most `MOST_FOUND` that fit; all of them, from the first on, for no words."""
        wanted = [word for word in _SPLIT.split(fold(words)) if word]
        digits = plain_number(words) if not any(sign.isalpha() for sign in words) else ""
        if not wanted and not digits:
            return self.lines[:MOST_FOUND]
        places = self._beginning(wanted) if wanted else set()
        if digits:
            places |= self._holding(digits)
        return [self.lines[place] for place in heapq.nsmallest(MOST_FOUND, places)]

    def _beginning(self, wanted: Sequence[str]) -> set[int]:
        """Lines that have a word for each of these beginnings; the rarest is looked at first."""
        ranges = [
            (bisect_left(self._words, begin), bisect_left(self._words, begin + _LAST)) for begin in wanted
        ]
        ranges.sort(key=lambda found: found[1] - found[0])
        first, last = ranges[0]
        places = set(self._places[first:last])
        for first, last in ranges[1:]:
            if not places:
                break
            places &= set(self._places[first:last])
        return places

    def _holding(self, digits: str) -> set[int]:
        """The first lines whose number holds these digits."""
        found: set[int] = set()
        at = self._numbers.find(digits)
        while at >= 0 and len(found) < MOST_FOUND:
            place = bisect_right(self._begins, at) - 1
            found.add(place)
            at = self._numbers.find(
                digits, self._begins[place + 1] if place + 1 < len(self._begins) else at + 1
            )
        return found


def _tail(plain: str) -> str:
    return plain[-_TAIL:]


def _same_number(first: str, second: str) -> bool:
    """One is the other with a country code, or with a trunk digit, before it."""
    short, long = sorted((first.lstrip("0"), second.lstrip("0")), key=len)
    return len(short) >= _TAIL and long.endswith(short) and len(long) - len(short) <= 3
