"""Whatever a model calls and a human does on the same pages, in any order: the human wins, nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from halodesk.engine import commands as c
from halodesk.engine.flow import from_builtins
from halodesk.engine.flow_agent import of_page
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.flow_agent.inputs import AnyNews
from halodesk.engine.flow_agent.of_flow import GOODBYE, LOOK, WORK
from halodesk.engine.page import Page
from halodesk.engine.simulate import Begin, FunctionValue, Item
from halodesk.engine.simulate_answers import Answers
from halodesk.runtime.flow_agent.halo_driver import HaloDriver
from halodesk.runtime.flow_agent.halo_rehearsal import RehearsedSession
from halodesk.runtime.flow_agent_ports import ToolRequest
from tests.examples import many
from tests.fakes.order import ADDRESS, sample_document
from tests.fakes.virtual_time import run

FLOW = from_builtins(sample_document())
SECRETS = ("card_number", "card_expiry", "card_cvv", "Security code", "4242424242424242")
VALUES = {
    "first_name": st.sampled_from(["Ann", "Bob", "", "x" * 90]),
    "last_name": st.sampled_from(["Lee", "4242424242424242"]),
    "phone": st.sampled_from(["202 555 0143", "12"]),
    "email": st.sampled_from(["a@example.com", "nobody"]),
    "heard_from": st.sampled_from(["tv", "nowhere"]),
    "billing_address": st.just(ADDRESS),
    "ship_to_billing": st.booleans(),
    "delivery_note": st.sampled_from(["Ring.", ""]),
    "card_number": st.just("4242424242424242"),
    "no_sale_reason": st.sampled_from(["price", "none"]),
}
STARTS = (
    "start",
    "gather",
    "gather",
    "billing",
    "billing",
    "main_offer",
    "payment",
    "confirmation",
    "no_sale",
)
ANN = {"first_name": "Ann", "last_name": "Lee", "phone": "202 555 0143", "email": "a@example.com"}
BOB = {**ANN, "first_name": "Bob"}
given_values = st.fixed_dictionaries(VALUES)
steps = st.one_of(
    st.tuples(st.just("look")),
    st.tuples(st.just("call"), st.integers(0, 8), given_values, st.integers(1, 4)),
    st.tuples(st.just("stale"), st.sampled_from(["yes", "note_answers", "to_the_payment", "go_back"])),
    st.tuples(st.just("fill"), st.integers(0, 3), given_values),
    st.tuples(st.just("press"), st.integers(0, 6)),
    st.tuples(st.just("back")),
    st.tuples(st.just("type"), st.integers(0, 5)),
    st.tuples(st.just("stand in")),
)


class Typed(RehearsedSession):
    """A session in which somebody may have half-typed words."""

    typing = ""

    @property
    def drafts(self) -> dict[str, Any]:
        return {self.typing: "half"} if self.typing else {}


class World:
    def __init__(self, start: str) -> None:
        loop = asyncio.get_running_loop()

        def post(work: Callable[[], None]) -> None:
            loop.call_soon(work)

        given = Answers(begin=Begin(step=start, cart=(Item(item="nap-enhancer"),)))
        self.session = Typed(FLOW, lambda *asked: FunctionValue(value=1), given)
        self.driver = HaloDriver(self.session, post=post)
        self.news: list[AnyNews] = []
        self.driver.tell = self.news.append
        self.shown: Form | None = None
        self.seen = ("", 0)
        """Which page the model was shown last."""
        self.theirs: dict[str, Any] = {}
        """What a human filled in on this page since the model was shown it."""

    @property
    def page(self) -> Page:
        found = self.session.page
        assert found is not None
        return found

    async def ask(self, tool: str, function: str = "", arguments: dict[str, Any] | None = None) -> None:
        before, page = self.session.state, self.page
        request = ToolRequest(
            tool=tool, name="it", url="", method="POST", arguments=arguments or {}, key="k", timeout_s=9,
            function=function,
        )  # fmt: skip
        answer = await self.driver.call(request)
        await asyncio.sleep(0)
        assert answer.ok
        seen = msgspec.json.encode([answer.value, answer.form]).decode()
        assert not any(secret in seen for secret in SECRETS)
        after = self.session.state
        if tool == LOOK or page.sensitive or page.ended or (page.step, page.visit) != self.seen:
            assert after.values == before.values
            assert after.path == before.path
        if self.session.typing in {field.name for field in page.fields}:
            assert after.path == before.path, "the page is not left under a human's hands"
            assert after.values.get(self.session.typing) == before.values.get(self.session.typing)
        for name, value in self.theirs.items():
            if after.path == before.path or function == of_page.NOTE:
                assert after.values.get(name) == value, "what a human filled in is not replaced unseen"
        if answer.form is not None:
            self.shown, self.theirs = answer.form, {}
            self.seen = (self.page.step, self.page.visit)
            if answer.form.node not in ("", GOODBYE):
                assert answer.form.node == self.page.step
        moved = (page.step, page.visit) != (self.page.step, self.page.visit)
        if moved and isinstance(answer.value, dict) and answer.value.get("next_node"):
            assert answer.form is not None
            assert answer.value["next_node"] == answer.form.node


async def play(start: str, script: list[tuple[Any, ...]]) -> None:
    world = World(start)
    await world.ask(LOOK)
    for step in script:
        page = world.page
        match step:
            case ("look",):
                await world.ask(LOOK)
            case ("call", number, values, most) if world.shown is not None and world.shown.functions:
                functions = world.shown.functions
                function = functions[number % len(functions)]
                names = list(function.schema["properties"])[:most]
                await world.ask(WORK, function.name, {name: values[name] for name in names if name in values})
            case ("stale", name):
                await world.ask(WORK, name, {"first_name": "Zed", "card_number": "4242424242424242"})
            case ("fill", number, values) if page.fields:
                name = page.fields[number % len(page.fields)].name
                refused = world.session.do(c.Answer(field=name, raw=values.get(name)))
                before = {field.name: field.value for field in page.fields}
                if refused is None and world.session.state.values.get(name) != before.get(name):
                    world.theirs[name] = world.session.state.values.get(name)
            case ("press", number) if page.choices:
                world.session.do(c.Submit(choice=page.choices[number % len(page.choices)].key))
            case ("back",):
                world.session.do(c.Back())
            case ("type", number):
                names = ["", *(field.name for field in page.fields)]
                world.session.typing = names[number % len(names)]
            case ("stand in",):
                world.session.stand_in()
        if (page.step, page.visit) != (world.page.step, world.page.visit):
            world.theirs = {}
        await asyncio.sleep(0)


@settings(max_examples=many(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example("gather", [("type", 1), ("call", 0, ANN, 4)])
@example("gather", [("fill", 0, BOB), ("call", 1, ANN, 1), ("call", 1, ANN, 1)])
@given(st.sampled_from(STARTS), st.lists(steps, max_size=25))
def test_any_order_of_a_model_and_a_human(start: str, script: list[tuple[Any, ...]]) -> None:
    run(play(start, script))
