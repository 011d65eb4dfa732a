"""The samples that ship: every caller does as expected, and together they reach everything."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from halodesk.engine.flow_agent.document import loads, write
from halodesk.runtime.flow_agent import callers
from halodesk.runtime.flow_agent.simulate import as_regression, evaluate
from tests.fakes.virtual_time import run

FOLDER = Path(__file__).resolve().parents[3] / "resources" / "flow_agents"
NAMES = ["clinic_booking", "property_lead", "loan_collection", "service_survey"]


def scripts(name: str) -> list[callers.Script]:
    return [callers.load(path) for path in sorted((FOLDER / "callers" / name).glob("*.json"))]


@pytest.mark.parametrize("name", NAMES)
def test_every_caller_passes_and_every_transition_is_made(name: str) -> None:
    document = loads((FOLDER / f"{name}.json").read_bytes())
    report = run(evaluate(document, scripts(name)))
    assert [(one.caller, one.problems) for one in report.runs if not one.ok] == []
    assert report.nodes.missed == ()
    assert report.transitions.missed == ()
    assert report.pass_rate == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_conversation_takes_the_same_path(name: str) -> None:
    document = loads((FOLDER / f"{name}.json").read_bytes())
    given = scripts(name)
    first = run(evaluate(document, given))
    again = [as_regression(document, one, talked) for one, talked in zip(given, first.runs, strict=True)]
    second = run(evaluate(document, again))
    assert [one.problems for one in second.runs] == [()] * len(given)
    assert [one.transitions for one in second.runs] == [one.transitions for one in first.runs]


@pytest.mark.parametrize("name", NAMES)
def test_a_caller_with_another_expectation_fails(name: str) -> None:
    document = loads((FOLDER / f"{name}.json").read_bytes())
    one = scripts(name)[0]
    wrong = callers.Expect(end=("no_human",), node="nowhere", functions=("never",), collected={"x": 1})
    given = msgspec.structs.replace(one, expect=wrong)
    report = run(evaluate(document, [given]))
    assert len(report.runs[0].problems) == 4
    assert not report.ok


def test_the_document_of_loan_collection_tells_nothing_before_identity_is_sure() -> None:
    document = loads((FOLDER / "loan_collection.json").read_bytes())
    assert write(document)["agent"]["context_variables"].keys() == {"customer_name", "lender_name", "loan_id"}
    for word in ("loan", "debt", "due", "pay"):
        assert word not in document.greeting.lower()
    verify = document.node("verify_identity")
    assert verify is not None
    verified = verify.function("identity_verified")
    assert verified is not None
    assert (verified.needs_tool, verified.needs) == ("match_identity", {"matched": True})
