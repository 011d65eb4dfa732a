"""The step page with a real page in it: what the agent sees, keys, both themes, replay, no WebEngine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from halodesk.engine import commands as c
from halodesk.runtime.threads import IoThread
from halodesk.ui.browser import visits as visits_module
from halodesk.ui.parts.buttons import Button
from halodesk.ui.steps.base import Tools
from halodesk.ui.theme.active import ThemeChoice
from halodesk.ui.window import MainWindow
from tests.browser.conftest import Bridge, Browser, until
from tests.browser.site import Request, Site
from tests.browser.web_desk import WebDesk, portal_flow
from tests.ui.hands import Hands, Key

PORTAL = """
<style>body {{ font: 15px sans-serif; margin: 2rem; background: #f4f7fb; color: #123 }}
 label {{ display: block; margin: .8rem 0 .2rem }} input {{ padding: .5rem; width: 18rem }}
 button {{ margin-top: 1rem; padding: .6rem 1.4rem }} h1 {{ font-size: 1.3rem }}</style>
<h1>Acme Health · Member eligibility</h1>
<form action=/result method=post><label for=n>Member name</label><input id=n name=a>
<label for=p>Phone number</label><input id=p>{more}<br><button id=send>Look up</button></form>
<script>p.addEventListener('input', () => {{
  p.value = p.value.replace(/(\\d{{3}})(\\d{{3}})(\\d{{4}})/, '($1) $2-$3') }})</script>
"""

Open = Callable[..., tuple[Hands, WebDesk]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("HALODESK_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def at_portal(
    qapp: QApplication, browser: Browser, io: IoThread, bridge: Bridge, site: Site, pictures: Path
) -> Iterator[Open]:
    """Opens a window whose session has come to the portal's step."""
    windows: list[MainWindow] = []

    def result(request: Request) -> tuple[int, dict[str, str], str]:
        return 200, {"Content-Type": "text/html"}, f"<p>Policy <b id=no>P-{request.form['a'][0]}</b></p>"

    def open_(
        theme: ThemeChoice = "light", *, more: str = "", width: int = 1440, **config: Any
    ) -> tuple[Hands, WebDesk]:
        site.routes["/result"] = result
        url = site.page("/portal", PORTAL.format(more=more))
        given = {"fields": {"#n": "{{ first_name }}", "#p": "{{ phone }}"}, "extract": {"policy": "#no"}}
        desk = WebDesk(portal_flow(url, **{**given, **config}), browser.visits, io, bridge)
        window = MainWindow(desk, theme=theme, tools=Tools(visits=browser.visits))
        windows.append(window)
        window.resize(width, 900)
        window.show()
        window.activateWindow()
        hands = Hands(window, desk, pictures)
        hands.until(window.isActiveWindow)
        hands.start_call()
        for field, raw in (("first_name", "Robin"), ("phone", "2025550143")):
            assert desk.do(c.Answer(field=field, raw=raw)) is None
        assert desk.do(c.Submit()) is None
        return hands, desk

    yield open_
    browser.visits.close()
    for window in windows:
        window.close()
        shiboken6.delete(window)


def phase(hands: Hands) -> str:
    return hands.text("web_phase")


def run(browser: Browser, code: str) -> Any:
    visit = browser.visits._current
    assert visit is not None
    return browser.ask(visit, code)


def test_filled_looked_at_and_sent(browser: Browser, at_portal: Open) -> None:
    hands, _ = at_portal()
    until(lambda: hands.sees("web_phase") and phase(hands) == "2 of 2 filled in")
    assert hands.text("web_secure") == "Not encrypted"
    assert hands.text("web_origin").startswith("127.0.0.1:")
    assert hands.text("web_address") == "/portal"
    assert (hands.text("web_field:0"), hands.text("web_field:1")) == ("Member name", "Phone number")
    assert "(202) 555-0143" in hands.find("web_field:1", QLabel).accessibleDescription()
    assert hands.step == "portal"
    run(browser, "document.getElementById('send').click()")
    until(lambda: hands.step == "end")
    assert hands.text("step_title") == "Wrap up P-Robin"
    assert not hands.sees("web_pane")
    assert browser.visits._current is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures(browser: Browser, at_portal: Open, theme: ThemeChoice) -> None:
    hands, _ = at_portal(
        theme, fields={"#n": "{{ first_name }}", "#p": "{{ phone }}", "#plan": "Gold"}, timeout_ms=900
    )
    hands.picture(f"browser_opening_{theme}")
    until(lambda: hands.sees("web_problem"))
    until(lambda: run(browser, "document.readyState") == "complete")
    QTest.qWait(300)  # Chromium paints in its own time, and tells nobody
    hands.picture(f"browser_drift_{theme}")
    assert "Not found" in hands.text("web_problem:message")
    for label in hands.window.findChildren(QLabel):
        if (
            label.isVisible()
            and label.text()
            and not label.wordWrap()
            and label.objectName().startswith("web_field")
        ):
            assert label.width() >= label.sizeHint().width() - 1


def test_all_is_well_in_a_picture(browser: Browser, at_portal: Open) -> None:
    hands, _ = at_portal()
    until(lambda: hands.sees("web_phase") and phase(hands) == "2 of 2 filled in")
    QTest.qWait(300)  # as above
    hands.picture("browser_filled_light")
    narrow, _ = at_portal(width=1000)
    until(lambda: narrow.sees("web_phase") and phase(narrow) == "2 of 2 filled in")
    QTest.qWait(300)  # as above
    narrow.picture("browser_narrow_light")


def test_fill_again_and_done(browser: Browser, at_portal: Open) -> None:
    hands, _ = at_portal()
    until(lambda: hands.sees("web_phase") and phase(hands) == "2 of 2 filled in")
    run(browser, "document.getElementById('n').value = 'spoilt'; 1")
    hands.click("web_fill_again")
    until(lambda: run(browser, "document.getElementById('n').value") == "Robin")
    until(lambda: hands.find("web_done", Button).isEnabled())
    hands.click("web_done")
    until(lambda: hands.sees("web_problem"))
    assert hands.text("web_problem:message") == "The result was not found on the page."
    assert hands.step == "portal"


def test_closing_the_page_shows_the_failure_way(browser: Browser, at_portal: Open) -> None:
    hands, desk = at_portal(on_failure="end")
    until(lambda: hands.sees("web_close"))
    hands.click("web_close")
    until(lambda: hands.sees("choice:again"))
    assert hands.text("problem:message") == "The web page was closed before it was done."
    assert hands.text("web_idle") == "The web page is closed."
    hands.click("choice:again")
    until(lambda: hands.sees("web_phase") and phase(hands) == "2 of 2 filled in")
    assert desk.do(c.Submit(choice="on_failure")) is None
    assert hands.step == "end"
    until(lambda: browser.visits._current is None)


def test_the_keyboard(browser: Browser, at_portal: Open) -> None:
    hands, desk = at_portal(on_failure="end")
    until(lambda: hands.sees("web_phase") and phase(hands) == "2 of 2 filled in")
    view = hands.find("web_view", QWidget)
    hands.key(Key.Key_F11)
    inner = view.focusProxy() or view
    until(inner.hasFocus)
    # What the page has no use for chooses nothing, and Enter sends nothing.
    pressed = len(desk.commands)
    run(browser, "document.activeElement.blur(); 1")
    for key in (Key.Key_1, Key.Key_2, Key.Key_Return):
        QTest.keyClick(inner, key)
    run(browser, "1")
    QTest.qWait(200)  # the page gives back what it did not use
    assert len(desk.commands) == pressed
    assert hands.step == "portal"
    run(browser, "document.getElementById('n').focus(); document.getElementById('n').select(); 1")
    QTest.keyClicks(inner, "Ann")
    until(lambda: run(browser, "document.getElementById('n').value") == "Ann")
    QTest.keyClick(inner, Key.Key_F11)
    assert hands.focus.objectName() == "web_done"
    reached = set()
    for _ in range(60):
        if hands.focus is inner or hands.focus is view:
            hands.key(Key.Key_F11)
            break
        reached.add(hands.focus.objectName())
        hands.key(Key.Key_Tab)
    assert reached & {"web_fill_again", "web_close", "web_done"}


def test_leaving_by_back_empties_the_browser(browser: Browser, at_portal: Open) -> None:
    hands, desk = at_portal()
    until(lambda: hands.sees("web_phase"))
    assert desk.do(c.Back()) is None
    until(lambda: browser.visits._current is None)
    assert browser.visits._profiles
    desk.close_session()
    assert browser.visits._profiles == {}


def test_without_web_engine_the_step_says_so(
    browser: Browser, at_portal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError("libnss3.so: cannot open shared object file")

    monkeypatch.setattr(visits_module, "import_module", missing)
    hands, _ = at_portal(on_failure="end")
    until(lambda: hands.sees("choice:on_failure") and hands.sees("problem"))
    assert "cannot show web pages" in hands.text("problem:message")
    hands.click("choice:on_failure")
    until(lambda: hands.step == "end")


def test_web_engine_is_not_loaded_before_it_is_needed() -> None:
    """A window with all step pages: no module and no library of Qt WebEngine."""
    code = """
import sys
from PySide6.QtWidgets import QApplication
from halodesk.ui.window import MainWindow
from halodesk.ui.browser.visits import Visits
from halodesk.connectors.browser_proxy import BrowserProxy
from halodesk.ui.steps.base import Tools
from tests.ui.fake_desk import FakeDesk
import halodesk.app
app = QApplication([])
window = MainWindow(FakeDesk(), theme="light", tools=Tools(visits=Visits(lambda call: None, BrowserProxy())))
assert not [name for name in sys.modules if "WebEngine" in name]
assert sys.platform != "linux" or "WebEngine" not in open("/proc/self/maps").read()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
