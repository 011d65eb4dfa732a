"""What a flow learns of a call's headers, and that absurd ones are harmless."""

from __future__ import annotations

import random

import pytest

from halodesk.engine.events import CallFacts
from halodesk.engine.screen_pop import popped
from halodesk.engine.session import Session, scope
from halodesk.engine.template import render_markdown

NOTHING = dict.fromkeys(
    ("asserted_number", "asserted_name", "diverted_from", "diverted_reason", "info_url"), ""
)


def test_no_headers_say_nothing() -> None:
    assert popped({}) == NOTHING
    assert popped({"X-Customer": "7", "Call-Info": "\\;answer-after=0"}) == NOTHING


def test_who_is_vouched_for_and_who_was_called() -> None:
    headers = {
        "P-Asserted-Identity": '"Robin \\"R\\" Ortiz" <sip:+12025550143@pbx.example;user=phone>',
        "DIVERSION": '"Front, desk" <sip:800@pbx.example>;reason=No-Answer;counter=1, <sip:900@x>',
        "call-info": "<https://crm.example/?id=7>;purpose=info",
    }
    assert popped(headers) == {
        "asserted_number": "+12025550143",
        "asserted_name": 'Robin "R" Ortiz',
        "diverted_from": "800",
        "diverted_reason": "no-answer",
        "info_url": "https://crm.example/?id=7",
    }


@pytest.mark.parametrize(
    ("header", "value", "key", "expected"),
    [
        ("Remote-Party-ID", "<sip:1003@x>;party=calling", "asserted_number", "1003"),
        ("P-Asserted-Identity", "tel:+12025550143", "asserted_number", "+12025550143"),
        ("History-Info", "<sip:800@x?Reason=SIP>;index=1", "diverted_from", "800"),
        ("Call-Info", "<javascript:alert(1)>", "info_url", ""),
        ("Call-Info", "<file:///etc/passwd>", "info_url", ""),
        ("Diversion", "<<<<", "diverted_from", ""),
        ("P-Asserted-Identity", '"' * 1000, "asserted_name", ""),
        ("P-Asserted-Identity", '"' + "a" * 900 + '" <sip:1@x>', "asserted_name", "a" * 120),
    ],
)
def test_other_forms_and_absurd_ones(header: str, value: str, key: str, expected: str) -> None:
    assert popped({header: value})[key] == expected


def test_any_text_is_read_without_an_error() -> None:
    chance = random.Random(1)
    pieces = ['"', "<", ">", "sip:", "tel:", ";", ",", "\\", "@", "%41", "%", "a", " ", "reason=", "http://"]
    for _ in range(500):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 60)))
        popped({"Diversion": text, "P-Asserted-Identity": text, "Call-Info": text})


def test_flows_read_it_and_markup_stays_text() -> None:
    headers = {
        "P-Asserted-Identity": '"<img src=x onerror=alert(1)>" <sip:42@pbx>',
        "X-Note": "{{ 7 * 7 }}<script>x</script>",
    }
    state = Session(call=CallFacts(direction="in", headers=headers))
    values = scope(state)
    assert values["call"]["asserted_number"] == "42"
    html = render_markdown('Hello {{ call.asserted_name }} {{ call.headers["X-Note"] }}', values)
    assert "<img" not in html
    assert "<script" not in html
    assert "{{ 7 * 7 }}" in html
