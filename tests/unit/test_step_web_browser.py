"""web_browser: what is given to a foreign page, where it may go, what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.effects import BrowserVisit
from halodesk.engine.steps.web_browser import selector_problem
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step, secret

FIELDS = [{"name": "member", "type": "text"}]
CONFIG: dict[str, Any] = {
    "url": "https://portal.example/find?id={{ member }}",
    "fields": {"#member": "{{ member }}", "app-root >>> input": "x"},
    "extract": {"plan": "#plan", "until": ".until"},
    "on_failure": "failed",
}


def browser(**config: Any) -> Run:
    step = {"key": "b", "type": "web_browser", "fallback": "after", "config": {**CONFIG, **config}}
    flow = small(page_step("ask", "b", fields=FIELDS), step, page_step("after"), page_step("failed"))
    return Run(flow).submit().answer(member="A/1&x=2").submit()


def visit(run: Run) -> e.EffectRequested:
    (found,) = run.state.beside
    return found


def resolve(run: Run, outcome: Any = "ok", **result: Any) -> Run:
    return run.do(c.Resolve(id=visit(run).id, outcome=outcome, result=result))


def test_the_visit_begins_as_the_page_opens() -> None:
    run = browser()
    args = visit(run).args
    assert args["url"] == "https://portal.example/find?id=A%2F1%26x%3D2"
    assert args["origins"] == ["https://portal.example"]
    assert args["fill"] == {"#member": "A/1&x=2", "app-root >>> input": "x"}
    assert run.page.waiting == "", "the agent works in the page"
    assert run.page.panel["visit"] == visit(run).id


def test_the_result_goes_on_by_itself() -> None:
    run = resolve(browser(), plan="Gold", until="2027", stranger="no")
    assert run.at == "after"
    assert (run.state.values["plan"], run.state.values["until"]) == ("Gold", "2027")
    assert "stranger" not in run.state.values


def test_without_a_result_the_page_stays() -> None:
    run = browser()
    assert run.refuse(c.Submit()).code == "no_result"
    assert [one.key for one in run.page.choices] == ["on_failure"]
    assert run.submit("on_failure").at == "failed"
    assert run.state.effects == {}, "the visit ends with the page"


def test_a_page_that_only_shows_something_can_be_left() -> None:
    run = browser(extract={})
    assert run.submit().at == "after"
    assert run.of(e.EffectResolved)[-1].result == {"reason": "The page was left."}


def test_a_failure_says_why_and_may_be_tried_again() -> None:
    run = resolve(browser(), "failed", reason="The page went to another site: https://evil.example.")
    assert (run.at, run.incidents()) == ("b", ["browser_failed"])
    assert "evil.example" in run.page.problem
    first = run.of(e.EffectRequested)[-1]
    run.submit("again")
    assert visit(run).id != first.id
    assert resolve(run, plan="Gold", until="x").at == "after"


def test_going_back_to_it_sends_no_form_again() -> None:
    run = resolve(browser(submit="automatic", submit_selector="#go"), plan="Gold", until="x").do(c.Back())
    assert (run.at, run.state.beside, run.state.values["plan"]) == ("b", (), "Gold")
    assert [one.key for one in run.page.choices] == ["", "again"]
    run.submit()
    assert run.at == "after"
    assert len(run.of(e.EffectRequested)) == 1
    run.do(c.Back()).submit("again")
    assert len(run.of(e.EffectRequested)) == 2


@pytest.mark.parametrize("outcome", ["back", "hang_up"])
def test_leaving_ends_the_visit(outcome: str) -> None:
    run = browser()
    run.do(c.Back() if outcome == "back" else c.LoseCall(reason="Bye.", by="caller"))
    assert (run.at, run.state.effects) == ("ask" if outcome == "back" else "end", {})


def test_a_result_that_comes_too_late_changes_nothing() -> None:
    run = browser()
    late = visit(run).id
    run.submit("on_failure")
    assert run.refuse(c.Resolve(id=late, outcome="ok", result={"plan": "x"})).code == "no_such_effect"
    assert "plan" not in run.state.values


def test_the_arguments_are_those_of_the_port() -> None:
    import msgspec

    found = msgspec.convert(visit(browser()).args, BrowserVisit)
    assert found.extract == CONFIG["extract"]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"url": "/relative"}, "bad_url"),
        ({"url": "https://{{ member }}.example/"}, "bad_url"),
        ({"url": "{{ member }}"}, "bad_url"),
        ({"url": "file:///etc/passwd"}, "bad_url"),
        ({"url": "javascript:alert(1)"}, "bad_url"),
        ({"url": "https://user:word@portal.example/"}, "bad_url"),
        ({"url": "http://portal.example/"}, "plain_http"),
        ({"origins": ["https://portal.example/", "https://portal.example"]}, "bad_origin"),
        ({"origins": ["https://other.example"]}, "bad_origin"),
        ({"fields": {"": "x"}}, "bad_selector"),
        ({"extract": {"plan": "#a["}}, "bad_selector"),
        ({"submit": "automatic"}, "bad_selector"),
        ({"fields": {"#a": "{{ ssn }}"}}, "secret_in_browser"),
        ({"url": "https://portal.example/{{ ssn }}"}, "secret_in_browser"),
        ({"fields": {"#a": "{% if %}"}}, "template"),
        ({"on_failure": ""}, "browser_failure"),
    ],
)
def test_what_the_health_check_says(config: dict[str, Any], code: str) -> None:
    kept = secret(retention="sealed")
    step = {"key": "b", "type": "web_browser", "fallback": "end", "fields": [*FIELDS, kept]}
    good = {**CONFIG, "on_failure": "end"}
    assert codes({**step, "config": good}) == []
    assert codes({**step, "config": {**good, **config}}) == [code]


@pytest.mark.parametrize("selector", ["#a", "div > .b:not(.c)", "a[href='x)']", "x >>> y", "frame >> #z"])
def test_good_selectors(selector: str) -> None:
    assert selector_problem(selector) == ""


@pytest.mark.parametrize("selector", ["", "a >>> ", "a[b", "a)", "a 'b", "a { color: red }"])
def test_bad_selectors(selector: str) -> None:
    assert selector_problem(selector)
