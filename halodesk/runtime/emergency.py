"""Which numbers call for help: those of the settings, or those of the country (phonenumbers' data).

A country's own numbers matter in both ways: 000 must get through in Australia, and must not be taken from
a PBX elsewhere that has an extension of that name.
"""

from __future__ import annotations

import functools
import locale
import os

from phonenumbers import SUPPORTED_SHORT_REGIONS, is_emergency_number

EVERYWHERE = ("112", "911", "999")
"""Where the country is not known: Europe and mobile phones, North America, the United Kingdom and others."""


def numbers_of(given: tuple[str, ...] | None, country: str) -> tuple[str, ...]:
    """`given`: of the settings, None for those of the country (ISO 3166, empty: this computer's)."""
    if given is not None:
        return given
    return of_country(country.upper() or here())


@functools.cache
def of_country(country: str) -> tuple[str, ...]:
    """Numbers of two and three digits that call for help there; `EVERYWHERE` for an unknown country."""
    if country not in SUPPORTED_SHORT_REGIONS:
        return EVERYWHERE
    tried = [f"{number:02}" for number in range(100)] + [f"{number:03}" for number in range(1000)]
    return tuple(number for number in tried if is_emergency_number(number, country)) or EVERYWHERE


def here() -> str:
    """The country this computer is set to; empty where it names none."""
    try:
        name = locale.getlocale()[0] or ""
    except ValueError:  # a locale nobody has heard of
        name = ""
    name = name if "_" in name else os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    country = name.partition(".")[0].partition("_")[2]
    return country.upper() if len(country) == 2 else ""
