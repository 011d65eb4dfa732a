"""A flow agent on a call in words: who speaks, what it does, what it wants, what was said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec
from PySide6.QtCore import QCoreApplication

from halodesk.engine.flow_agent.state import Phase
from halodesk.runtime.live_agent_port import LiveView, Utterance, Wish
from halodesk.ui.flow_agents.event_words import reason_words
from halodesk.ui.flow_agents.reading import line, span
from halodesk.ui.parts.pill import PLAIN, Tone
from halodesk.ui.theme.tokens import Space, Type

AGENT = Tone("accent", "on_accent", "on_accent")
YOU = Tone("success", "on_success", "on_success")
UNSURE = 0.5
"""Confidence below which what the caller said may well be something else."""
_LONGEST = 60
_PHASES: dict[Phase, str] = {
    "idle": "it is getting ready",
    "entering": "it goes to the next step",
    "listening": "the caller has the word",
    "thinking": "it thinks",
    "speaking": "it is speaking",
    "terminal_wait": "the caller has the last word",
    "human": "it listens",
    "ending": "it says goodbye",
    "ended": "it is off the call",
}
_INKS = {"agent": "accent_ink", "caller": "muted", "human": "success_ink", "whisper": "warning_ink"}


def tr(words: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("LiveAgent", words)


def speaker(view: LiveView) -> tuple[str, Tone, str]:
    """Who speaks with the caller: words, tone, icon."""
    match view.mode:
        case "agent":
            return tr("The flow agent speaks"), AGENT, "flow_agents"
        case "human":
            return tr("You speak"), YOU, "microphone"
        case "copilot":
            return tr("You speak, it helps"), YOU, "microphone"
    return tr("The flow agent is off the call"), PLAIN, "flow_agents"


def about(view: LiveView) -> str:
    """Which agent, where in its flow."""
    where = tr("at “{node}”").format(node=view.node) if view.node else ""
    return "  ·  ".join(part for part in (view.agent, where) if part)


def doing(view: LiveView) -> str:
    """What goes on, in a few words; why it ended."""
    if view.mode == "":
        return reason_words(view.reason) if view.reason is not None else ""
    return tr(_PHASES[view.phase])


def asking(view: LiveView) -> str:
    """That it wants a colleague, and why."""
    if not view.asks_for_human:
        return ""
    return tr("The flow agent asks you to take over: {why}").format(why=_why(view.asks_for_human))


def _why(why: str) -> str:
    known = {
        "cap": tr("this call has cost what it may"),
        "empty": tr("its model says nothing"),
        "bad_calls": tr("its model calls what it may not"),
        "rounds": tr("its model does not come to an end"),
        "stream": tr("its model breaks off"),
        "entry": tr("the next step cannot be entered"),
    }
    return tr("its model does not answer") if why.startswith("model: ") else known.get(why, why)


def wish(wanted: Wish | None) -> tuple[str, bool]:
    """What it wants to do, and whether that was refused."""
    if wanted is None:
        return "", False
    name = wanted.name
    if wanted.refused:
        return tr("Refused: {name}. {why}").format(name=name, why=wanted.refused), True
    given = _given(wanted.arguments)
    words = {
        "transition": tr("Goes on by “{name}”{given}"),
        "tool": tr("Calls {name}{given} and waits"),
        "end_call": tr("Wants to end the call"),
        "human": tr("Waits for you"),
    }[wanted.kind]
    return words.format(name=name, given=given), False


def _given(arguments: Mapping[str, Any]) -> str:
    parts = [f"{name}: {value(found)}" for name, found in arguments.items()]
    return f" ({', '.join(parts)})" if parts else ""


def value(found: Any) -> str:
    """A value, short."""
    text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def heard(said: Iterable[Utterance]) -> tuple[str, bool]:
    """How sure the recogniser was of the caller's last words; whether that is too little."""
    last = next((one for one in reversed(tuple(said)) if one.who == "caller"), None)
    if last is None:
        return "", False
    if last.keys:
        return tr("By keys: certain"), False
    if last.confidence is None:
        return "", False
    return tr("Understood: {share} %").format(share=round(100 * last.confidence)), last.confidence < UNSURE


def transcript(said: Iterable[Utterance]) -> str:
    """Who said what."""
    parts = [_said(*group) for group in _in_turns(said)]
    return "".join(parts) or line(tr("Nobody has said anything yet."), "muted")


def _in_turns(said: Iterable[Utterance]) -> Iterator[tuple[Utterance, str]]:
    """What one said in one go at one node, together."""
    for _, group in groupby(said, lambda one: (one.who, one.node, one.keys)):
        ones = list(group)
        yield ones[-1], " ".join(one.text for one in ones)


def _said(one: Utterance, text: str) -> str:
    who = {
        "agent": tr("Flow agent"),
        "caller": tr("Caller, by keys") if one.keys else tr("Caller"),
        "human": tr("You"),
        "whisper": tr("Whispered"),
    }[one.who]
    head = f"{who} · {one.node}" if one.node else who
    if one.confidence is not None and one.confidence < UNSURE:
        head += "  " + tr("(not sure)")
    name = span(head, _INKS[one.who], size=Type.CAPTION, bold=True)
    return f'<p style="margin:0 0 {Space.S}px 0">{name}<br>{span(text, "text")}</p>'
