"""Submitting, waiting, reading back; drift, foreign origins, crashes: what the engine is told."""

from __future__ import annotations

import os
import signal

import pytest

from tests.browser.conftest import Browser, until
from tests.browser.site import Request, Site

FORM = "<form action=/result method=post><input id=a name=a><button id=send>Send</button></form>"


def result(request: Request) -> tuple[int, dict[str, str], str]:
    given = "".join(request.form.get("a", []))
    return 200, {"Content-Type": "text/html"}, f"<p id=no> P-{given} </p><input id=more value=x1>"


@pytest.fixture
def form(site: Site) -> str:
    site.routes["/result"] = result
    return site.page("/form", FORM)


def test_automatic_from_end_to_end(browser: Browser, site: Site, form: str) -> None:
    browser.open(
        form, fill={"#a": "7"}, submit="automatic", submit_selector="#send",
        extract={"policy": "#no", "more": "#more"},
    )  # fmt: skip
    answer = browser.answer()
    assert (answer.verdict, answer.values) == ("done", {"policy": "P-7", "more": "x1"})
    assert len(site.seen("/result")) == 1


def test_the_agent_submits(browser: Browser, site: Site, form: str) -> None:
    visit, _ = browser.fill(form, {"#a": "8"}, extract={"policy": "#no"})
    browser.ask(visit, "document.getElementById('send').click()")
    assert browser.answer().values == {"policy": "P-8"}


def test_browsing_is_no_result(browser: Browser, site: Site) -> None:
    """Without a form that was sent, only the agent says that he is done."""
    site.page("/two", "<p id=no>early</p>")
    visit, _ = browser.fill(site.page("/", "<a id=to href=/two>on</a>"), {}, extract={"policy": "#no"})
    browser.ask(visit, "document.getElementById('to').click()")
    until(lambda: visit.state.address.endswith("/two"))
    ticks: list[None] = []
    visit.changed.connect(lambda: ticks.append(None))
    until(lambda: len(ticks) > 5)
    assert visit.state.phase == "agent"
    visit.finish()
    assert browser.answer().values == {"policy": "early"}


def test_done_without_the_result(browser: Browser, site: Site) -> None:
    visit, _ = browser.fill(site.page("/", "<p>nothing</p>"), {}, extract={"policy": "#no"})
    visit.finish()
    until(lambda: visit.state.problem)
    assert (visit.state.phase, visit.state.problem) == ("agent", "The result was not found on the page.")
    visit.give_up()
    answer = browser.answer()
    assert (answer.verdict, answer.reason) == ("failed", "The web page was closed before it was done.")


@pytest.mark.parametrize("wait", ["#ready", "{origin}/end"])
def test_the_wait_condition(browser: Browser, site: Site, wait: str) -> None:
    site.routes["/mid"] = lambda request: (
        200, {"Content-Type": "text/html"},
        "<p id=no>not yet</p><script>setTimeout(() => { location = '/end' }, 400)</script>",
    )  # fmt: skip
    site.page("/end", "<p id=no>P-9</p><i id=ready>.</i>")
    url = site.page("/form", FORM.replace("/result", "/mid"))
    browser.open(
        url, fill={"#a": "1"}, submit="automatic", submit_selector="#send",
        wait_for=wait.format(origin=site.origin), extract={"policy": "#no"},
    )  # fmt: skip
    assert browser.answer().values == {"policy": "P-9"}


def test_a_single_page_application(browser: Browser, site: Site) -> None:
    page = """<input id=a><button id=send onclick="fetch('/api?a=' + a.value).then(r => r.text()).then(t => {
      out.innerHTML = '<b id=no></b>'; setTimeout(() => { no.textContent = t }, 200) })">Send</button>
      <p id=out></p>"""
    site.routes["/api"] = lambda request: (200, {}, "Q-" + request.query["a"][0])
    browser.open(
        site.page("/", page), fill={"#a": "3"}, submit="automatic", submit_selector="#send",
        wait_for="#no", extract={"quote": "#no"},
    )  # fmt: skip
    assert browser.answer().values == {"quote": "Q-3"}


def test_a_drifted_selector_ends_an_automatic_visit(browser: Browser, site: Site, form: str) -> None:
    browser.open(
        form, fill={"#a": "1", "#gone": "2"}, submit="automatic", submit_selector="#send", timeout_ms=600
    )
    answer = browser.answer()
    assert answer.verdict == "failed"
    assert answer.reason == "“#gone” was not filled in. Not found on the page. Nothing was typed."
    assert site.seen("/result") == []


def test_a_lost_button_sends_nothing(browser: Browser, site: Site, form: str) -> None:
    browser.open(form, fill={"#a": "1"}, submit="automatic", submit_selector="#go", timeout_ms=600)
    assert browser.answer().reason.startswith("The form was not sent")
    assert site.seen("/result") == []


def test_a_result_that_never_comes(browser: Browser, site: Site, form: str) -> None:
    browser.open(
        form, fill={"#a": "1"}, submit="automatic", submit_selector="#send",
        extract={"x": "#elsewhere"}, timeout_ms=800,
    )  # fmt: skip
    assert browser.answer().reason == "The result was not found on the page."
    assert len(site.seen("/result")) == 1


def test_a_card_number_is_not_read(browser: Browser, site: Site) -> None:
    visit, _ = browser.fill(site.page("/", "<p id=no>4242 4242 4242 4242</p>"), {}, extract={"p": "#no"})
    visit.finish()
    until(lambda: visit.state.problem)
    assert "holds a secret" in visit.state.problem
    assert visit.state.phase == "agent"


def test_a_server_that_is_away(browser: Browser, site: Site) -> None:
    site.close()
    browser.open(site.origin + "/")
    answer = browser.answer()
    assert answer.verdict == "failed"
    assert "could not be opened" in answer.reason


def kill_renderer(browser: Browser, visit: object) -> int:
    from halodesk.ui.browser.visit import Visit

    assert isinstance(visit, Visit)
    page = visit.page
    assert page is not None
    pid = page.renderProcessPid()
    assert pid > 0
    os.kill(pid, signal.SIGKILL)
    until(lambda: visit.page is not page)
    return pid


def test_a_renderer_that_dies_is_replaced_and_filled_anew(browser: Browser, site: Site, form: str) -> None:
    visit, _ = browser.fill(form, {"#a": "5"}, extract={"policy": "#no"})
    kill_renderer(browser, visit)
    state = browser.agents_turn(visit)
    assert [one.mark for one in state.fields] == ["kept"]
    assert state.notes == ("The web page crashed and was opened again.",)
    assert browser.ask(visit, "document.getElementById('a').value") == "5"
    browser.ask(visit, "document.getElementById('send').click()")
    assert browser.answer().values == {"policy": "P-5"}


def test_a_crash_after_an_automatic_submit_sends_nothing_twice(browser: Browser, site: Site) -> None:
    site.routes["/result"] = result
    visit = browser.open(
        site.page("/form", FORM), fill={"#a": "5"}, submit="automatic", submit_selector="#send",
        wait_for="#never", extract={"policy": "#no"},
    )  # fmt: skip
    until(lambda: visit.state.phase == "sent" and visit.state.address.endswith("/result"))
    page = visit.page
    assert page is not None
    os.kill(page.renderProcessPid(), signal.SIGKILL)
    answer = browser.answer()
    assert "crashed after the form was sent" in answer.reason
    assert len(site.seen("/result")) == 1


def test_a_page_that_crashes_again_and_again(browser: Browser, site: Site, form: str) -> None:
    visit, _ = browser.fill(form, {"#a": "5"})
    for _ in range(3):
        kill_renderer(browser, visit)
        browser.agents_turn(visit)
    page = visit.page
    assert page is not None
    os.kill(page.renderProcessPid(), signal.SIGKILL)
    assert browser.answer().reason == "The web page crashed again and again."


def test_leaving_the_step_ends_the_visit(browser: Browser, site: Site, form: str) -> None:
    visit, _ = browser.fill(form, {"#a": "5"})
    assert browser.future is not None
    browser.future.cancel()
    until(lambda: visit.page is None)
    assert browser.visits.current("e1") is None


def test_the_next_session_knows_nothing_of_the_one_before(browser: Browser, site: Site) -> None:
    site.routes["/"] = lambda request: (
        200, {"Content-Type": "text/html", "Set-Cookie": "who=caller-1; Path=/"},
        "<p id=no></p><script>no.textContent = document.cookie + (localStorage.x || '');"
        "localStorage.x = 'kept'</script>",
    )  # fmt: skip
    seen = []
    for session in ("s1", "s1", "s2"):
        visit, _ = browser.fill(site.origin + "/", {}, session=session, extract={"p": "#no"})
        seen.append(browser.ask(visit, "no.textContent"))
        visit.give_up()
        browser.answer()
    assert seen == ["who=caller-1", "who=caller-1kept", "who=caller-1"]


def test_a_named_profile_lasts_until_the_program_ends(browser: Browser, site: Site) -> None:
    site.page(
        "/", "<p id=no></p><script>no.textContent = localStorage.x || ''; localStorage.x = 'kept'</script>"
    )
    seen = []
    for session in ("s1", "s2"):
        visit, _ = browser.fill(site.origin + "/", {}, session=session, profile="portal")
        seen.append(browser.ask(visit, "no.textContent"))
        browser.visits.session_over()
        browser.answer() if browser.future is None else browser.future.cancel()
    assert seen == ["", "kept"]
