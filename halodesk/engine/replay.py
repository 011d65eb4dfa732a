"""Replay: the states and pages a session went through, from its events alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from halodesk.engine.events import AnyEvent
from halodesk.engine.evolve import evolve
from halodesk.engine.flow import Flow
from halodesk.engine.page import Page, page
from halodesk.engine.session import Session


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The session right after one event; `page` is what the agent saw then."""

    index: int
    event: AnyEvent
    state: Session
    page: Page


def frames(flow: Flow, events: Iterable[AnyEvent], *, gaps: bool = False) -> Iterator[Frame]:
    """One frame an event, in order.

    `gaps`: some events were erased. One that no longer fits without them (back to a step
    whose entry is gone) leaves the state as it was.
    """
    state = Session()
    for index, event in enumerate(events, start=1):
        try:
            state = evolve(state, event)
        except (IndexError, KeyError, ValueError):
            if not gaps:
                raise
        yield Frame(index=index, event=event, state=state, page=page(flow, state))
