"""The directory: people one can call, and finding them as one types.

Rules:
- A search finds contacts in which each typed word begins a word; accents and case do not matter. Digits
  find numbers that hold them, in whatever form they are written.
- Favourites come first, then names in order.
- One person with three numbers is three lines: a line is something to call.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
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
        self._names = {one.plain: one.name for one in reversed(self.lines) if one.plain}

    def name_of(self, number: str) -> str:
        """The name that goes with a number; a country code before it does not matter."""
        wanted = plain_number(number)
        if not wanted:
            return ""
        if wanted in self._names:
            return self._names[wanted]
        if len(wanted) < 9:
            return ""  # an extension is that very one
        return next((name for plain, name in self._names.items() if _same_number(plain, wanted)), "")

    def find(self, words: str) -> Sequence[Contact]:
        """At most `MOST_FOUND` that fit; all of them, from the first on, for no words."""
        wanted = [word for word in _SPLIT.split(fold(words)) if word]
        digits = plain_number(words) if not any(sign.isalpha() for sign in words) else ""
        found = []
        for one in self.lines:
            if (digits and digits in one.plain) or _fits(one, wanted):
                found.append(one)
                if len(found) == MOST_FOUND:
                    break
        return found


def _fits(one: Contact, wanted: Sequence[str]) -> bool:
    return all(any(word.startswith(begin) for word in one.words) for begin in wanted)


def _same_number(first: str, second: str) -> bool:
    """One is the other with a country code, or with a trunk digit, before it."""
    short, long = sorted((first.lstrip("0"), second.lstrip("0")), key=len)
    return len(short) >= 9 and long.endswith(short) and len(long) - len(short) <= 3
