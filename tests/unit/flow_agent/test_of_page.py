"""A page as functions of a language model, and its calls as commands."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from halodesk.engine import commands as c
from halodesk.engine.flow_agent import arguments
from halodesk.engine.flow_agent.of_page import BACK, NOTE, Way, commands, data, plain, ways, workable
from halodesk.engine.page import Page
from halodesk.engine.registry import field_types
from tests.fakes.order import ADDRESS, CALLER, Run, small


def named(page: Page) -> dict[str, Way]:
    return {way.name: way for way in ways(page)}


def with_fields(*fields: dict[str, Any], **step: Any) -> Run:
    return Run(
        small({"key": "it", "type": "script", "fields": list(fields), "fallback": "end", **step})
    ).submit()


def test_each_button_of_the_page_is_a_function() -> None:
    run = Run().to_offer()
    found = named(run.page)
    assert list(found) == [
        "yes", "tell_me_more", "is_it_safe", "how_is_it_different", "i_already_take_something",
        "no_thanks", BACK,
    ]  # fmt: skip
    assert found["yes"].choice == "offer_response=yes"
    assert "“Yes”" in found["yes"].description
    assert commands(run.page, "no_thanks", {}) == (c.Submit(choice="offer_response=no"),)
    assert commands(run.page, BACK, {}) == (c.Back(),)


def test_what_can_be_filled_in_are_its_properties_in_the_words_of_the_page() -> None:
    run = Run().do(c.Submit(choice="call_type=order"))
    on = named(run.page)["continue"]
    assert on.schema["properties"]["first_name"] == {
        "type": "string", "maxLength": 60, "description": "First name."
    }  # fmt: skip
    assert on.schema["properties"]["email"]["description"] == "Email. For the receipt; may stay empty."
    assert on.schema["required"] == ["first_name", "last_name", "phone"]
    run.answer(first_name="Jo")
    assert named(run.page)["continue"].schema["required"] == ["last_name", "phone"]
    assert named(run.page)[NOTE].schema["required"] == []


def test_a_call_fills_the_page_in_and_leaves_it() -> None:
    run = Run().do(c.Submit(choice="call_type=order"))
    found = commands(run.page, "continue", CALLER)
    assert isinstance(found, tuple)
    run.do(*found)
    assert run.at == "main_offer"
    assert run.state.values["phone"] == "+12025550143"


def test_filling_in_stays_on_the_page_and_leaves_out_what_is_empty_or_there() -> None:
    run = Run().do(c.Submit(choice="call_type=order")).answer(first_name="Jo")
    given = {"first_name": "Jo", "last_name": "", "email": None, "phone": "202 555 0143"}
    assert commands(run.page, NOTE, given) == (c.Answer(field="phone", raw="202 555 0143"),)


def test_a_page_that_takes_secrets_has_no_ways_and_names_none() -> None:
    run = Run().to_payment()
    assert not workable(run.page)
    assert ways(run.page) == ()
    told = str(data(run.page))
    assert "card_number" not in told
    assert "Expiry" not in told
    refused = commands(run.page, "continue", {"card_number": "4242"})
    assert isinstance(refused, c.Refused)


def test_an_encrypted_field_is_in_nothing_that_is_handed_out() -> None:
    secret = {"name": "ssn", "type": "encrypted", "kind": "ssn", "retention": "sealed", "label": "Social"}
    run = with_fields({"name": "name", "type": "text"}, secret)
    assert ways(run.page) == ()
    # even were the page not held for sensitive
    bare = msgspec.structs.replace(run.page, sensitive=False)
    assert {field for way in ways(bare) for field in way.fields} == {"name"}
    assert "ssn" not in str(data(bare)).lower()
    assert "social" not in str(data(bare)).lower()
    assert "ssn" not in str([way.schema for way in ways(bare)])


@pytest.mark.parametrize("change", [{"waiting": "Working …"}, {"for_role": "admin"}, {"call_left": "Bye."}])
def test_a_page_that_cannot_be_worked_has_no_ways(change: dict[str, str]) -> None:
    page = msgspec.structs.replace(Run().to_offer().page, **change)
    assert ways(page) == ()


def test_the_page_as_data() -> None:
    run = Run().to_offer().submit("offer_response=yes")
    told = data(run.page)
    assert told["cart"]["lines"][0]["name"] == "Nap Enhancer, 60 capsules"
    assert "Dream Journal is $14.50 today" in told["script"]
    assert "<" not in told["script"]
    assert told["buttons"] == ["Yes, add it", "No, just the capsules"]
    billing = data(run.submit("journal=true").page)
    assert {one["name"] for one in billing["fields"]} == {
        "billing_address",
        "ship_to_billing",
        "delivery_note",
    }


def test_text_of_a_page_keeps_its_lines_and_nothing_of_its_mark_up() -> None:
    html = "<p>One <strong>two</strong>\nthree</p><ul><li>a &amp; b</li><li>c</li></ul>"
    html += "<blockquote>\n<p>Say <em>this</em>.</p>\n</blockquote><p>Not this.</p>"
    assert plain(html) == "One two three\na & b\nc\n> Say this.\nNot this."


TYPES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "text": ({"config": {"pattern": "[A-Z]{2}[0-9]+"}}, "AB12", "x"),
    "text_area": ({"config": {"max_length": 5}}, "short", "much too long"),
    "number": ({"config": {"min": 1, "max": 5, "decimals": 0}}, 3, 9),
    "currency": ({"config": {"max": 20}}, 12.5, 21),
    "boolean": ({"config": {"true_label": "Yes, please"}}, True, "perhaps"),
    "date": ({"config": {"min": "2026-01-01"}}, "2026-05-04", 4),
    "date_time": ({"config": {"zone": "America/New_York"}}, "2026-05-04T14:30", 4),
    "phone": ({}, "202 555 0143", 5),
    "email": ({}, "jo@example.com", False),
    "address": ({}, ADDRESS, {"line1": "1 Way"}),
    "dropdown": ({"options": [{"value": "a", "label": "First"}, {"value": "b"}]}, "a", "First"),
    "radio_group": ({"options": [{"value": "a"}, {"value": "b"}]}, "b", "c"),
    "multi_select": ({"options": [{"value": "a"}, {"value": "b"}], "config": {"max": 1}}, ["a"], ["a", "b"]),
    "checkbox": ({}, True, "tick"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_the_schema_of_every_type_takes_what_the_engine_takes(kind: str) -> None:
    more, good, bad = TYPES[kind]
    run = with_fields({"name": "it", "type": kind, "label": "It", "required": True, **more})
    schema = named(run.page)["continue"].schema
    assert arguments.schema_problem(schema) == ""
    given = arguments.checked({"it": good}, schema)
    with pytest.raises(arguments.WrongArguments):
        arguments.checked({"it": bad}, schema)
    found = commands(run.page, "continue", given)
    assert isinstance(found, tuple)
    assert run.do(*found).at == "end"


def test_several_zones_and_currencies_are_asked_for_too() -> None:
    run = with_fields(
        {"name": "when", "type": "date_time", "config": {"zones": ["America/Denver", "America/New_York"]}},
        {"name": "pay", "type": "currency", "config": {"currencies": ["USD", "CAD"]}},
    )
    given = {
        "when": {"date": "2026-05-04T14:30", "zone": "America/New_York"},
        "pay": {"amount": 5.5, "currency": "CAD"},
    }
    found = commands(run.page, "continue", arguments.checked(given, named(run.page)["continue"].schema))
    assert isinstance(found, tuple)
    run.do(*found)
    assert run.state.values["when"]["utc"] == "2026-05-04T18:30:00Z"
    assert run.state.values["pay"] == {"amount": "5.50", "currency": "CAD"}


def test_every_field_type_has_its_schema_tried() -> None:
    assert {*TYPES, "encrypted"} == set(field_types())


def test_buttons_called_alike_have_names_of_their_own() -> None:
    options = [
        {"value": "a", "label": "Go back"},
        {"value": "b", "label": "¡!"},
        {"value": "c", "label": "go-back"},
    ]
    run = with_fields(
        {
            "name": "way",
            "type": "radio_group",
            "required": True,
            "options": options,
            "config": {"buttons": True},
        }
    )
    assert list(named(run.page)) == ["go_back_2", "b", "go_back_3", BACK]


def test_a_field_that_is_read_only_is_told_and_not_asked_for() -> None:
    run = with_fields({"name": "it", "type": "text", "read_only": True, "default": "fixed"})
    assert NOTE not in named(run.page)
    assert data(run.page)["fields"][0]["value"] == "fixed"
