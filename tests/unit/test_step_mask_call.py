"""mask_call: nothing is typed before every recorder is masked, and no mask lasts for ever."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step, secret

PLAIN = {"name": "diagnosis", "type": "text"}
LOST = c.LoseCall(reason="Bye.", by="caller")


def masked(fields: tuple[dict[str, Any], ...] = (PLAIN,), **config: Any) -> Run:
    step = {"key": "m", "type": "mask_call", "fallback": "after", "fields": list(fields), "config": config}
    return Run(small(page_step("ask", "m"), step, page_step("after"))).submit().submit()


def test_its_own_fields_take_nothing_before_the_mask_is_held() -> None:
    run = masked()
    assert run.state.mask.lease == "m.1"
    assert run.page.fields[0].why == "Waiting until every recording is masked …"
    assert run.refuse(c.Answer(field="diagnosis", raw="x")).code == "locked"
    assert run.refuse(c.Submit()).code == "not_masked"
    run.mask().answer(diagnosis="x")
    assert not run.page.fields[0].locked
    run.submit()
    assert (run.at, run.state.mask.phase) == ("after", "releasing")


def test_a_lost_mask_locks_them_again() -> None:
    run = masked().mask().mask("lost", message="The recorder stopped answering.")
    assert run.page.fields[0].why == "The recorder stopped answering."
    assert run.refuse(c.Answer(field="diagnosis", raw="x")).message == "The recorder stopped answering."


def test_a_recorder_that_must_confirm_is_waited_for() -> None:
    run = masked((PLAIN, secret()), targets=("pbx", "platform")).mask()  # "own" and "pbx" confirm
    assert "platform" in run.page.fields[0].why
    assert run.refuse(c.EnterSecret(field="ssn", handle="m:ssn")).code == "locked"
    assert run.refuse(c.Submit()).code == "not_masked"
    run.do(c.ReportMask(lease=run.state.mask.lease, phase="held", confirmed_by=("own", "pbx", "platform")))
    assert run.submit().at == "after"


@pytest.mark.parametrize("way", ["next", "back", "hang_up"])
def test_the_mask_ends_with_the_page(way: str) -> None:
    run = masked((PLAIN, secret())).mask().do(c.EnterSecret(field="ssn", handle="m:ssn"))
    {"next": lambda: run.submit(), "back": lambda: run.do(c.Back()), "hang_up": lambda: run.do(LOST)}[way]()
    assert run.at == {"next": "after", "back": "ask", "hang_up": "end"}[way]
    assert (run.state.mask.phase, run.state.secrets) == ("releasing", {})
    wiped = next(i for i, event in enumerate(run.last) if isinstance(event, e.SecretsWiped))
    freed = next(i for i, event in enumerate(run.last) if isinstance(event, e.MaskChanged))
    assert wiped < freed


def test_a_crash_never_unmasks() -> None:
    run = masked().mask().do(c.Restart())
    assert run.state.mask.phase == "held"


def test_the_longest_time() -> None:
    run = masked(max_seconds=120, on_failure="after").mask().do(c.Tick(now=0.0), c.Tick(now=119.0))
    assert (run.at, run.page.panel["until"]) == ("m", 120.0)
    run.do(c.Tick(now=120.0))
    assert (run.at, run.state.mask.phase) == ("after", "releasing")
    assert run.incidents() == ["mask_too_long"]


def test_the_longest_time_without_a_way_of_its_own_takes_the_fallback() -> None:
    assert masked(max_seconds=5).mask().do(c.Tick(now=0.0), c.Tick(now=9.0)).at == "after"


def test_a_mask_that_cannot_be_had() -> None:
    run = masked(on_failure="end").mask("lost", message="The platform does not answer.")
    assert [one.key for one in run.page.choices] == ["", "on_failure"]
    run.submit("on_failure")
    assert (run.at, run.incidents()) == ("end", ["mask_not_had"])
    assert "does not answer" in run.of(e.Incident)[0].message


def test_that_way_is_closed_while_the_mask_is_held() -> None:
    run = masked(on_failure="end").mask()
    assert [one.key for one in run.page.choices] == [""]
    assert run.refuse(c.Submit(choice="on_failure")).code == "masked"


def test_what_the_health_check_says() -> None:
    step = {"key": "m", "type": "mask_call", "fallback": "end", "config": {"on_failure": "end"}}
    assert codes(step) == []
    assert codes({**step, "config": {}}) == ["mask_failure"]
    assert codes({**step, "config": {"on_failure": "end", "max_seconds": 0}}) == ["mask_without_end"]
    assert codes({**step, "config": {"on_failure": "end", "max_seconds": 1e6}}) == ["mask_without_end"]
    assert "missing_step" in codes({**step, "config": {"on_failure": "gone"}})
