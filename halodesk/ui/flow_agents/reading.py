"""Text to read in the simulator: who said what, events, prompt, tools, findings. All of it plain to Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import groupby

import msgspec
from PySide6.QtWidgets import QFrame, QTextBrowser

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.lints import Finding
from halodesk.engine.flow_agent.prompt import ToolSpec
from halodesk.runtime.simulator_port import Happened, Spoken, Talk
from halodesk.ui.flow_agents.event_words import Tone, reason_words, tr, words_of
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Space, Type

_INKS: dict[Tone, str] = {
    "plain": "muted",
    "step": "accent_ink",
    "refused": "danger_ink",
    "trouble": "warning_ink",
}
_REFUSALS = (e.CallRefused, e.EntryFailed)
_SEVERITIES = {"error": "danger_ink", "warning": "warning_ink", "hint": "muted"}


class Reading(QTextBrowser):
    """Read-only text that one can mark, copy and scroll by keys; Tab goes on to the next part."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(Space.M)
        self.setFont(font(Type.BODY))
        self._shown = ""

    def show_html(self, html: str, *, follow: bool = False) -> None:
        """Shows it; the place stays. `follow`: to its end, unless somebody scrolled away from it."""
        if html == self._shown:
            return
        self._shown = html
        bar = self.verticalScrollBar()
        place, at_end = bar.value(), bar.value() >= bar.maximum() - Space.XL
        self.setHtml(html)
        bar.setValue(bar.maximum() if follow and at_end else min(place, bar.maximum()))


def transcript(talk: Talk | None, opened: bool) -> str:
    """Who said what; before anybody did, how to begin."""
    if talk is None and not opened:
        return line(tr("Choose a flow agent, or open its file."), "muted")
    if talk is None:
        return line(tr("Start begins the conversation: you are the caller."), "muted")
    parts = [_said(*group) for group in _in_turns(talk.spoken)]
    if talk.reason is not None:
        words = tr("The end: {why}.").format(why=reason_words(talk.reason))
        parts.append(line(words, "muted", size=Type.LABEL))
    elif not talk.running:
        parts.append(line(tr("The conversation was left."), "muted", size=Type.LABEL))
    elif not talk.waits:
        parts.append(line(tr("…"), "muted"))
    return "".join(parts)


def _in_turns(spoken: Iterable[Spoken]) -> Iterator[tuple[Spoken, str]]:
    """What one said in one go, at one node, together: an agent's answer comes sentence by sentence."""
    for _, group in groupby(spoken, lambda one: (one.who, one.node, one.keys)):
        said = list(group)
        yield said[0], " ".join(one.text for one in said)


def _said(one: Spoken, text: str) -> str:
    agent = one.who == "agent"
    who = tr("Agent") if agent else tr("Caller, by keys") if one.keys else tr("Caller")
    head = f"{who} · {one.node}" if one.node else who
    name = span(head, "accent_ink" if agent else "muted", size=Type.CAPTION, bold=True)
    words = span(text, "text")
    return f'<p style="margin:0 0 {Space.M}px 0">{name}<br>{words}</p>'


def happened(talk: Talk | None, tools: Mapping[str, str]) -> str:
    """The events a writer of flows learns from, refusals in words. `tools`: names by id."""
    if talk is None:
        return ""
    return "".join(_event(one, tools) for one in talk.happened)


def _event(one: Happened, tools: Mapping[str, str]) -> str:
    tone, words = words_of(one.event, tools)
    if not words:
        return ""
    at = span(f"{one.at:.2f} s", "muted", size=Type.CAPTION)
    said = span(words, _INKS[tone], size=Type.LABEL, bold=tone in ("step", "refused"))
    return f'<p style="margin:0 0 {Space.XS}px 0">{at}&nbsp;&nbsp;{said}</p>'


def refused(talk: Talk | None) -> int:
    """How many calls of the model were refused, or nodes not entered."""
    return 0 if talk is None else sum(isinstance(one.event, _REFUSALS) for one in talk.happened)


def prompt(talk: Talk | None) -> str:
    """The system prompt in force, and what is known by now."""
    if talk is None or not talk.prompt:
        return line(tr("The prompt is here once the conversation has begun."), "muted")
    return line(talk.prompt, "text", size=Type.LABEL)


def tools(talk: Talk | None) -> str:
    """Functions the model may call now."""
    if talk is None or not talk.tools:
        return line(tr("No function can be called now."), "muted")
    return "".join(_tool(one) for one in talk.tools)


def _tool(one: ToolSpec) -> str:
    parts = [span(one.name, "text", bold=True), span(one.description, "muted", size=Type.LABEL)]
    required = one.parameters.get("required") or ()
    for name, schema in (one.parameters.get("properties") or {}).items():
        must = tr("must be given") if name in required else tr("may be given")
        form = msgspec.json.encode(schema).decode()
        parts.append(span(f"{name} ({must}): {form}", "text", size=Type.CAPTION))
    return f'<p style="margin:0 0 {Space.M}px 0">{"<br>".join(parts)}</p>'


def findings(found: Iterable[Finding], opened: bool) -> str:
    """What the check says of the document, with what to do."""
    if not opened:
        return line(tr("Open a flow agent to have it checked."), "muted")
    words = {"error": tr("Error"), "warning": tr("Warning"), "hint": tr("Hint")}
    parts = []
    for one in found:
        where = f"{words[one.severity]} · {one.node}" if one.node else words[one.severity]
        head = span(where, _SEVERITIES[one.severity], size=Type.CAPTION, bold=True)
        message, fix = span(one.message, "text"), span(one.fix, "muted", size=Type.LABEL)
        parts.append(f'<p style="margin:0 0 {Space.M}px 0">{head}<br>{message}<br>{fix}</p>')
    return "".join(parts) or line(tr("The check found nothing to say."), "muted")


def line(text: str, ink: str, *, size: int = Type.BODY) -> str:
    """A paragraph of its own."""
    return f'<p style="margin:0 0 {Space.S}px 0">{span(text, ink, size=size)}</p>'


def span(text: str, ink: str, *, size: int = Type.BODY, bold: bool = False) -> str:
    """Escaped: a document, a model and a caller are strangers."""
    weight = 600 if bold else 400
    shown = escape(text).replace("\n", "<br>")
    return f'<span style="color:{colour(ink).name()};font-size:{size}px;font-weight:{weight}">{shown}</span>'
