"""A flow agent's conversation in the record of its call's session: kept, cleaned, told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.core import decide
from halodesk.engine.evolve import evolve
from halodesk.engine.session import Session
from halodesk.runtime.review import SessionQuery
from halodesk.runtime.threads import SystemClock
from halodesk.store.erasing import Wish
from halodesk.store.flow_agent_words import flow_agent_words
from halodesk.store.record import read
from halodesk.store.replay import review
from tests.fakes.order import Run, sample
from tests.fakes.records import BEGAN, keep, new_store
from tests.histories.make import FLOW_AGENT


def test_facts_are_kept_and_move_nothing() -> None:
    run = Run().to_payment()
    for fact in FLOW_AGENT:
        before = run.state
        assert decide(run.flow, run.state, c.NoteFlowAgent(fact=fact)) == [fact]
        assert evolve(before, fact) == before


def test_they_are_taken_after_the_end_too_and_never_before_the_beginning() -> None:
    run = Run().do(c.Abandon(disposition="test"))
    ended = FLOW_AGENT[-1]
    assert decide(run.flow, run.state, c.NoteFlowAgent(fact=ended)) == [ended]
    assert isinstance(decide(sample(), Session(), c.NoteFlowAgent(fact=ended)), c.Refused)


def test_a_card_number_is_in_none_of_them() -> None:
    card = "4242 4242 4242 4242"
    facts: list[e.FlowAgentFact] = [
        e.FlowAgentTalk(conversation="c", who="agent", text=f"Is it {card}?"),
        e.FlowAgentActed(conversation="c", kind="tool", name="look", arguments={"a": [card], card: 1}),
        e.FlowAgentActed(conversation="c", kind="handed_back", name="Ann", words=f"It is {card}."),
        e.FlowAgentEnded(conversation="c", reason="end_call", collected={"note": {"inner": card}}),
    ]
    run = Run()
    for fact in facts:
        (kept,) = run.do(c.NoteFlowAgent(fact=fact)).events[-1:]
        assert "4242" not in str(kept)
        assert "[card number removed]" in str(kept)


def test_the_digest_of_a_document_is_never_taken_for_a_card() -> None:
    digest = "ab" * 20 + "4242424242424242" + "cd" * 4
    began = e.FlowAgentBegan(conversation="c", agent="a", document=digest, by="")
    assert Run().do(c.NoteFlowAgent(fact=began)).events[-1] == began


WORDS = [
    (FLOW_AGENT[0], "Flow agent clinic put on the call by Ann Lee (document abababababababab…)"),
    (FLOW_AGENT[1], "Flow agent at greeting"),
    (FLOW_AGENT[2], "Flow agent: Good morning."),
    (FLOW_AGENT[3], "Caller (keys): 1"),
    (FLOW_AGENT[4], "Whispered to the flow agent by Ann Lee: Be brief."),
    (FLOW_AGENT[5], "Flow agent called look"),
    (FLOW_AGENT[6], "Ann Lee took over from the flow agent"),
    (FLOW_AGENT[7], "Flow agent off the call: it was sent away"),
    (
        e.FlowAgentActed(conversation="c", kind="wants_human", words="rounds"),
        "Flow agent asked for a colleague: rounds",
    ),
    (
        e.FlowAgentActed(conversation="c", kind="handed_back", name="Ann", words="Monday."),
        "Ann handed back to the flow agent: Monday.",
    ),
    (e.FlowAgentTalk(conversation="c", who="human", text="Hello."), "Colleague: Hello."),
]


@pytest.mark.parametrize(("fact", "words"), WORDS, ids=[words for _, words in WORDS])
def test_in_words(fact: e.FlowAgentFact, words: str) -> None:
    assert flow_agent_words(fact) == words


def test_what_was_said_is_found_and_erased_with_its_session(tmp_path: Path) -> None:
    run = Run(call=e.CallFacts(direction="in", number="+14155550101", sip_call_id="c"))
    for fact in FLOW_AGENT:
        run.do(c.NoteFlowAgent(fact=fact))
    run.submit("call_type=service").answer(disposition="service").submit()
    store = new_store(tmp_path)
    keep(store, "talk", [(0.0, event) for event in run.events], BEGAN)
    store.index(store.search.unindexed(10)).result(30)

    def found(words: str) -> int:
        return len(store.search.find(SessionQuery(text=words)).lines)

    assert found("good morning") == found("clinic") == found("be brief") == 1
    moments = review(read(store.sessions, "talk")).moments
    shown = [moment.words for moment in moments if moment.kind == "flow_agent"]
    assert shown == [flow_agent_words(fact) for fact in FLOW_AGENT], "a replay shows all of it"
    wish = Wish(session="talk", reason="The caller asked.", by="Ann", role="admin")
    store.eraser.erase(wish, SystemClock())
    kept = [row.payload or b"" for row in store.sessions.events("talk")]
    assert not any(b"Good morning" in payload or b"Be brief" in payload for payload in kept)
    assert found("good morning") == 0
    store.close()
