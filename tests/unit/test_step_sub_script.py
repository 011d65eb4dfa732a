"""sub_script: inline with shared values, or with values of its own and maps; found cycles; the way back."""

from __future__ import annotations

from typing import Any

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine.evolve import fold
from halodesk.engine.flow import dump, load
from halodesk.engine.session import scope
from halodesk.engine.subscripts import DEEPEST
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step

HELLO = {
    **page_step("hello", "done", fields=[{"name": "mood", "type": "text", "default": "fine"}]),
    "title": "{{ who }} is {{ mood }}",
    "routes": [{"to": "sad", "when": [{"variable": "mood", "op": "equals", "value": "bad"}]}],
}


def template(key: str = "greet", *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    inner = steps or (HELLO, page_step("sad", "done"))
    return {"key": key, "start": inner[0]["key"], "steps": [*inner, {"key": "done", "type": "end"}], **more}


def call(
    key: str = "sub", to: str = "after", maps: dict[str, Any] | None = None, **config: Any
) -> dict[str, Any]:
    config = {"template": "greet", **config, **(maps or {})}
    return {"key": key, "type": "sub_script", "fallback": to, "config": config}


def run(*steps: dict[str, Any], templates: list[dict[str, Any]] | None = None) -> Run:
    flow = small(
        page_step("ask", steps[0]["key"], fields=[{"name": "who", "type": "text"}]),
        *steps,
        page_step("after"),
        templates=templates or [template()],
    )
    return Run(flow).submit().answer(who="Jo").submit()


def test_inline_all_values_are_shared() -> None:
    found = run(call())
    assert (found.at, found.page.title) == ("sub/hello", "Jo is fine")
    found.answer(mood="good").submit()
    assert found.at == "after"
    assert found.state.values["mood"] == "good"
    assert [one.value for one in found.page.answers] == ["Jo", "good"]


def test_routes_inside_stay_inside() -> None:
    found = run(call()).answer(mood="bad").submit()
    assert found.at == "sub/sad"
    found.do(c.Back())
    assert (found.at, found.state.values["mood"]) == ("sub/hello", "bad")


def test_two_uses_of_a_template_never_meet() -> None:
    found = run(call("one", "two"), call("two")).submit()
    assert found.at == "two/hello"
    found.submit()
    assert found.at == "after"
    assert [visit.step for visit in found.state.path] == [
        "start",
        "ask",
        "one",
        "one/hello",
        "one",
        "two",
        "two/hello",
        "two",
        "after",
    ]


def test_its_own_routes_decide_after_the_way_back() -> None:
    sub = {**call(), "routes": [{"to": "end", "when": [{"variable": "mood", "op": "equals", "value": "x"}]}]}
    assert run(sub).answer(mood="x").submit().at == "end"
    assert run(sub).answer(mood="y").submit().at == "after"


def test_with_maps_it_has_values_of_its_own() -> None:
    found = run(call(maps={"in": {"who": "who", "line": "call.number"}, "out": {"result": "mood"}}))
    inside = scope(found.state)
    assert {name for name in inside if name not in ("call", "cart", "charge", "agent", "flow")} == {
        "who",
        "line",
        "mood",
    }
    assert found.page.title == "Jo is fine"
    found.answer(mood="good").submit()
    assert found.at == "after"
    assert found.state.values["result"] == "good"
    assert found.state.values["who"] == "Jo"
    assert found.state.values.get("mood") == "fine", "the default of the flow, not what was typed inside"
    assert "line" not in found.state.values


def test_nothing_goes_in_that_is_not_named() -> None:
    found = run(call(maps={"in": {}}))
    assert "who" not in found.state.values
    assert found.page.title == "⟨who⟩ is fine"
    assert "Jo" in [one.value for one in found.page.answers], "the agent still sees what was said"


def test_back_out_of_its_values_and_in_again() -> None:
    found = run(call(maps={"in": {"who": "who"}, "out": {"result": "mood"}})).answer(mood="good").submit()
    found.do(c.Back())
    assert (found.at, found.state.values["mood"]) == ("sub/hello", "good")
    assert "result" not in found.state.values
    found.do(c.Back())
    assert (found.at, found.state.values["who"]) == ("ask", "Jo")
    assert fold(found.events) == found.state


def test_a_hang_up_inside_keeps_what_was_known_outside() -> None:
    found = run(call(maps={"in": {}})).do(c.LoseCall(reason="Bye.", by="caller"))
    assert found.at == "end"
    assert found.state.values["who"] == "Jo"


def deep(own: bool) -> Run:
    inner = {"key": "more", "type": "sub_script", "fallback": "done", "config": {"template": "deep"}}
    if own:
        inner["config"] = {"template": "deep", "in": {"x": "who"}, "out": {"who": "y"}}
    leaf = page_step("leaf", "done", fields=[{"name": "y", "type": "text"}])
    templates = [template("greet", inner), template("deep", leaf)]
    more = {"in": {"who": "who"}, "out": {"who": "who"}} if own else {}
    return run(call(maps=more), templates=templates)


def test_templates_within_templates() -> None:
    for own in (False, True):
        found = deep(own)
        assert found.at == "sub/more/leaf"
        found.answer(y="z").submit()
        assert found.at == "after"
        assert found.state.values["who"] == ("z" if own else "Jo")


def test_a_hang_up_two_levels_down() -> None:
    found = deep(True).do(c.LoseCall(reason="Bye.", by="caller"))
    assert (found.at, found.state.values["who"]) == ("end", "Jo")
    assert "outer:values" not in found.state.values


def test_the_newest_version_unless_another_is_named() -> None:
    versions = [template(version=2), template("greet", page_step("old", "done"), version=1)]
    assert run(call(), templates=versions).at == "sub/hello"
    assert run(call(version=1), templates=versions).at == "sub/old"


def test_a_template_that_is_not_there_is_passed_over_and_told() -> None:
    found = run(call(version=9))
    assert found.at == "after"
    assert found.incidents() == ["sub_script_missing"]


def test_a_template_that_is_only_an_end_is_passed() -> None:
    empty = {"key": "greet", "start": "done", "steps": [{"key": "done", "type": "end"}]}
    assert run(call(), templates=[empty]).at == "after"


def test_a_circle_of_templates_is_found_and_ends_at_run_time_too() -> None:
    a = template("greet", {"key": "x", "type": "sub_script", "fallback": "done", "config": {"template": "b"}})
    b = template("b", {"key": "y", "type": "sub_script", "fallback": "done", "config": {"template": "greet"}})
    found = codes(call(to="end"), templates=[a, b])
    assert "sub_script_cycle" in found
    broken = run(call(), templates=[a, b])
    assert broken.at == "end"
    assert broken.incidents() == ["dead_end"]
    assert max(visit.step.count("/") for visit in broken.state.path) == DEEPEST


def test_many_uses_of_uses_cost_nothing_before_they_are_entered() -> None:
    """2^24 steps, were they all made."""
    levels = [
        template(
            f"t{level}" if level else "greet",
            {"key": "a", "type": "sub_script", "fallback": "b", "config": {"template": f"t{level + 1}"}},
            {"key": "b", "type": "sub_script", "fallback": "done", "config": {"template": f"t{level + 1}"}},
        )
        for level in range(24)
    ]
    found = run(call(), templates=[*levels, template("t24", page_step("leaf", "done"))])
    assert found.at == "end"
    assert found.incidents() == ["dead_end"]


def test_what_leads_nowhere_in_a_template_is_told() -> None:
    broken = template("greet", page_step("hello", "nowhere"))
    assert "missing_step" in codes(call(to="end"), templates=[broken])
    assert "unknown_template" in codes({**call(to="end"), "config": {"template": "gone"}})
    endless = {"key": "greet", "start": "a", "steps": [page_step("a", "a")]}
    assert "no_way_out" in codes(call(to="end"), templates=[endless])
    asked = {
        **endless,
        "steps": [page_step("a", "b"), {"key": "b", "type": "end", "fields": [HELLO["fields"][0]]}],
    }
    assert codes(call(to="end"), templates=[asked]) == ["end_in_sub_script"]
    assert codes(call(to="end", maps={"out": {"cart": "x"}}), templates=[asked])[0] == "reserved_name"
    assert codes(call(to="end"), templates=[template("greet", page_step("hello", "done"))]) == []


def test_a_document_with_templates_comes_back_as_it_was() -> None:
    found = run(call(maps={"in": {"who": "who"}}))
    assert load(dump(found.flow)) == found.flow
    assert [codec.decode(codec.encode(event)) for event in found.events] == found.events


def test_a_secret_page_inside_is_masked_and_named_by_its_way() -> None:
    secret = {"name": "ssn", "type": "encrypted", "kind": "ssn", "retention": "capture"}
    found = run(call(), templates=[template("greet", page_step("id", "done", fields=[secret]))])
    assert (found.at, found.state.mask.phase, found.state.mask.lease) == ("sub/id", "wanted", "sub/id.1")
    found.mask().do(c.EnterSecret(field="ssn", handle="sub/id:ssn")).submit()
    assert (found.at, found.state.secrets, found.state.mask.phase) == ("after", {}, "releasing")
