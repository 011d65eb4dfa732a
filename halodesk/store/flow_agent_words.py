"""What a flow agent did on a call, in words for a replay."""

from __future__ import annotations

from halodesk.engine import events as e

_ENDS = {
    "end_call": "it ended the call",
    "terminal_net": "nobody said anything at its end",
    "hung_up": "the call ended",
    "no_human": "it could not go on and nobody took over",
    "caller_silent": "the caller was silent",
    "human_ended": "it was sent away",
    "broken": "it broke off",
}


def flow_agent_words(fact: e.FlowAgentFact) -> str:
    """One line."""
    match fact:
        case e.FlowAgentBegan():
            by = f" by {fact.by}" if fact.by else ""
            return f"Flow agent {fact.agent} put on the call{by} (document {fact.document[:16]}…)"
        case e.FlowAgentTalk(who="whisper"):
            return f"Whispered to the flow agent by {fact.by}: {fact.text}"
        case e.FlowAgentTalk():
            who = {"agent": "Flow agent", "caller": "Caller", "human": "Colleague"}[fact.who]
            return f"{who}{' (keys)' if fact.keys else ''}: {fact.text}"
        case e.FlowAgentEnded():
            return f"Flow agent off the call: {_ENDS.get(fact.reason, fact.reason)}"
        case e.FlowAgentActed():
            return _acted(fact)


def _acted(fact: e.FlowAgentActed) -> str:
    rest = f": {fact.words}" if fact.words else ""
    match fact.kind:
        case "node":
            return f"Flow agent at {fact.name}"
        case "tool":
            return f"Flow agent called {fact.name}{rest}"
        case "wants_human":
            return f"Flow agent asked for a colleague{rest}"
        case "taken_over":
            return f"{fact.name} took over from the flow agent{rest}"
        case "handed_back":
            return f"{fact.name} handed back to the flow agent{rest}"
