"""What speech costs, beside what models cost."""

from __future__ import annotations

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.manner import Manner
from tests.fakes.flow_agent import Talk, sample_flow


def test_what_speech_costs_counts_for_the_cap() -> None:
    talk = Talk(sample_flow(), manner=Manner(most_cost=1.0))
    talk.hear("Yes.")
    talk.tell(i.SpeechCharged(cost=0.75))
    talk.model("Fine.", usage=i.Usage(cost=0.2))
    assert not talk.of(e.HumanWanted)
    talk.tell(i.SpeechCharged(cost=0.25))
    assert talk.state.spent.cost == 1.2
    talk.hear("And now?")
    talk.model("That is all.")
    assert talk.of(e.HumanWanted)[-1].why == "cap"
