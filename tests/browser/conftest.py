"""A browser of the product with nothing around it: io thread, proxy, visits; two sites, two origins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from time import monotonic
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from halodesk.connectors.browser_proxy import BrowserProxy
from halodesk.engine.effects import BrowserVisit
from halodesk.runtime.effect_ports import BrowserAnswer
from halodesk.runtime.threads import IoThread
from halodesk.ui.browser.state import VisitState
from halodesk.ui.browser.visit import Visit
from halodesk.ui.browser.visits import Visits
from tests.browser.site import Site

# Root may not use Chromium's sandbox, and a container has no graphics card. For tests only.
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--no-sandbox --disable-gpu")
os.environ.setdefault("QT_QUICK_BACKEND", "software")


class Bridge(QObject):
    """From the io thread to the main thread, as the seat's."""

    called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.called.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        self.called.emit(call)


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "waited in vain"
        QTest.qWait(5)


class Browser:
    """Begins visits, and looks at the one that is open."""

    def __init__(self, visits: Visits, io: IoThread, proxy: BrowserProxy) -> None:
        self.visits, self.io, self.proxy = visits, io, proxy
        self.count = 0
        self.future: Future[BrowserAnswer] | None = None

    def open(self, url: str, *, session: str = "s1", **more: Any) -> Visit:
        """Begins a visit; its own origin is allowed if no other is named."""
        self.count += 1
        effect = f"e{self.count}"
        origin = "/".join(url.split("/")[:3])
        ask = BrowserVisit(url=url, origins=more.pop("origins", (origin,)), **more)
        self.future = self.io.submit(self.visits.visit(ask, session=session, effect=effect))
        until(lambda: self.visits.current(effect) or (self.future is not None and self.future.done()))
        found = self.visits.current(effect)
        assert found is not None, self.future.result(0)
        found.view.resize(900, 600)
        found.view.show()  # a page out of sight has its timers slowed down
        return found

    def answer(self, seconds: float = 20.0) -> BrowserAnswer:
        """Waits for the visit's end."""
        future = self.future
        assert future is not None
        until(future.done, seconds)
        until(lambda: self.visits._current is None)
        return future.result(0)

    def agents_turn(self, visit: Visit) -> VisitState:
        until(lambda: visit.state.phase in ("agent", "done", "failed"))
        assert visit.state.phase == "agent", visit.state
        return visit.state

    def ask(self, visit: Visit, code: str, world: int = 0) -> Any:
        """A value of the page's own world."""
        page = visit.page
        assert page is not None
        found: list[Any] = []
        page.runJavaScript(code, world, found.append)
        until(lambda: found)
        return found[0]

    def fill(self, url: str, fill: dict[str, str], **more: Any) -> tuple[Visit, VisitState]:
        """Opens and waits until everything is filled, or given up."""
        visit = self.open(url, fill=fill, **more)
        return visit, self.agents_turn(visit)


@pytest.fixture(scope="session")
def io() -> Iterator[IoThread]:
    thread = IoThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def proxy(io: IoThread) -> Iterator[BrowserProxy]:
    """One for the process: Chromium is told of it once."""
    made = BrowserProxy()
    yield made
    io.submit(made.close()).result(5)


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    made = Bridge()
    yield made
    made.called.disconnect()


@pytest.fixture
def browser(qapp: QApplication, io: IoThread, proxy: BrowserProxy, bridge: Bridge) -> Iterator[Browser]:
    visits = Visits(bridge.post, proxy)
    made = Browser(visits, io, proxy)
    yield made
    visits.close()
    if made.future is not None and not made.future.done():
        made.future.cancel()
    QTest.qWait(1)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[Site]:
    """Another origin."""
    made = Site()
    yield made
    made.close()
