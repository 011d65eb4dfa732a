"""Many visits one after another, killed, left and finished at odd moments: nothing piles up."""

from __future__ import annotations

import os
import random
import signal
from functools import partial

import psutil
import pytest

from halodesk.ui.browser.visit import Visit
from tests.browser.conftest import Browser, until
from tests.browser.site import Site


def renderers() -> list[int]:
    """Render processes of this one's browser, idle spares of Chromium among them."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "--type=renderer" in child.cmdline():
                found.append(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def replaced(visit: Visit, old: object) -> bool:
    return visit.page is not old


@pytest.mark.slow
def test_sixty_visits(browser: Browser, site: Site) -> None:
    chance = random.Random(13)
    page = "<form action=/r method=post><input id=a name=a><input id=b><button id=go>Go</button></form>"
    url = site.page("/", page)
    site.page("/r", "<p id=no>P-1</p>")
    answered = 0
    for number in range(60):
        visit = browser.open(
            url, session=f"s{number // 3}", fill={"#a": "1", "#b": "2"}, extract={"p": "#no"}
        )
        what = chance.choice(("leave", "kill", "send", "done", "kill and leave"))
        if what == "kill" or chance.random() < 0.7:  # else: killed or left in mid-load
            browser.agents_turn(visit)
        old = visit.page
        if "kill" in what and old is not None and old.renderProcessPid() > 0:
            os.kill(old.renderProcessPid(), signal.SIGKILL)
        if what == "kill":
            until(partial(replaced, visit, old))
            browser.agents_turn(visit)
        if what == "send":
            browser.agents_turn(visit)
            browser.ask(visit, "document.getElementById('go').click()")
            assert browser.answer().values == {"p": "P-1"}
            answered += 1
        elif what == "done":
            browser.agents_turn(visit)
            visit.give_up()
            assert browser.answer().verdict == "failed"
            answered += 1
        else:
            assert browser.future is not None
            browser.future.cancel()
        until(lambda: browser.visits._current is None)
        assert len(browser.visits._profiles) == 1
    assert answered > 10
    browser.visits.close()
    until(lambda: len(renderers()) <= 2)
    assert len(browser.proxy._users) == 0
