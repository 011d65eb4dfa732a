"""email: hints at slips of well-known domains and takes the address all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.fields.email import TYPE, meant_domain
from tests.fakes.fields import field, take
from tests.fakes.order import Run, small


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("company.con", "company.com"),
        ("gmail.com", ""),
        ("mail.com", ""),
        ("ymail.com", ""),
        ("example.com", ""),
        ("bücher.example", ""),
        ("con", ""),
    ],
)
def test_slips(typed: str, meant: str) -> None:
    assert meant_domain(typed) == meant


def test_an_international_address_keeps_its_script() -> None:
    assert take(field("email"), "jo@BÜCHER.example") == "jo@bücher.example"
    assert take(field("email"), "jo@xn--bcher-kva.example") == "jo@bücher.example"
    assert take(field("email"), "用户@例え.jp") == "用户@例え.jp"


def test_the_hint_is_on_the_page_and_stops_nothing() -> None:
    step = {"key": "mail", "type": "script", "fields": [{"name": "mail", "type": "email"}], "fallback": "end"}
    run = Run(small(step)).submit().answer(mail="jo@gmial.com")
    assert run.page.fields[0].hint == "Did the caller mean jo@gmail.com?"
    assert run.answer(mail="jo@gmail.com").page.fields[0].hint == ""
    assert run.answer(mail="jo@gmial.com").submit().at == "end"


@given(st.text(max_size=12))
def test_no_domain_raises(domain: str) -> None:
    meant_domain(domain)
    assert isinstance(TYPE.hint(field("email"), f"jo@{domain}"), str)
