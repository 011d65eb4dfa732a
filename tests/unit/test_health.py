"""The health check: each code has a flow with exactly that defect, and large flows are quick."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from halodesk.engine.findings import Finding
from halodesk.engine.flow import from_builtins
from halodesk.engine.health import findings
from tests.fakes.order import sample_document

Document = dict[str, Any]


def js_problem(expression: str) -> str | None:
    """A syntax check that knows one mistake."""
    return "unexpected end" if expression.endswith("+") else None


def step(document: Document, key: str) -> Document:
    found: Document = next(found for found in document["steps"] if found["key"] == key)
    return found


def field(document: Document, name: str) -> Document:
    found: Document = next(
        one for found in document["steps"] for one in found.get("fields", ()) if one["name"] == name
    )
    return found


ISLAND: Document = {"key": "island", "type": "script"}


def routes(document: Document) -> list[Document]:
    """Routes of the first page."""
    found: list[Document] = step(document, "start")["routes"]
    return found


DEFECTS: dict[str, list[tuple[str, str, Callable[[Document], object]]]] = {
    "start_steps": [
        ("error", "", lambda d: step(d, "start").update(type="script", config={})),
        ("error", "gather", lambda d: step(d, "gather").update(type="start")),
    ],
    "no_end": [],  # a flow without an end has no way to one either: below
    "field_config": [
        ("error", "gather", lambda d: field(d, "first_name").update(type="number", config={"min": "few"})),
        (
            "error",
            "gather",
            lambda d: field(d, "first_name").update(type="number", config={"min": 2, "max": 1}),
        ),
        ("error", "gather", lambda d: field(d, "first_name").update(type="date", config={"max": "soon"})),
        ("error", "gather", lambda d: field(d, "first_name").update(type="date", config={"locale": "xx"})),
        (
            "error",
            "gather",
            lambda d: field(d, "first_name").update(type="currency", config={"currency": "XQQ"}),
        ),
        (
            "error",
            "gather",
            lambda d: field(d, "first_name").update(type="date_time", config={"zone": "Mars"}),
        ),
    ],
    "unknown_source": [("error", "start", lambda d: field(d, "heard_from").update(source="nowhere"))],
    "missing_step": [
        ("error", "start", lambda d: step(d, "start").update(fallback="nowhere")),
        ("error", "gather", lambda d: step(d, "gather").update(routes=[{"to": "nowhere"}])),
        ("error", "post_payment", lambda d: step(d, "post_payment")["config"].update(on_unknown="nowhere")),
        ("error", "attempts_left", lambda d: step(d, "attempts_left")["functions"][0].update(on_error="x")),
    ],
    "duplicate_name": [
        ("error", "gather", lambda d: field(d, "last_name").update(name="first_name")),
        ("error", "is_it_safe", lambda d: d["steps"].insert(4, dict(step(d, "is_it_safe")))),
    ],
    "reserved_name": [
        ("error", "gather", lambda d: field(d, "email").update(name="cart")),
        ("error", "", lambda d: d["variables"].append({"name": "charge"})),
        ("error", "attempts_left", lambda d: add_function(d, target="call", expression="1")),
    ],
    "unreachable": [
        (
            "error",
            "island",
            lambda d: d["steps"].append({"key": "island", "type": "script", "fallback": "end"}),
        )
    ],
    "no_way_out": [("error", "trap", lambda d: trap(d))],
    "missing_fallback": [("error", "post_payment", lambda d: without_fallback(d))],
    "shadowed_route": [
        ("warning", "start", lambda d: routes(d).insert(0, {"to": "gather"})),
        (
            "warning",
            "start",
            lambda d: step(d, "start")["routes"].append(dict(step(d, "start")["routes"][0])),
        ),
    ],
    "unknown_step_type": [("error", "is_it_safe", lambda d: step(d, "is_it_safe").update(type="hologram"))],
    "unknown_field_type": [("error", "gather", lambda d: field(d, "email").update(type="gesture"))],
    "no_options": [("error", "start", lambda d: field(d, "heard_from").update(options=[]))],
    "encrypted_kind": [("error", "payment", lambda d: field(d, "card_expiry").update(kind="date"))],
    "retention": [("error", "gather", lambda d: secret(d, "gather", retention=""))],
    "cvv_kept": [("error", "gather", lambda d: secret(d, "gather", kind="cvv", retention="sealed"))],
    "secret_default": [("error", "payment", lambda d: field(d, "card_cvv").update(default="1"))],
    "secret_in_condition": [("error", "declined", lambda d: read(d, "card_cvv"))],
    "secret_in_expression": [
        ("error", "attempts_left", lambda d: add_function(d, target="x", expression="card_number.length")),
        ("error", "attempts_left", lambda d: add_function(d, target="card_cvv", expression="1")),
    ],
    "secret_in_text": [
        ("error", "declined", lambda d: step(d, "declined")["config"].update(body="{{ card_number }}"))
    ],
    "unknown_variable": [
        ("error", "declined", lambda d: read(d, "retyr")),
        ("warning", "declined", lambda d: step(d, "declined")["config"].update(body="Hi {{ fist_name }}")),
    ],
    "unknown_operator": [
        ("error", "declined", lambda d: step(d, "declined")["routes"][0]["when"][0].update(op="resembles"))
    ],
    "bad_pattern": [
        ("error", "start", lambda d: step(d, "start")["config"].update(did_patterns=["(800"])),
        ("error", "gather", lambda d: field(d, "first_name")["config"].update(pattern="(?<=a)b")),
        ("error", "gather", lambda d: field(d, "first_name")["config"].update(pattern=7)),
        ("error", "declined", lambda d: read(d, "retry_payment", op="matches", value="[a")),
        ("error", "declined", lambda d: read(d, "retry_payment", op="matches", value=None)),
    ],
    "template": [
        ("error", "declined", lambda d: step(d, "declined")["config"].update(body="{{ first_name")),
        ("error", "declined", lambda d: step(d, "declined").update(title="{{ x | nothing }}")),
        (
            "error",
            "declined",
            lambda d: step(d, "declined")["config"].update(body="{{ first_name.upper() }}"),
        ),
    ],
    "unknown_cart_action": [
        ("error", "upsell", lambda d: step(d, "upsell")["cart_actions"][0].update(action="teleport"))
    ],
    "unknown_product": [
        ("error", "upsell", lambda d: step(d, "upsell")["cart_actions"][0]["args"].update(item="gone"))
    ],
    "cart_action": [
        ("error", "upsell", lambda d: step(d, "upsell")["cart_actions"][0]["args"].update(quantity="two")),
        ("error", "billing", lambda d: step(d, "billing")["cart_actions"][0]["args"].update(method="drone")),
    ],
    "javascript": [
        (
            "error",
            "attempts_left",
            lambda d: step(d, "attempts_left")["functions"][0].update(expression="1 +"),
        )
    ],
    "bad_config": [
        ("error", "gather", lambda d: step(d, "gather")["config"].update(body=7)),
        ("error", "payment", lambda d: step(d, "payment")["config"].pop("cvv")),
        ("error", "post_payment", lambda d: step(d, "post_payment")["config"].update(operation="guess")),
    ],
    "end_without_disposition": [
        ("error", "end", lambda d: step(d, "end")["config"].update(disposition="gone")),
    ],
    "payment_field": [
        ("error", "payment", lambda d: step(d, "payment")["config"].update(cvv="gone")),
        ("error", "payment", lambda d: step(d, "payment")["config"].update(cvv="journal")),
    ],
    "payment_retention": [("error", "payment", lambda d: field(d, "card_number").update(retention="sealed"))],
    "address_field": [
        ("error", "billing", lambda d: step(d, "billing")["config"].update(billing="gone")),
        ("error", "billing", lambda d: step(d, "billing")["config"].update(shipping="delivery_note")),
    ],
}


def trap(document: Document) -> None:
    document["steps"].append({"key": "trap", "type": "script", "fallback": "trap"})
    step(document, "declined")["fallback"] = "trap"


def without_fallback(document: Document) -> None:
    target = step(document, "post_payment")
    target["routes"].append(
        {"to": "confirmation", "when": [{"variable": "post_payment.success", "op": "equals", "value": True}]}
    )
    target["fallback"] = ""


def secret(document: Document, key: str, **more: Any) -> None:
    step(document, key)["fields"].append(
        {"name": "ssn", "type": "encrypted", "kind": "ssn", "retention": "sealed", **more}
    )


def read(document: Document, name: str, op: str = "equals", value: Any = True) -> None:
    step(document, "declined")["routes"][0]["when"] = [{"variable": name, "op": op, "value": value}]


def add_function(document: Document, **function: Any) -> None:
    step(document, "attempts_left")["functions"].append(function)


CASES = [
    pytest.param(code, severity, place, bend, id=f"{code}-{index}")
    for code, cases in DEFECTS.items()
    for index, (severity, place, bend) in enumerate(cases)
]


def check(document: Document) -> list[Finding]:
    return findings(from_builtins(document), js_problem)


@pytest.mark.parametrize(("code", "severity", "place", "bend"), CASES)
def test_a_flow_with_one_defect_has_exactly_that_finding(
    code: str, severity: str, place: str, bend: Callable[[Document], object]
) -> None:
    document = sample_document()
    bend(document)
    found = check(document)
    assert {(one.code, one.severity, one.step) for one in found} == {(code, severity, place)}
    assert all(one.message and one.fix for one in found)


def test_a_flow_without_an_end_is_told_so() -> None:
    document = {
        "key": "a",
        "name": "a",
        "start": "s",
        "steps": [{"key": "s", "type": "start", "fallback": "s"}],
    }
    assert [one.code for one in check(document)] == ["no_end"]


def test_a_start_that_does_not_exist_is_told() -> None:
    document = sample_document()
    document["start"] = "nowhere"
    codes = {one.code for one in check(document)}
    assert codes == {"missing_step"}


def test_an_empty_flow_is_told_all_it_lacks() -> None:
    codes = [one.code for one in check({"key": "a", "name": "a", "start": "s"})]
    assert codes == ["start_steps", "missing_step", "no_end"]


def test_errors_come_first() -> None:
    document = sample_document()
    step(document, "gather")["config"]["body"] = "{{ fist_name }}"
    step(document, "end")["config"]["disposition"] = "gone"
    assert [one.severity for one in check(document)] == ["error", "warning"]


def test_without_a_worker_javascript_is_not_judged() -> None:
    document = sample_document()
    step(document, "attempts_left")["functions"][0]["expression"] = "1 +"
    assert findings(from_builtins(document)) == []


def test_ten_thousand_steps_are_quick() -> None:
    steps: list[Document] = [{"key": "s", "type": "start", "fallback": "n0"}]
    steps += [
        {
            "key": f"n{index}",
            "type": "script",
            "config": {"body": f"Hello {{{{ f{index} }}}}"},
            "fields": [{"name": f"f{index}", "type": "text"}],
            "routes": [{"to": "end", "when": [{"variable": f"f{index}", "op": "equals", "value": "x"}]}],
            "fallback": f"n{index + 1}" if index < 9_999 else "end",
        }
        for index in range(10_000)
    ]
    steps.append(dict(step(sample_document(), "end")))
    flow = from_builtins({"key": "a", "name": "a", "start": "s", "steps": steps})
    began = time.process_time()
    assert findings(flow) == []
    assert time.process_time() - began < 3, "about 0.6 s on a quiet machine"
