"""date: read as people write it, kept as ISO, never guessed."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.fields.date import TYPE
from tests.fakes.fields import field, refuse, show, take, wrong


@pytest.mark.parametrize(
    ("raw", "locale", "value"),
    [
        ("11/21/2026", "en_US", "2026-11-21"),
        ("11-21-2026", "en_US", "2026-11-21"),
        ("3 4 1981", "en_US", "1981-03-04"),
        ("3.4.1981", "en_GB", "1981-04-03"),
        ("21.11.2026", "de_DE", "2026-11-21"),
        ("2026-11-21", "de_DE", "2026-11-21"),
        ("2026/11/21", "en_GB", "2026-11-21"),
        ("21 Nov 2026", "en_US", "2026-11-21"),
        ("November 21st, 2026", "en_US", "2026-11-21"),
        ("21 mai 2026", "fr_FR", "2026-05-21"),
        ("21 May 2026", "fr_FR", "2026-05-21"),
        ("2024-02-29", "en_US", "2024-02-29"),
    ],
)
def test_what_people_write(raw: str, locale: str, value: str) -> None:
    found = field("date", locale=locale)
    assert take(found, raw) == value
    assert take(found, TYPE.input_words(found, value)) == value


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("2/30/2026", "February 2026 has no day 30."),
        ("2/29/2026", "February 2026 has no day 29."),
        ("13/1/2026", "There is no month 13."),
        ("3/4/25", "Write the year with four digits."),
        ("4 Mar 81", "Write the year with four digits."),
        ("soon", "This is not a date. Example: 11/21/2026."),
        ("1/2", "This is not a date. Example: 11/21/2026."),
        ("Ma 4 2026", "This is not a date. Example: 11/21/2026."),
        ("0/0/2026", "There is no month 0."),
    ],
)
def test_what_is_no_date(raw: str, said: str) -> None:
    assert refuse(field("date"), raw) == said


def test_limits() -> None:
    found = field("date", min="2026-01-01", max="2026-12-31")
    assert refuse(found, "12/31/2025") == "Not before January 1, 2026."
    assert refuse(found, "1/1/2027") == "Not after December 31, 2026."
    assert take(found, "12/31/2026") == "2026-12-31"


def test_it_is_shown_and_read_back() -> None:
    assert show(field("date"), "2026-11-21") == "Nov 21, 2026"
    assert TYPE.reads(field("date"), "2026-11-21") == "Saturday, November 21, 2026"
    assert show(field("date", locale="de_DE"), "2026-11-21") == "21.11.2026"
    assert show(field("date"), "set by a function") == "set by a function"
    assert TYPE.reads(field("date"), 7) == ""
    assert TYPE.example(field("date")) == "MM/DD/YYYY"
    assert TYPE.example(field("date", locale="de_DE")) == "DD.MM.YYYY"


def test_the_arrow_keys_go_by_days() -> None:
    assert TYPE.stepped(field("date"), "12/31/2026", 1) == "01/01/2027"
    assert TYPE.stepped(field("date"), "3/1/2024", -1) == "02/29/2024"
    assert TYPE.stepped(field("date"), "", 1) == ""
    assert TYPE.stepped(field("date"), "12/31/9999", 1) == "12/31/9999"


def test_a_wrong_config_is_named() -> None:
    assert wrong(field("date", min="2026-01-01", max="2026-01-01")) == []
    assert wrong(field("date", min="today")) == ['"min" is no date such as 2026-11-21']
    assert wrong(field("date", min="2026-02-01", max="2026-01-01")) == ['"min" is after "max"']


@given(st.dates(), st.sampled_from(["en_US", "en_GB", "de_DE", "fr_CA", "ja_JP", "sv_SE"]))
def test_every_day_survives_its_own_words(day: datetime.date, locale: str) -> None:
    found = field("date", locale=locale)
    assert take(found, TYPE.input_words(found, day.isoformat())) == day.isoformat()


@given(st.text(max_size=30))
def test_no_text_raises(raw: str) -> None:
    TYPE.normalise(field("date"), raw)
    TYPE.stepped(field("date"), raw, 1)
