"""api_call: requests to outside systems; success, failure and unknown are three things."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.effects import HttpCall
from halodesk.engine.evolve import fold
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step, secret

CONFIG: dict[str, Any] = {
    "operation": "http",
    "connection": "crm",
    "method": "POST",
    "url": "/callers/{{ who }}/orders",
    "request": {
        "name": "{{ who }}",
        "n": "{{ n }}",
        "note": "for {{ who }}",
        "fixed": 3,
        "list": ["{{ who }}"],
    },
    "headers": {"X-Who": "{{ who }}"},
    "query": {"v": "1"},
    "response": {"order": "$.order.id"},
}
OK: dict[str, Any] = {"status": 201, "values": {"order": "O-1"}}


def api(**config: Any) -> Run:
    step: dict[str, Any] = {
        "key": "a",
        "type": "api_call",
        "fallback": "after",
        "config": {**CONFIG, **config},
    }
    step["routes"] = [{"to": "sold", "when": [{"variable": "api.success", "op": "equals", "value": True}]}]
    ask = page_step("ask", "a", fields=[{"name": "who", "type": "text"}])
    pages = [page_step(key) for key in ("after", "sold", "failed", "open")]
    flow = small(ask, step, *pages, variables=[{"name": "n", "default": 7}])
    return Run(flow).submit().answer(who="Jo/../x y").submit()


def test_the_request_is_made_of_values() -> None:
    call = msgspec.convert(api().ask().args, HttpCall)
    assert call.url == "/callers/Jo%2F..%2Fx%20y/orders"
    assert call.body == {
        "name": "Jo/../x y",
        "n": 7,
        "note": "for Jo/../x y",
        "fixed": 3,
        "list": ["Jo/../x y"],
    }
    assert call.headers == {"X-Who": "Jo/../x y"}
    assert call.pick == {"order": "$.order.id"}
    assert call.idempotency_header == "Idempotency-Key"
    assert call.harmless


def test_a_line_break_makes_no_header() -> None:
    flow_step = {"key": "a", "type": "api_call", "fallback": "end", "config": CONFIG}
    ask = page_step("ask", "a", fields=[{"name": "who", "type": "text_area"}])
    run = Run(small(ask, flow_step)).submit().answer(who="Jo\nX-Evil: 1").submit()
    assert run.ask().args["headers"] == {"X-Who": "Jo X-Evil: 1"}


def test_success() -> None:
    run = api().resolve(**OK)
    assert run.at == "sold"
    assert run.state.values["order"] == "O-1"
    assert run.state.values["api"] == {"success": True, "reason": "", "status": 201}


def test_failure_goes_to_the_routes_or_its_own_way() -> None:
    run = api().resolve("failed", status=400, reason="No such caller.")
    assert (run.at, run.incidents()) == ("after", ["api_failed"])
    assert run.state.values["api"] == {"success": False, "reason": "No such caller.", "status": 400}
    assert run.state.values["order"] is None
    assert api(on_failure="failed").resolve("failed").at == "failed"


def test_unknown_takes_no_way_at_all() -> None:
    run = api(on_failure="failed").resolve("unknown", reason="No answer.")
    assert (run.at, run.page.waiting) == ("a", "No answer.")
    assert run.page.choices == ()
    assert run.refuse(c.Submit(choice="on_unknown")).code == "must_wait"
    assert run.refuse(c.Submit()).code == "busy"
    assert run.refuse(c.Back()).code == "busy"
    run.resolve("unknown")
    assert run.at == "a"
    assert run.resolve(**OK).at == "sold", "a query has settled it"


def test_unknown_can_be_left_by_its_own_way_only() -> None:
    run = api(on_unknown="open").resolve("unknown")
    assert [one.key for one in run.page.choices] == ["on_unknown"]
    ask = run.ask().id
    run.submit("on_unknown")
    assert (run.at, run.incidents()) == ("open", ["call_unsettled"])
    run.do(c.Resolve(id=ask, outcome="ok", result=OK))
    assert run.at == "open", "it moves nothing any more"
    assert run.incidents()[-1] == "late_answer"
    assert run.state.values["order"] == "O-1"


def test_a_hang_up_waits_for_what_is_unknown() -> None:
    run = api(on_unknown="open").resolve("unknown").do(c.LoseCall(reason="Bye.", by="caller"))
    assert run.at == "a"
    assert run.submit("on_unknown").at == "end"
    run = api().do(c.LoseCall(reason="Bye.", by="caller")).resolve(**OK)
    assert (run.at, run.state.values["order"]) == ("end", "O-1")


def test_a_request_that_only_reads_is_never_unknown() -> None:
    run = api(method="GET", request=None, on_failure="failed").resolve("unknown")
    assert run.at == "failed"


def test_one_that_was_answered_is_not_sent_again_by_going_back() -> None:
    run = api().resolve(**OK).do(c.Back()).submit()
    assert run.at == "sold"
    assert run.state.values["order"] == "O-1"
    assert len(run.of(e.EffectRequested)) == 1
    run.do(c.Back()).answer(who="Ann").submit()
    assert run.ask().args["body"]["name"] == "Ann", "another request is another request"
    assert fold(run.events) == run.state


def test_one_that_failed_is_sent_again() -> None:
    run = api().resolve("failed").do(c.Back()).submit()
    assert run.ask().id.startswith("a.2.")


def test_on_submit_the_page_comes_first() -> None:
    run = api(when="submit")
    assert (run.at, run.state.here) == ("a", None)
    assert run.submit().ask().kind == "http"
    assert run.resolve(**OK).at == "sold"


def test_the_key_of_a_request_is_its_own() -> None:
    run = api().resolve("failed").do(c.Back()).submit()
    assert len({ask.id for ask in run.of(e.EffectRequested)}) == 2


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"url": ""}, "bad_url"),
        ({"url": "https://{{ who }}/x"}, "bad_url"),
        ({"url": "ftp://crm.example/x"}, "bad_url"),
        ({"find_out": {"url": "https://u:p@crm.example"}}, "bad_url"),
        ({"request": {"a": "{{ b"}}, "template"),
        ({"request": {"a": ["{{ ssn }}"]}}, "secret_in_request"),
        ({"url": "/x/{{ ssn }}"}, "secret_in_request"),
        ({"response": {"a": "order.id"}}, "bad_path"),
        ({"timeout_ms": 0}, "time_limit"),
        ({"retries": 50}, "retries"),
        ({"on_failure": ""}, "api_failure"),
        ({"idempotency": False}, "api_unknown"),
        ({"operation": "smoke"}, "bad_config"),
    ],
)
def test_what_the_health_check_says(config: dict[str, Any], code: str) -> None:
    fields = [{"name": "who", "type": "text"}, secret(retention="sealed")]
    ask = page_step("ask", "a", fields=fields)
    step = {"key": "a", "type": "api_call", "fallback": "end"}
    good = {**CONFIG, "on_failure": "end", "request": None}
    assert codes(ask, {**step, "config": good}) == []
    assert codes(ask, {**step, "config": {**good, **config}}) == [code]
