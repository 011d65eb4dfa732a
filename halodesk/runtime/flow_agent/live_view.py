"""What the window shows of a conversation on a call: folded from its events, one after the other."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import END_CALL, Document
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.live_agent_port import LiveView, Mode, Utterance, Wish

_Kind = Literal["transition", "tool", "end_call"]


class Transcript:
    """Who said what, as far as it was heard; what is queued stands there from the beginning."""

    def __init__(self) -> None:
        self._said: list[tuple[int, Utterance]] = []

    @property
    def said(self) -> tuple[Utterance, ...]:
        """In order."""
        return tuple(one for _, one in self._said)

    def take(self, event: e.AnyEvent, node: str, confidence: float | None) -> bool:
        """Whether it changed by the event. `confidence`: of what the caller said last."""
        match event:
            case e.SpeechQueued(speech=speech, text=text):
                self._said.append((speech, Utterance(who="agent", text=text, node=node)))
            case e.SpeechPlayed(whole=False, speech=speech, played=played):
                self._said = [
                    (id, replace(one, text=played) if id == speech else one)
                    for id, one in self._said
                    if id != speech or played
                ]
            case e.CallerSaid(text=text, kind=kind):
                keys = kind == "dtmf"
                sure = None if keys else confidence
                self._said.append(
                    (0, Utterance(who="caller", text=text, node=node, keys=keys, confidence=sure))
                )
            case e.HumanSpoke(text=text):
                self._said.append((0, Utterance(who="human", text=text, node=node)))
            case e.HumanGave(note=note) if note:
                self._said.append((0, Utterance(who="human", text=note, node=node)))
            case e.WhisperHeard(text=text):
                self._said.append((0, Utterance(who="whisper", text=text, node=node)))
            case _:
                return False
        return True


def shown(view: LiveView, document: Document, event: e.AnyEvent, state: State) -> LiveView:
    """The view after the event, but for the transcript. `state`: the conversation's, after it."""
    return replace(
        view,
        mode=_mode(view.mode, event),
        phase=state.phase,
        node=state.node,
        visits=state.visits,
        wish=_wish(view.wish, document, event),
        asks_for_human=_asks(view.asks_for_human, event, state),
        collected=state.collected,
        tokens=state.spent.prompt + state.spent.completion,
        cost=state.spent.cost,
        reason=event.reason if isinstance(event, e.Ended) else view.reason,
    )


def _mode(mode: Mode, event: e.AnyEvent) -> Mode:
    match event:
        case e.HumanTook():
            return "human"
        case e.HumanGave():
            return "agent"
        case e.Ended():
            return ""
    return mode


def _asks(why: str, event: e.AnyEvent, state: State) -> str:
    if isinstance(event, e.HumanWanted):
        return event.why or "it cannot go on"
    return why if state.human_wanted else ""


def _wish(wish: Wish | None, document: Document, event: e.AnyEvent) -> Wish | None:
    match event:
        case e.TransitionAccepted(function=name, arguments=arguments):
            return Wish(kind="transition", name=name, arguments=arguments)
        case e.ToolAsked(name=name, arguments=arguments):
            return Wish(kind="tool", name=name, arguments=arguments)
        case e.EndAccepted():
            return Wish(kind="end_call", name=END_CALL)
        case e.CallRefused(name=name, message=message):
            kind = _kind(document, name)
            return Wish(kind=kind, name=name, arguments=_given(event.arguments), refused=message)
        case e.HumanWanted(why=why):
            return Wish(kind="human", name=why)
        case e.ToolSettled() | e.NodeEntered() | e.HumanTook() | e.Ended():
            return None
        case e.CallerSaid() if wish is not None and wish.refused:
            return None
    return wish


def _kind(document: Document, name: str) -> _Kind:
    if name == END_CALL:
        return "end_call"
    return "tool" if any(tool.name == name for tool in document.tools) else "transition"


def _given(text: str) -> dict[str, Any]:
    """What a model wrote as arguments; nothing where that is no object."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
