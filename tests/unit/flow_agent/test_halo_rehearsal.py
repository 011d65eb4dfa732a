"""A halo flow driven without a call: the author's way to try it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow import Flow
from halodesk.engine.flow_agent.of_flow import GOODBYE
from halodesk.engine.session import Session
from halodesk.engine.simulate import FunctionValue
from halodesk.engine.simulate_answers import Answers, Outcome
from halodesk.runtime.flow_agent.callers import Script
from halodesk.runtime.flow_agent.halo_rehearsal import rehearse
from halodesk.runtime.flow_agent.scripted import Completion
from halodesk.runtime.flow_agent.simulate import Talked
from tests.fakes.halo_drive import does, says
from tests.fakes.order import ADDRESS, CALLER, SAMPLE, sample, small
from tests.fakes.virtual_time import run

ORDER = (
    says("What can I do for you?"),
    does("place_an_order"),
    says("Your name?"),
    does("continue", **{name: CALLER[name] for name in ("first_name", "last_name", "email")}),
    says("Shall I put one aside?"),
    does("yes"),
    says("The journal, too?"),
    does("yes_add_it"),
    says("Where does it go?"),
    does("to_the_payment", billing_address=ADDRESS),
    says("It went through. Is there anything else?"),
    does("confirmed"),
    does("end_call", goodbye="Goodbye."),
)
SAYS = ("Order.", "Jordan Miller.", "Yes.", "Yes.", "12 Ocean View Road.", "No.")


def functions(expression: str, values: Any, timeout_ms: int, now: float) -> FunctionValue:
    return FunctionValue(value=1)


def talk(
    flow: Flow, model: tuple[Completion, ...], says: tuple[str, ...], given: Answers | None = None
) -> tuple[Talked, Session]:
    script = Script(name="it", says=says, model=model, number="+12025550143")
    return run(rehearse(flow, script, functions, given=given))


def test_the_sample_order_from_the_first_page_to_the_goodbye() -> None:
    talked, state = talk(sample(), ORDER, SAYS)
    assert talked.ok, talked.problems
    assert talked.reason == "end_call"
    assert talked.visits == ("start", "gather", "main_offer", "upsell", "billing", "confirmation", GOODBYE)
    assert state.step == "end"
    assert state.values["phone"] == "+12025550143"
    assert [line.item for line in state.cart.lines] == ["nap-enhancer", "dream-journal"]
    assert state.paid is not None, "the stand-in has paid"


def test_a_declined_card_leads_the_agent_where_the_flow_says() -> None:
    model = (*ORDER[:-3], says("It did not go through. Another card?"), does("no_stop_here"), says("A pity."))
    given = Answers(effects={"charge": (Outcome(outcome="declined", result={"reason": "No funds."}),)})
    talked, state = talk(sample(), model, (*SAYS[:-1], "No.", "(hang up)"), given)
    assert talked.visits[-2:] == ("declined", "no_sale")
    assert state.step == "no_sale"
    assert state.paid is None


def test_a_wait_that_nobody_can_end_is_over_at_once() -> None:
    flow = small(
        {"key": "hold", "type": "wait", "config": {"seconds": 600, "button": False}, "fallback": "tell"},
        {"key": "tell", "type": "script", "fallback": "end"},
        driver="either",
    )
    talked, _ = talk(flow, (says("Hello."), does("continue"), says("There.")), ("Hi.", "(hang up)"))
    assert talked.visits == ("start", "tell")


def test_a_flow_for_humans_alone_says_so() -> None:
    with pytest.raises(SettingsError, match="No step of this flow"):
        talk(small(), (), ())


def test_the_terminal_tries_a_flow(tmp_path: Path) -> None:
    caller = tmp_path / "caller.json"
    model = [
        {"text": one.text, "calls": [{"name": c.name, "arguments": c.arguments} for c in one.calls]}
        for one in ORDER
    ]
    caller.write_text(json.dumps({"says": SAYS, "model": model, "number": "+12025550143"}), encoding="utf-8")
    log = tmp_path / "log.jsonl"
    result = CliRunner().invoke(
        app, ["flow-agent", "chat", str(SAMPLE), "--script", str(caller), "--log", str(log)]
    )
    assert result.exit_code == 0, result.output
    assert "[a colleague is needed: The step “Payment” is for a colleague.]" in result.output
    assert "Agent: It went through." in result.output
    assert "(end_call in goodbye;" in result.output
    assert "card_number" not in log.read_text(encoding="utf-8")


def test_the_terminal_says_what_is_wrong_with_a_flow(tmp_path: Path) -> None:
    file = tmp_path / "x.flow.json"
    file.write_text("{}", encoding="utf-8")
    caller = tmp_path / "c.json"
    caller.write_text('{"says": [], "model": [{"text": "Hi."}]}', encoding="utf-8")
    result = CliRunner().invoke(app, ["flow-agent", "chat", str(file), "--script", str(caller)])
    assert result.exit_code == 1
    assert '"key"' in result.output
