"""A conversation on a call as facts of the call's session: what is kept, and in which words.

What was said is kept as far as it was heard; which tool was called, by which way a node was reached, who
took over and gave back; not how completions, timers and sound went: that is in the log of a rehearsal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from halodesk.engine import events as s
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.state import State

Keep = Callable[[s.FlowAgentFact], None]


class LiveRecord:
    """Facts of one conversation. `keep` takes each; `conversation` is their common id."""

    def __init__(self, conversation: str, agent: str, document: str, by: str, keep: Keep) -> None:
        """`document`: digest of it. `by`: who put it on the call."""
        self._id, self._keep = conversation, keep
        self._texts: dict[int, tuple[str, str]] = {}
        """What is being said, and at which node."""
        self._ended = False
        self.why = ""
        """Why a human is about to take over, where that is no wish of theirs."""
        keep(s.FlowAgentBegan(conversation=conversation, agent=agent, document=document, by=by))

    def happened(self, event: e.AnyEvent, state: State) -> None:
        """One event, with the state after it."""
        match event:
            case e.SpeechQueued(speech=speech, text=text):
                self._texts[speech] = (text, state.node)
            case e.SpeechPlayed(speech=speech, played=played):
                text, node = self._texts.pop(speech, ("", state.node))
                if played:
                    self._said("agent", text if event.whole else played, node)
            case e.CallerSaid(text=text, kind=kind):
                self._said("caller", text, state.node, keys=kind == "dtmf")
            case e.HumanSpoke(text=text):
                self._said("human", text, state.node)
            case e.WhisperHeard(by=by, text=text):
                self._said("whisper", text, state.node, by=by)
            case e.NodeEntered(node=node) if node:
                self._keep(
                    s.FlowAgentActed(conversation=self._id, kind="node", name=node, words=event.function)
                )
            case e.ToolAsked(name=name, arguments=arguments):
                self._keep(
                    s.FlowAgentActed(conversation=self._id, kind="tool", name=name, arguments=arguments)
                )
            case e.HumanWanted(why=why):
                self._keep(s.FlowAgentActed(conversation=self._id, kind="wants_human", words=why))
            case e.HumanTook(by=by):
                words, self.why = self.why, ""
                self._keep(s.FlowAgentActed(conversation=self._id, kind="taken_over", name=by, words=words))
            case e.HumanGave(by=by, note=note):
                self._keep(s.FlowAgentActed(conversation=self._id, kind="handed_back", name=by, words=note))
            case e.Ended(reason=reason):
                self._end(reason, state)

    def over(self, state: State, *, sent_away: bool) -> None:
        """It runs no more; where nothing has said how it ended, it broke off."""
        self._end("human_ended" if sent_away else "broken", state)

    def _end(self, reason: str, state: State) -> None:
        if not self._ended:
            self._ended = True
            self._keep(
                s.FlowAgentEnded(
                    conversation=self._id, reason=reason, node=state.node, collected=state.collected
                )
            )

    def _said(self, who: str, text: str, node: str, *, keys: bool = False, by: str = "") -> None:
        self._keep(
            s.FlowAgentTalk(
                conversation=self._id,
                who=who,  # type: ignore[arg-type]  # one of its words
                text=text,
                node=node,
                keys=keys,
                by=by,
            )
        )


def broken_off(events: Sequence[s.AnyEvent]) -> list[s.FlowAgentEnded]:
    """Ends of conversations that a crash of the seat has left without one."""
    begun = [one.conversation for one in events if isinstance(one, s.FlowAgentBegan)]
    ended = {one.conversation for one in events if isinstance(one, s.FlowAgentEnded)}
    return [s.FlowAgentEnded(conversation=id, reason="broken") for id in begun if id not in ended]
