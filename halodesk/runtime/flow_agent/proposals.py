"""Proposals for the page in front: which stand, in what order, and what became of them.

Rules:
- Shown is what the engine would take now (`weigh`) and what changes something.
- In the order they came: a new one never moves to the front under the agent's hand. A new value for a
  field takes the old one's proposal away and stands at the end.
- What the agent has typed on this visit, or is typing, is the agent's. What was turned down does not
  come back on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.page import Page
from halodesk.runtime.flow_agent.page_words import Idea, in_words, label_of, open_fields
from halodesk.runtime.live_agent_port import Proposal


class ProposalDesk(Protocol):
    """What is needed of the desk."""

    @property
    def agent(self) -> str: ...

    @property
    def page(self) -> Page | None: ...

    @property
    def drafts(self) -> Mapping[str, Any]: ...

    def do(self, command: c.Command) -> c.Refused | None: ...

    def weigh(self, command: c.Command) -> Sequence[e.AnyEvent] | c.Refused: ...


class Proposals:
    """Those of one visit of a page. Main thread."""

    def __init__(self, desk: ProposalDesk) -> None:
        self._desk = desk
        self._ids = itertools.count(1)
        self._ideas: dict[int, Idea] = {}
        self._typed: set[str] = set()
        self._refused: set[str] = set()
        self._values: dict[str, Any] = {}
        self._filling: frozenset[str] = frozenset()

    def forget(self) -> None:
        """All of it."""
        self._ideas, self._typed, self._refused, self._values = {}, set(), set(), {}

    def follow(self, page: Page, *, entered: bool) -> None:
        """The page as it is now; `entered`: another one, or another visit."""
        if entered:
            self.forget()
        now = {field.name: field.value for field in page.fields}
        if not entered:
            for name, value in now.items():
                if name in self._values and value != self._values[name] and name not in self._filling:
                    self.typed(name)
        self._values = now

    def typed(self, field: str) -> bool:
        """The agent types into this field; whether a proposal has gone by that."""
        self._typed.add(field)
        gone = [number for number, idea in self._ideas.items() if field in idea.values]
        for number in gone:
            del self._ideas[number]
        return bool(gone)

    def offer(self, idea: Idea) -> None:
        """One more; nothing where it is known, was turned down, or is not the machine's to propose."""
        values = self._weighed(idea)
        if values is None or _key(idea, values) in self._refused:
            return
        for number, other in list(self._ideas.items()):
            before = self._weighed(other)
            if before is not None and _key(other, before) == _key(idea, values):
                return
            if _replaces(idea, other):
                del self._ideas[number]
        self._ideas[next(self._ids)] = idea

    def fits(self, idea: Idea) -> bool:
        """Whether the engine would take it, and something would come of it."""
        return self._weighed(idea) is not None

    def shown(self) -> tuple[Proposal, ...]:
        """Those that stand now."""
        page = self._desk.page
        if page is None:
            return ()
        found = []
        for number, idea in self._ideas.items():
            values = self._weighed(idea)
            if values is not None:
                found.append(_proposal(page, number, idea, values))
        return tuple(found)

    def settle(self, number: int, *, accepted: bool) -> c.Refused | None:
        """Does it, or keeps that it was not wanted; the page's own "no" where it says so."""
        idea, page = self._ideas.pop(number, None), self._desk.page
        if idea is None or page is None:
            return None
        for field, raw in self._desk.drafts.items():
            if raw is not None:
                self._typed.add(field)
        values = self._weighed(idea)
        if values is None:
            return None
        if not accepted:
            self._refused.add(_key(idea, values))
        title, shown = _words(page, idea, values)
        self._filling = frozenset(idea.values)
        try:
            words = f"{title}: {shown}" if shown else title
            return self._desk.do(self._command(page, idea, accepted=accepted, title=words))
        finally:
            self._filling = frozenset()

    def _weighed(self, idea: Idea) -> dict[str, Any] | None:
        """The values as the engine would keep them; None where it would take nothing."""
        page = self._desk.page
        if page is None:
            return None
        open_now = {field.name for field in open_fields(page)}
        drafts = self._desk.drafts
        if any(
            name in self._typed or name not in open_now or drafts.get(name) is not None
            for name in idea.values
        ):
            return None
        if idea.choice is not None and idea.choice not in {choice.key for choice in page.choices}:
            return None
        events = self._desk.weigh(self._command(page, idea, accepted=True))
        if isinstance(events, c.Refused):
            return None
        kept = {
            event.field: event.value
            for event in events
            if isinstance(event, e.AnswerGiven) and event.step == page.step and event.field in idea.values
        }
        return kept if kept or idea.choice is not None else None

    def _command(self, page: Page, idea: Idea, *, accepted: bool, title: str = "") -> c.SettleProposal:
        return c.SettleProposal(
            step=page.step,
            visit=page.visit,
            accepted=accepted,
            title=title,
            by=self._desk.agent,
            source=idea.source,
            because=idea.because,
            values=dict(idea.values),
            choice=idea.choice,
        )


def _key(idea: Idea, values: Mapping[str, Any]) -> str:
    """The same for what would come to the same."""
    return repr((idea.choice, sorted(values.items(), key=lambda one: one[0])))


def _replaces(idea: Idea, other: Idea) -> bool:
    if idea.choice is None:
        return other.choice is None and other.values.keys() == idea.values.keys()
    return other.choice is not None


def _proposal(page: Page, number: int, idea: Idea, values: dict[str, Any]) -> Proposal:
    title, shown = _words(page, idea, values)
    if idea.choice is not None:
        return Proposal(
            id=number,
            kind="transition",
            title=title,
            name=idea.choice,
            values=values,
            shown=shown,
            because=idea.because,
            source=idea.source,
        )
    name, value = next(iter(values.items()))
    return Proposal(
        id=number,
        kind="field",
        title=title,
        name=name,
        value=value,
        values=values,
        shown=shown,
        because=idea.because,
        source=idea.source,
    )


def _words(page: Page, idea: Idea, values: Mapping[str, Any]) -> tuple[str, str]:
    """Title, and the values in the words of the page."""
    if idea.choice is not None:
        label = next((one.label for one in page.choices if one.key == idea.choice), idea.choice)
        filled = (f"{label_of(page, name)}: {in_words(page, name, value)}" for name, value in values.items())
        return label or "Continue", ", ".join(filled)
    names = list(values)
    return (
        ", ".join(label_of(page, name) for name in names),
        ", ".join(in_words(page, name, values[name]) for name in names),
    )
