"""script: what is read word for word is a fact; nobody leaves before it was read and confirmed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step

TEXT = "This is an attempt to collect a debt.\nHello {{ name }}."
SHOWN = "This is an attempt to collect a debt.\nHello O'Neil & Co."
TICK = {"name": "was_read", "type": "boolean"}


def reading(**config: Any) -> Run:
    asked = page_step("ask", "r", fields=[{"name": "name", "type": "text"}])
    step = page_step("r", "after", fields=[TICK], config={"verbatim": TEXT, **config})
    return Run(small(asked, step, page_step("after"))).submit().answer(name="O'Neil & Co").submit()


def facts(run: Run) -> list[Any]:
    return [fact.value for fact in run.of(e.VariableSet) if fact.name == "r:verbatim"]


def test_the_very_text_is_a_fact() -> None:
    run = reading()
    assert "<blockquote>" in run.page.html
    assert "attempt to collect" in run.page.html
    assert run.submit().at == "after"
    digest = hashlib.sha256(SHOWN.encode()).hexdigest()
    assert facts(run) == [{"visit": 1, "sha256": digest, "attested": False}]
    assert fold(run.events) == run.state


def test_it_is_attested_first() -> None:
    run = reading(attest="was_read")
    for said in (None, False):
        if said is not None:
            run.answer(was_read=said)
        refused = run.refuse(c.Submit())
        assert (refused.code, refused.field) == ("not_attested", "was_read")
    assert facts(run) == []
    assert run.answer(was_read=True).submit().at == "after"
    assert facts(run)[0]["attested"]


def test_nobody_reads_faster() -> None:
    run = reading(dwell_s=8).do(c.Tick(now=100.0))
    assert "8 seconds" in run.refuse(c.Submit()).message
    run.do(c.Tick(now=107.9))
    assert run.refuse(c.Submit()).code == "must_wait"
    run.do(c.Tick(now=108.0))
    assert run.at == "r", "the agent goes on, not the clock"
    assert run.submit().at == "after"
    run.do(c.Back(), c.Tick(now=200.0))
    assert run.refuse(c.Submit()).code == "must_wait", "each visit is read anew"


def test_without_a_text_nothing_is_kept() -> None:
    run = reading(verbatim="", attest="was_read", dwell_s=60)
    assert run.submit().at == "after"
    assert facts(run) == []


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"attest": "nobody"}, "attest_field"),
        ({"attest": "name"}, "attest_field"),
        ({"dwell_s": -1}, "dwell_length"),
        ({"dwell_s": 9999}, "dwell_length"),
    ],
)
def test_what_the_health_check_says(config: dict[str, Any], code: str) -> None:
    fields = [TICK, {"name": "name", "type": "text"}]
    assert code in codes(page_step("r", fields=fields, config={"verbatim": "Word for word.", **config}))
