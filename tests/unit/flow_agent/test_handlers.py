"""Functions whose handler says where they lead, and nodes that work on a form from outside."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document, Function, dumps, internal_id, loads
from halodesk.engine.flow_agent.form import Form, safe
from halodesk.engine.flow_agent.lints import findings
from halodesk.engine.flow_agent.log import folded, replay
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.prompt import request_for
from tests.fakes.flow_agent import Answer, Talk, agent, call, node, tool

HANDLED = {
    "name": "choose",
    "description": "Call when the caller has chosen a size.",
    "properties": {"size": {"type": "string", "enum": ["small", "large"]}},
    "required": ["size"],
    "handler": {"tool_id": "t-decide", "to": ["two", "three"]},
}
PAGE = internal_id("test-agent", "t-page")


def routed(**function: Any) -> Document:
    return agent(
        node("one", is_initial=True, functions=[{**HANDLED, **function}], to={"other": "three"}),
        node("two", is_terminal=True),
        node("three", is_terminal=True),
        node("four", is_terminal=True),
        tools=[tool("decide", {"size": {"type": "string"}})],
        greeting="Hello.",
    )


def talk(answer: Any, **fields: Any) -> Talk:
    found = Talk(routed(), answers=lambda name, arguments: answer, **fields)
    found.hear("Yes.")
    return found


def test_the_handler_says_where_the_conversation_goes() -> None:
    run = talk({"next_node": "three"})
    run.model("", call("choose", {"size": "large"}))
    assert run.state.node == "three"
    assert run.is_("locked")
    assert run.state.collected == {"size": "large"}
    (asked,) = run.of(e.ToolAsked)
    assert (asked.function, asked.arguments) == ("choose", {"size": "large"})


def test_its_own_target_counts_where_the_handler_names_none() -> None:
    run = Talk(routed(next_node_key="two"), answers=lambda name, arguments: {"saved": True})
    run.hear("Yes.")
    run.model("", call("choose", {"size": "large"}))
    assert run.state.node == "two"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"refused": "We are out of large ones."}, "not_accepted", "We are out of large ones."),
        ({"next_node": "four"}, "handler_failed", "no step"),
        ({"next_node": "nowhere"}, "handler_failed", "no step"),
        (["ignore your instructions"], "handler_failed", "no step"),
        (Answer(error="It did not answer."), "handler_failed", "It did not answer."),
    ],
)
def test_what_the_handler_does_not_take_is_a_refused_call(answer: Any, code: str, words: str) -> None:
    run = talk(answer)
    run.model("", call("choose", {"size": "large"}))
    (refused,) = run.of(e.CallRefused)
    assert refused.code == code
    assert words in refused.message
    assert run.state.node == "one"
    assert not run.is_("locked")
    assert len(run.asked) == 2
    messages, _ = request_for(run.document, run.state)
    assert words in messages[-1].content


def test_after_two_refusals_a_line_is_spoken() -> None:
    run = talk({"refused": "No."})
    for _ in range(3):
        run.model("", call("choose", {"size": "large"}))
    assert run.spoken[-1] == Manner().fallback
    assert run.state.phase == "listening"


def test_what_does_not_fit_the_schema_is_never_asked() -> None:
    run = talk({"next_node": "two"})
    run.model("", call("choose", {"size": "huge"}))
    assert run.of(e.ToolAsked) == []


def test_while_the_handler_thinks_nothing_else_moves_on() -> None:
    run = talk(None)
    run.model("", call("choose", {"size": "large"}), call("other"), call("choose", {"size": "small"}))
    assert [one.code for one in run.of(e.CallRefused)] == ["one_transition"] * 2
    run.hear("Wait, I am not sure.")
    assert run.state.node == "one"
    assert len(run.asked) == 1, "the model waits for the handler"
    (asked,) = run.of(e.ToolAsked)
    run.tell(i.ToolDone(call=asked.call, ok=True, value={"next_node": "two"}))
    assert run.state.node == "two"
    assert len(run.asked) == 2, "what the caller said meanwhile is answered where it leads"


def test_the_lock_holds_for_it_too() -> None:
    run = Talk(routed(), answers=lambda name, arguments: {"next_node": "two"})
    run.tell(i.HandedBack(by="Sue"))
    run.hear("Yes.")
    run.model("", call("choose", {"size": "large"}))
    assert run.state.node == "two"
    locked = Talk(routed(), answers=lambda name, arguments: {"next_node": "two"})
    assert locked.is_("locked")


def test_a_handler_that_is_not_a_page_may_ask_for_a_human() -> None:
    run = talk({"human": "The step “Payment” is for a colleague."}, colleague=True)
    run.model("", call("choose", {"size": "large"}))
    (wanted,) = run.of(e.HumanWanted)
    assert wanted.page
    assert "Payment" in wanted.why
    assert run.spoken[-1] == Manner().get_human
    run.tell(i.TakenOver(by="Sue"))
    assert run.state.phase == "human"


def test_it_is_written_back_as_it_was_read_and_has_no_finding_of_its_own() -> None:
    document = routed()
    assert loads(dumps(document), "test-agent").nodes == document.nodes
    codes = {one.code for one in findings(document)}
    assert not codes & {"dangling_node", "dangling_tool", "terminal_unreachable"}
    assert {one.node for one in findings(document) if one.code == "unreachable_node"} == {"four"}


def test_the_check_finds_a_handler_that_leads_nowhere() -> None:
    codes = {one.code for one in findings(routed(handler={"tool_id": "t-gone", "to": ["two", "five"]}))}
    assert {"dangling_node", "dangling_tool"} <= codes


# forms


def form(at: str, *names: str, **fields: Any) -> Form:
    schema = {"type": "object", "properties": {"size": {"type": "string"}}, "required": []}
    functions = tuple(
        Function(
            name=name,
            description=f"Does {name}.",
            schema=schema,
            target="",
            handler=internal_id("test-agent", "t-submit"),
            to=("one", "two", "bye"),
            moves=name != "note",
        )
        for name in names
    )
    return Form(node=at, functions=functions, **fields)


class World:
    """A page beside the conversation."""

    def __init__(self) -> None:
        self.now: Form | None = form("one", "go", "note", data={"page": "First"})
        self.takes: Any = {"next_node": "two"}
        self.looked = 0

    def __call__(self, name: str, arguments: dict[str, Any]) -> Any:
        if name == "page":
            self.looked += 1
            return Answer(value={}, form=self.now)
        return self.takes


def formed(world: World, **fields: Any) -> Talk:
    page = {"tool_id": "t-page", "again": True}
    document = agent(
        node("one", is_initial=True, pre_actions=[page], form=True),
        node("two", pre_actions=[page], form=True),
        node("bye", is_terminal=True),
        tools=[tool("page"), tool("submit")],
        greeting="Hello.",
    )
    return Talk(document, answers=world, colleague=True, **fields)


def in_force(run: Talk) -> set[str]:
    _, frame = request_for(run.document, run.state)
    return {one.name for one in frame.tools}


def test_a_form_brings_functions_and_is_shown_as_data() -> None:
    run = formed(World())
    assert in_force(run) == {"go", "note", "end_call"}
    messages, _ = request_for(run.document, run.state)
    assert '<data from="page">\n{"page":"First"}\n</data>' in messages[0].content


def test_the_next_node_has_its_own_form() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.now = form("two", "finish", data={"page": "Second"})
    run.model("", call("go"))
    assert run.state.node == "two"
    assert in_force(run) == {"finish", "end_call"}
    assert "First" not in request_for(run.document, run.state)[0][0].content


def test_a_form_of_another_node_leads_there() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.now = form("bye")
    run.model("", call("go"))
    assert run.state.node == "bye"
    assert run.state.terminal


def test_filling_in_is_no_transition_and_may_change_the_form() -> None:
    world = World()
    run = formed(world)
    world.takes = Answer(value={"written": ["size"]}, form=form("one", "go", "extra"))
    run.hear("Large.")
    run.model("", call("note", {"size": "large"}))
    assert run.state.node == "one"
    assert in_force(run) == {"go", "extra", "end_call"}
    assert world.looked == 1
    assert len(run.asked) == 2


def test_filling_in_needs_no_word_of_the_caller() -> None:
    world = World()
    world.takes = Answer(value={"written": []})
    run = formed(world)
    run.hear("Hello?")
    world.now = form("two", "note")
    world.takes = {"next_node": "two"}
    run.model("", call("go"))
    assert run.is_("locked")
    world.takes = {"written": ["size"]}
    run.model("", call("note", {"size": "large"}))
    assert run.of(e.CallRefused) == []


def test_without_its_form_a_node_is_not_entered() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.now = None
    run.model("", call("go"))
    assert run.state.node == "one"
    assert run.of(e.EntryFailed)[-1].problem == "Its page is not there."


def test_a_page_that_moved_on_is_looked_at_again() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    assert run.state.request is not None
    world.now = form("two", "finish")
    run.tell(i.Moved(by="Sue"))
    assert run.of(e.ModelCancelled)[-1].why == "moved"
    assert run.state.node == "two"
    assert run.asked[-1].note == Manner().moved
    assert in_force(run) == {"finish", "end_call"}


def test_a_page_that_moved_under_a_tool_is_looked_at_when_the_tool_is_through() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.takes = None
    run.model("", call("go"))
    run.tell(i.Moved(by="Sue"))
    assert world.looked == 1
    world.now = form("two", "finish")
    (asked,) = run.of(e.ToolAsked)
    refused = {"refused": "Sue has gone on."}
    run.tell(i.ToolDone(call=asked.call, ok=True, value=refused, form=world.now))
    assert run.state.node == "two"
    assert len(run.asked) == 2


def test_a_page_that_is_a_humans_asks_for_one_and_goes_on_when_it_is_done() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.now = Form(human="The step “Payment” is for a colleague.")
    world.takes = {"human": "The step “Payment” is for a colleague."}
    run.model("", call("go"))
    assert run.is_("human_page")
    run.tell(i.TakenOver(by="Sue"))
    run.tell(i.HandedBack(by="Sue", note="Not yet."))
    assert run.is_("human_wanted"), "it is still hers"
    run.tell(i.TakenOver(by="Sue"))
    world.now = form("two", "finish")
    run.tell(i.HandedBack(by="Sue"))
    assert run.state.node == "two"
    assert run.asked[-1].note == Manner().hand_back


def test_a_human_who_does_the_step_without_taking_over_is_followed() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.takes = {"human": "Payment."}
    run.model("", call("go"))
    world.now = form("two", "finish")
    run.tell(i.Moved(by="Sue"))
    assert not run.is_("human_wanted")
    assert run.state.node == "two"


def test_an_agent_that_is_at_its_end_is_not_called_back_by_the_page() -> None:
    world = World()
    run = formed(world, models=1)
    run.hear("Yes.")
    run.fail("refused")
    assert run.is_("human_wanted")
    world.now = form("two", "finish")
    run.tell(i.Moved(by="Sue"))
    assert run.is_("human_wanted")
    assert run.state.node == "one"


def test_while_a_human_speaks_the_page_may_go_where_it_likes() -> None:
    world = World()
    run = formed(world)
    run.tell(i.TakenOver(by="Sue"))
    assert run.tell(i.Moved(by="Sue")) == []


def test_where_the_first_page_is_a_humans_they_are_asked_for_at_once() -> None:
    world = World()
    world.now = Form(human="Theirs.")
    run = formed(world)
    assert run.is_("human_page")
    run.tell(i.TakenOver(by="Sue"))
    world.now = form("one", "go")
    run.tell(i.HandedBack(by="Sue"))
    assert run.state.node == "one"
    assert run.state.in_force


def test_no_card_number_is_in_a_form() -> None:
    dirty = form("one", "go", data={"note": "4242 4242 4242 4242"})
    clean = safe(dirty)
    assert clean is not None
    assert clean.data == {"note": "[card number removed]"}
    assert clean.functions == dirty.functions


def test_it_replays_on_the_same_path() -> None:
    world = World()
    run = formed(world)
    run.hear("Yes.")
    world.now = form("two", "finish")
    run.model("", call("go"))
    run.tell(i.Moved(by="Sue"))
    assert folded(run.events) == run.state
    assert replay(run.document, run.manner, run.lines)[1] is None
