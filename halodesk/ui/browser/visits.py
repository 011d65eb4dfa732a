"""The browser as the runtime wants it (`BrowserPort`), and as the step page shows it.

Rules:
- `visit` runs on the io loop; everything else on the main thread, reached by `post`.
- Qt WebEngine is loaded with the first visit: a seat whose flows have no web page never pays for it.
  Where it cannot be loaded, the visit fails in plain words.
- One visit at a time, as there is one page at a time: the next one ends the one before.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import structlog
from PySide6.QtCore import QObject, QTimer, Signal

from halodesk.engine.effects import BrowserVisit
from halodesk.runtime.effect_ports import BrowserAnswer
from halodesk.runtime.threads import Post
from halodesk.ui.browser.words import tr

if TYPE_CHECKING:
    from halodesk.ui.browser.fence import Profile
    from halodesk.ui.browser.visit import Visit

_log = structlog.get_logger("browser")

_FLAGS = "QTWEBENGINE_CHROMIUM_FLAGS"


class ProxyPort(Protocol):
    """The way out (`connectors.browser_proxy`)."""

    async def start(self) -> int: ...

    def admit(self, user: str, origins: tuple[str, ...]) -> str: ...

    def forget(self, user: str) -> None: ...


class Visits(QObject):
    """Build it on the main thread, `close` it before the application ends."""

    changed = Signal()
    """Another visit, or none."""

    def __init__(self, post: Post, proxy: ProxyPort) -> None:
        super().__init__()
        self._post, self._proxy = post, proxy
        self._profiles: dict[str, Profile] = {}
        self._current: Visit | None = None
        self._key = ("", "")
        self._users = 0
        self._closed = False

    # on the io loop

    async def visit(self, visit: BrowserVisit, *, session: str, effect: str) -> BrowserAnswer:
        """Until the result is there; cancelled when the page is left."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[BrowserAnswer] = loop.create_future()

        def tell(found: BrowserAnswer) -> None:
            if not answer.done():
                answer.set_result(found)

        try:
            port = await self._proxy.start()
        except OSError as error:
            reason = f"The web page cannot be opened: no local proxy ({error.strerror})."
            return BrowserAnswer(verdict="failed", reason=reason)
        try:
            self._post(
                lambda: self._begin(visit, (session, effect), port, lambda found: _later(loop, tell, found))
            )
            return await answer
        finally:
            self._post(lambda: self._end((session, effect)))

    # on the main thread

    def current(self, effect: str) -> Visit | None:
        """The visit an effect has, once it has begun."""
        return self._current if effect and self._key[1] == effect else None

    def session_over(self) -> None:
        """What the pages of a session left behind goes with it."""
        self._leave()
        for name in [name for name in self._profiles if name.startswith("session:")]:
            self._drop(name)

    def close(self) -> None:
        """Everything goes: view, page, profile."""
        self._closed = True
        self._leave()
        for name in tuple(self._profiles):
            self._drop(name)

    def _begin(
        self, ask: BrowserVisit, key: tuple[str, str], port: int, answered: Callable[[BrowserAnswer], None]
    ) -> None:
        if self._closed:
            return
        begun = time.perf_counter()
        problem = load(port)
        if problem:
            answered(BrowserAnswer(verdict="failed", reason=problem))
            return
        from halodesk.ui.browser.visit import Visit  # only here: it loads Qt WebEngine

        self._leave()
        profile = self._profile(key[0], ask.profile)
        profile.password = self._proxy.admit(profile.user, ask.origins)
        self._current, self._key = Visit(ask, profile, answered), key
        self._current.start()
        _log.info("browser_begun", effect=key[1], ms=round((time.perf_counter() - begun) * 1000))
        self.changed.emit()

    def _end(self, key: tuple[str, str]) -> None:
        if key == self._key:
            self._leave()

    def _leave(self) -> None:
        current, self._current = self._current, None
        self._key = ("", "")
        if current is not None:
            self.changed.emit()  # panes let go of the view first
            current.close()
            current.deleteLater()

    def _profile(self, session: str, name: str) -> Profile:
        from halodesk.ui.browser.fence import Profile  # only here: it loads Qt WebEngine

        wanted = f"named:{name}" if name else f"session:{session}"
        for old in [old for old in self._profiles if old.startswith("session:") and old != wanted]:
            self._drop(old)
        if wanted not in self._profiles:
            self._users += 1
            plain = "".join(sign if sign.isalnum() else "-" for sign in wanted)  # goes into a header
            self._profiles[wanted] = Profile(f"{plain}.{self._users}")
        return self._profiles[wanted]

    def _drop(self, name: str) -> None:
        profile = self._profiles.pop(name)
        self._proxy.forget(profile.user)
        profile.delete()


def load(proxy_port: int) -> str:
    """Loads Qt WebEngine, once, with its proxy; what is wrong where that fails, in words.

    The proxy stands on Chromium's command line: so it holds from the first request on, for loopback
    addresses as well, and a UDP packet of WebRTC has no way past it. See docs/adr/0013.
    """
    flags = (
        f"--proxy-server=http://127.0.0.1:{proxy_port}",
        "--proxy-bypass-list=<-loopback>",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    )
    known = os.environ.get(_FLAGS, "").split()
    if flags[0] not in known:
        if any(flag.startswith("--proxy-server") for flag in known):
            return tr("The browser's way out has changed. Start HaloDesk again.")
        os.environ[_FLAGS] = " ".join((*known, *flags))
    try:
        import_module("PySide6.QtWebEngineWidgets")
    except ImportError as error:
        _log.error("no_web_engine", message=str(error))
        return tr(
            "This seat cannot show web pages: a part of HaloDesk or of the system is missing. Tell your IT."
        )
    return ""


def _later(
    loop: asyncio.AbstractEventLoop, tell: Callable[[BrowserAnswer], None], found: BrowserAnswer
) -> None:
    """Not within the call that ends the visit, and not into a loop that is closed."""

    def hand_over() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, found)

    QTimer.singleShot(0, hand_over)
