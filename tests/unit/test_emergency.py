"""Numbers that call for help, by setting and by country."""

from __future__ import annotations

import locale

import pytest

from halodesk.runtime import emergency
from halodesk.runtime.emergency import EVERYWHERE, here, numbers_of


@pytest.mark.parametrize(
    ("country", "some", "none"),
    [
        ("US", {"911", "112"}, {"999", "000"}),
        ("gb", {"999", "112"}, {"911"}),
        ("AU", {"000", "112"}, {"911"}),
        ("DE", {"110", "112"}, {"999"}),
        ("JP", {"110", "119"}, {"911"}),
        ("IN", {"112", "100"}, {"999"}),
    ],
)
def test_the_numbers_of_a_country(country: str, some: set[str], none: set[str]) -> None:
    found = set(numbers_of(None, country))
    assert some <= found
    assert not none & found


def test_the_settings_have_the_last_word() -> None:
    assert numbers_of(("112", "9112"), "US") == ("112", "9112")
    assert numbers_of((), "US") == ()


def test_an_unknown_country_has_the_usual_ones() -> None:
    assert numbers_of(None, "ZZ") == EVERYWHERE


@pytest.mark.parametrize(
    ("name", "lang", "country"),
    [("en_AU", "", "AU"), ("C", "de_DE.UTF-8", "DE"), (None, "C.UTF-8", ""), ("es_419", "", "")],
)
def test_the_country_of_this_computer(
    monkeypatch: pytest.MonkeyPatch, name: str | None, lang: str, country: str
) -> None:
    monkeypatch.setattr(locale, "getlocale", lambda: (name, "UTF-8"))
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", lang)
    assert here() == country
    expected = "000" if country == "AU" else "112"
    assert expected in emergency.numbers_of(None, "")
