"""One flow a step type, walked to that step; small parts of flows for tests of steps."""

from __future__ import annotations

from typing import Any

from halodesk.engine import commands as c
from halodesk.engine.health import findings
from tests.fakes.order import ADDRESS, Run, small

NEXT = "after"


def page_step(key: str, fallback: str = "end", **more: Any) -> dict[str, Any]:
    """A page that leads on."""
    return {"key": key, "type": "script", "fallback": fallback, **more}


def codes(*steps: dict[str, Any], **more: Any) -> list[str]:
    """What the health check says of a flow of these steps."""
    return [found.code for found in findings(small(*steps, **more))]


def secret(name: str = "ssn", retention: str = "capture") -> dict[str, Any]:
    """An encrypted field."""
    return {"name": name, "type": "encrypted", "kind": "ssn", "retention": retention}


TEXT = {"name": "typed", "type": "text"}
TEMPLATE = {
    "key": "greet",
    "start": "hello",
    "steps": [
        {"key": "hello", "type": "script", "fallback": "done", "fields": [{"name": "mood", "type": "text"}]},
        {"key": "done", "type": "end"},
    ],
}
STEPS: dict[str, dict[str, Any]] = {
    "script": {},
    "decision": {"functions": [{"target": "n", "expression": "1"}]},
    "switch": {
        "config": {"expression": "1 + 1", "cases": [{"value": "2", "route": "two"}]},
        "routes": [{"label": "two", "to": NEXT}],
    },
    "for_each": {
        "config": {"source": "data_source", "name": "orders"},
        "routes": [{"label": "body", "to": NEXT}, {"label": "exit", "to": "end"}],
    },
    "sub_script": {"config": {"template": "greet", "in": {}, "out": {"mood_after": "mood"}}},
    "api_call": {
        "config": {
            "operation": "http",
            "connection": "crm",
            "method": "POST",
            "url": "/orders",
            "on_unknown": "end",
        }
    },
    "function": {"config": {"expression": "1", "target": "n", "on_error": "end"}},
    "web_browser": {
        "config": {"url": "https://portal.example/a", "extract": {"policy": "#no"}, "on_failure": "end"}
    },
    "payment_form": {
        "config": {"number": "pan", "expiry": "exp", "cvv": "cvv"},
        "fields": [
            {"name": name, "type": "encrypted", "kind": kind, "retention": "capture"}
            for name, kind in (("pan", "card_number"), ("exp", "other"), ("cvv", "cvv"))
        ],
    },
    "billing_shipping": {"config": {"billing": "home"}, "fields": [{"name": "home", "type": "address"}]},
    "shipping_method": {"config": {"options": [{"key": "post", "name": "Post", "cost": "4.95"}]}},
    "zip_lookup": {
        "config": {"zip": "zip", "targets": {"city": "city"}},
        "fields": [{"name": "zip", "type": "text"}, {"name": "city", "type": "text"}],
    },
    "transfer": {"config": {"to": "1002", "on_failure": "end"}},
    "mask_call": {"config": {"on_failure": "end"}, "fields": [secret()]},
    "email": {"config": {"to": "a@example.com", "template": {"subject": "Hi", "text": "There"}}},
    "wait": {"config": {"seconds": 30}},
}
ALL = ("start", *STEPS, "end")
PRODUCT = {"products": [{"key": "p", "name": "Pill", "price": "10"}]}


def walk_to(kind: str) -> Run:
    """A session on the page before the step, then on the step itself; one thing lies in the cart."""
    if kind == "start":
        return Run(small(page_step(NEXT)))
    more = {
        "catalogue": PRODUCT,
        "templates": [TEMPLATE],
        "data_sources": [{"key": "orders", "query": "all"}],
    }
    step = {"key": "it", "type": kind, "fallback": NEXT, **STEPS.get(kind, {})}
    buy = [{"action": "add_item", "args": {"item": "p"}}]
    first = page_step("before", "end" if kind == "end" else "it", fields=[TEXT], cart_actions=buy)
    steps = [first, page_step(NEXT)] if kind == "end" else [first, step, page_step(NEXT)]
    return Run(small(*steps, **more)).submit().answer(typed="kept").submit()


def fill(run: Run) -> Run:
    """What the agent has to do on the step before it can be left."""
    state, step = run.state, run.flow.step(run.at)
    assert step is not None
    match step.type:
        case "payment_form" | "mask_call":
            run.mask()
            for field in step.fields:
                run.do(c.EnterSecret(field=field.name, handle=f"it:{field.name}"))
        case "billing_shipping":
            run.answer(home=ADDRESS)
        case "wait":
            run.do(c.Tick(now=100.0))
        case _:
            assert state.status == "running"
    return run
