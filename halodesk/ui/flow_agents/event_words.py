"""What happened in a conversation, in words for whoever writes flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from PySide6.QtCore import QCoreApplication

from halodesk.engine.flow_agent import events as e

Tone = Literal["plain", "step", "refused", "trouble"]

REFUSALS: dict[e.Refusal, str] = {
    "unknown_function": "there is no such function here",
    "malformed_arguments": "its arguments are no JSON object",
    "invalid_arguments": "its arguments do not fit the schema",
    "transition_locked": "the caller has not said anything since the last step",
    "result_missing": "a tool has not said yet what this way needs",
    "one_transition": "another transition came first in the same answer",
    "repeated_call": "the same call was made in this turn already",
    "node_unavailable": "the node it leads to cannot be entered",
    "too_many_calls": "the answer has too many calls",
    "not_accepted": "the page does not take it",
    "handler_failed": "what decides about it did not answer",
}
_REASONS: dict[e.EndReason, str] = {
    "end_call": "the agent ended the call",
    "terminal_net": "nobody said anything at the end of the flow",
    "hung_up": "the caller hung up",
    "no_human": "the agent could not go on and nobody took over",
    "caller_silent": "the caller was silent",
    "human_ended": "a colleague ended the call",
}
_LOST = {
    "timeout": "gave no first word in time",
    "stalled": "fell silent in the middle",
    "cut": "broke off",
    "rate_limited": "has too much to do (429)",
    "away": "was not reached",
    "refused": "refused: look at its key and name",
    "malformed": "did not answer as a model does",
}
_IGNORED = {
    "muted": "the voice does not count now",
    "noise": "no words in it",
    "echo": "our own voice",
    "late": "the call is being ended",
    "partial": "not final",
}
_TROUBLE = {
    "empty": "the model said nothing",
    "bad_calls": "its calls were refused again",
    "rounds": "it made too many calls in one turn",
    "stream": "its answer was lost",
    "entry": "the node cannot be entered",
}


def tr(words: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("FlowAgents", words)


def reason_words(reason: e.EndReason) -> str:
    """Why a conversation ended."""
    return tr(_REASONS[reason])


def words_of(event: e.AnyEvent, tools: Mapping[str, str]) -> tuple[Tone, str]:
    """How it looks, and what it says; no words for what tells a writer nothing. `tools`: names by id."""
    match event:
        case e.CallRefused():
            why = tr(REFUSALS[event.code])
            said = tr("{name} refused: {why}. The model is told: {message}")
            return "refused", said.format(name=event.name, why=why, message=event.message)
        case e.EntryFailed():
            return "refused", tr("{node} cannot be entered: {why}").format(node=event.node, why=event.problem)
        case e.ModelLost():
            said = tr("The model {what}. {detail}")
            return "trouble", said.format(what=tr(_LOST[event.failure]), detail=event.detail).strip()
        case e.Troubled():
            said = tr("The agent fell back on a fixed line: {why}")
            return "trouble", said.format(why=tr(_TROUBLE[event.why]))
        case e.PageMoved():
            return "step", tr("The page has gone on without the model")
        case e.HumanWanted():
            return "trouble", tr("The agent wants a colleague: {why}").format(why=event.why)
        case e.Nudged():
            return "trouble", tr("The model answered nothing and is asked once more")
        case e.Ignored():
            return "trouble", tr("Not heard: {why}").format(why=tr(_IGNORED[event.why]))
        case e.Ended():
            return "step", tr("The end: {why}").format(why=reason_words(event.reason))
    return _step(event, tools)


def _step(event: e.AnyEvent, tools: Mapping[str, str]) -> tuple[Tone, str]:
    match event:
        case e.Began():
            given = _json(event.context) if event.context else tr("nothing")
            return "plain", tr("Begun. Given: {given}").format(given=given)
        case e.NodeEntered():
            words = tr("In {node}") if event.node else tr("The prompt is in force")
            by = tr(", by {name}").format(name=event.function) if event.function else ""
            return "step", words.format(node=event.node) + by
        case e.TransitionAccepted():
            said = tr("{name} accepted, to {node}: {given}")
            given = _json(event.arguments)
            return "step", said.format(name=event.function, node=event.target, given=given)
        case e.EndAccepted():
            return "step", tr("end_call accepted: the goodbye is played, then the call is hung up")
        case e.ToolAsked():
            said = tr("Tool {name} asked: {given}")
            return "plain", said.format(name=event.name, given=_json(event.arguments))
        case e.ToolSettled():
            return _result(event.name, event.result)
        case e.ActionSettled():
            return _result(tools.get(event.tool, ""), event.result)
        case e.ModelAnswered():
            calls = ", ".join(call.name for call in event.calls)
            said = tr("The model calls {calls}") if calls else tr("The model answered")
            return "plain", said.format(calls=calls)
        case e.Locked():
            return "plain", tr("Locked: no transition until the caller says something")
        case e.Unlocked():
            return "plain", tr("Unlocked: the caller said something")
        case e.CallerSaid():
            said = tr("Keys pressed: {text}") if event.kind == "dtmf" else tr("Caller: {text}")
            return "plain", said.format(text=event.text)
    return "plain", ""


def _result(name: str, result: dict[str, object]) -> tuple[Tone, str]:
    if result.get("ok"):
        given = _json(result.get("value"))
        return "plain", tr("Tool {name} answered: {given}").format(name=name, given=given)
    why = str(result.get("error", ""))
    return "trouble", tr("Tool {name} failed: {why}").format(name=name, why=why)


def _json(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 400 else f"{text[:400]} …"
