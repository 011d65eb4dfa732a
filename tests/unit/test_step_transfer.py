"""transfer: never masked, never to nobody; busy brings the caller back."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step, secret

LOST = c.LoseCall(reason="Transferred.", by="agent")


def transfer(before: dict[str, Any] | None = None, call: e.CallFacts | None = None, **config: Any) -> Run:
    step = {"key": "t", "type": "transfer", "fallback": "after", "config": {"to": "1002", **config}}
    flow = small(before or page_step("ask", "t"), step, page_step("after"), page_step("failed"))
    return (Run(flow, call=call) if call is not None else Run(flow)).submit()


def test_the_caller_is_handed_over() -> None:
    run = transfer(mode="attended", target="agent").submit()
    assert run.page.choices[0].label == "Transfer the call"
    run.submit()
    assert run.ask().args == {
        "to": "1002",
        "target": "agent",
        "mode": "attended",
        "session_header": "X-HaloDesk-Session",
        "ring_seconds": 30,
    }
    run.resolve()
    assert run.at == "after"
    assert run.state.values["transfer"] == {"success": True, "reason": ""}


def test_the_call_that_has_gone_leads_to_the_wrap_up() -> None:
    run = transfer().submit().submit().do(LOST)
    assert run.at == "t", "the answer of the phone is waited for"
    assert run.resolve().at == "end"
    assert run.state.values["transfer"]["success"] is True


def test_busy_brings_the_caller_back() -> None:
    run = transfer().submit().submit().resolve("failed", reason="The line is busy.")
    assert run.at == "t"
    assert run.page.problem == "The line is busy. The caller is still with you."
    assert run.submit().ask().kind == "transfer", "it can be tried again"


def test_a_failure_takes_its_own_way() -> None:
    run = transfer(on_failure="failed").submit().submit().resolve("failed", reason="Busy.")
    assert run.at == "failed"
    assert run.state.values["transfer"] == {"success": False, "reason": "Busy."}
    assert run.incidents() == ["transfer_failed"]


def test_it_is_refused_until_every_recorder_goes_on() -> None:
    run = transfer(page_step("ask", "t", fields=[secret()])).mask().submit()
    assert (run.at, run.state.mask.phase) == ("t", "releasing")
    assert run.refuse(c.Submit()).code == "masked"
    assert run.page.panel["locked"]
    assert run.of(e.EffectRequested) == []
    run.mask("none").submit()
    assert run.ask().kind == "transfer"


@pytest.mark.parametrize(
    ("to", "asked"), [("{{ number }}", "+12025550143"), ("(202) 555-0143", "202555-0143")]
)
def test_a_number_that_was_captured(to: str, asked: str) -> None:
    ask = page_step("ask", "t", fields=[{"name": "number", "type": "text"}])
    run = transfer(ask, to=to).answer(number="+1 202 555 0143").submit().submit()
    assert run.ask().args["to"] == asked


@pytest.mark.parametrize("number", [None, "1002;evil=1", "sip:a@b?X=y"])
def test_what_cannot_be_dialled_is_refused(number: str | None) -> None:
    ask = page_step("ask", "t", fields=[{"name": "number", "type": "text"}])
    run = transfer(ask, to="{{ number }}").answer(number=number).submit()
    assert run.refuse(c.Submit()).code == "no_number"


def test_a_line_break_never_reaches_the_phone() -> None:
    ask = page_step("ask", "t", fields=[{"name": "number", "type": "text_area"}])
    run = transfer(ask, to="{{ number }}").answer(number="1002\r\nX-Evil: 1").submit().submit()
    assert run.ask().args["to"] == "1002X-Evil:1"


def test_without_a_call_there_is_nothing_to_transfer() -> None:
    assert transfer(call=e.CallFacts()).submit().refuse(c.Submit()).code == "no_call"


def test_what_the_health_check_says() -> None:
    good = {"key": "t", "type": "transfer", "fallback": "end", "config": {"to": "1002", "on_failure": "end"}}
    assert codes(good) == []
    assert codes({**good, "config": {"to": "1002"}}) == ["transfer_failure"]
    assert codes({**good, "config": {**good["config"], "to": ""}}) == ["transfer_target"]  # type: ignore[dict-item]  # a dict
    assert codes({**good, "config": {**good["config"], "to": "{{ a"}}) == ["transfer_target"]  # type: ignore[dict-item]  # as above
    assert codes({**good, "mask": True}) == ["transfer_masked"]
    assert codes({**good, "config": {**good["config"], "session_header": "From"}}) == ["bad_header"]  # type: ignore[dict-item]  # as above
