"""A session as one HTML page that needs nothing else: what the agent saw, entered, and when."""

from __future__ import annotations

from jinja2 import Environment
from markupsafe import Markup

from halodesk.engine import events as e
from halodesk.runtime.log import verify
from halodesk.runtime.paths import resources_dir
from halodesk.store.record import ERASED, Moment, Record, walk

TEMPLATE = "templates/replay.html.jinja"


class _Visit:
    """One step as it was shown, and what happened while it was."""

    def __init__(self, at_s: float, title: str, html: Markup) -> None:
        self.at_s, self.title, self.html = at_s, title, html
        self.moments: list[Moment] = []


def render(record: Record, *, audio: str = "") -> str:
    """The page; `audio` is a relative address of the recording beside it."""
    visits: list[_Visit] = []
    before: list[Moment] = []
    for frame, moment in walk(record):
        if isinstance(frame.event, e.StepEntered) and moment.kind != ERASED:
            safe = Markup(frame.page.html)  # noqa: S704  # made safe by engine.template
            visits.append(_Visit(moment.at_s, frame.page.title, safe))
            visits[-1].moments, before = before, []
        elif moment.words:
            (visits[-1].moments if visits else before).append(moment)
    template = Environment(autoescape=True).from_string(
        (resources_dir() / TEMPLATE).read_text(encoding="utf-8")
    )
    return template.render(
        row=record.row,
        flow=record.flow,
        verdict=verify(record.row.id, record.rows, closed=record.row.status == "ended"),
        visits=visits,
        cart=record.last_page.cart,
        audio=audio,
    )
