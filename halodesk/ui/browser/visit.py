"""One visit to a foreign page: open, fill, send or let the agent send, read the result.

Rules:
- Main thread. A timer asks the page; every answer is of one moment, and judged as such.
- The time limit is for the page: to open, to show its fields, to show the result after an automatic
  submit. The agent has as long as the call takes.
- It ends with exactly one answer. What was sent is never sent again by itself.
- A page whose process has died is replaced on the same profile, loaded and filled anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import shiboken6
import structlog
from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtWebEngineCore import QWebEngineLoadingInfo, QWebEnginePage
from PySide6.QtWebEngineWidgets import QWebEngineView

from halodesk.engine.effects import BrowserVisit
from halodesk.engine.pan import has_card_number
from halodesk.runtime.effect_ports import BrowserAnswer
from halodesk.ui.browser import words
from halodesk.ui.browser.fence import Profile
from halodesk.ui.browser.filling import Filling
from halodesk.ui.browser.origins import origin_of
from halodesk.ui.browser.page import FencedPage
from halodesk.ui.browser.script import Call, Round, Steps, frame_of
from halodesk.ui.browser.selector import target
from halodesk.ui.browser.state import Phase, VisitState
from halodesk.ui.browser.words import tr

_POLL_MS = 100
_ROUND_S = 3.0
"""A page that does not answer for so long hangs."""
_DONE_S = 3.0
"""How long the result is looked for after the agent said that it is there."""
_EMPTY_READS = 10
_MOST_CRASHES = 3
_ABORTED, _BLOCKED = -3, -20  # net::ERR_ABORTED, net::ERR_BLOCKED_BY_CLIENT

_log = structlog.get_logger("browser")


class Visit(QObject):
    """`changed` after each change of `state`; `answered` is called once."""

    changed = Signal()

    def __init__(
        self, ask: BrowserVisit, profile: Profile, answered: Callable[[BrowserAnswer], None]
    ) -> None:
        super().__init__()
        self.ask, self._profile = ask, profile
        self._answered = answered
        self.view = QWebEngineView()
        self.view.setObjectName("web_view")
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.view.setAcceptDrops(False)
        profile.fence.allow(ask.origins)
        profile.fence.blocked = self._blocked
        profile.refused = self._refused
        self._filling = Filling(ask.fill, sorted(profile.fence.allowed))
        self._phase: Phase = "opening"
        self._problem = self._todo = ""
        self._notes: tuple[str, ...] = ()
        self._crashes = self._dropped = self._reads = 0
        self._sent = self._loaded_since = False
        self._values: dict[str, str] | None = None
        self._round: Round | None = None
        self._round_until = self._until = 0.0
        self._page: FencedPage | None = None
        self._address = QUrl(ask.url)
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._tick)

    # for the window

    @property
    def state(self) -> VisitState:
        """All that is shown."""
        return VisitState(
            phase=self._phase,
            address=self._address.toDisplayString(),
            origin=origin_of(self._address),
            secure=self._address.scheme() == "https",
            fields=self._filling.view,
            problem=self._problem,
            todo=self._todo,
            notes=self._notes,
        )

    def start(self) -> None:
        """Open the address."""
        self._open(QUrl(self.ask.url))
        self._timer.start()

    def fill_again(self) -> None:
        """Into the page that is shown now."""
        if self.state.can_fill:
            self._filling.again()
            self._enter("filling")

    def finish(self) -> None:
        """The agent says that the page is done."""
        if not self.state.can_finish:
            return
        if not self.ask.extract:
            self._end(BrowserAnswer(verdict="done"))
            return
        self._enter("reading", _DONE_S)

    def give_up(self) -> None:
        """The agent goes on without it."""
        self._fail(tr("The web page was closed before it was done."))

    def close(self) -> None:
        """Takes view and page down, in this order; the profile may go after it."""
        self._timer.stop()
        self._drop_round()
        if self._phase not in ("done", "failed"):
            self._phase = "failed"
        self._profile.fence.blocked = lambda origin, main: None
        self._profile.refused = lambda what: None
        self._profile.fence.allow(())
        if shiboken6.isValid(self.view):
            shiboken6.delete(self.view)
        if self._page is not None:
            shiboken6.delete(self._page)
            self._page = None

    # the page

    @property
    def page(self) -> FencedPage | None:
        """The page of now."""
        return self._page

    def _open(self, url: QUrl) -> None:
        old, self._page = self._page, FencedPage(self._profile)
        page = self._page
        page.refused.connect(self._refused)
        page.said.connect(lambda said: self._note(tr("The page says: {text}").format(text=words.quote(said))))
        page.flooded.connect(self._flooded)
        page.form_sent.connect(self._form_sent)
        page.left_fence.connect(self._blocked)
        page.bad_certificate.connect(self._bad_certificate)
        page.urlChanged.connect(self._moved)
        page.loadingChanged.connect(self._loading)
        page.renderProcessTerminated.connect(self._crashed)
        self.view.setPage(page)
        if old is not None:
            shiboken6.delete(old)
        self._drop_round()
        self._enter("opening")
        page.load(url)

    def _moved(self, url: QUrl) -> None:
        if origin_of(url) in self._profile.fence.allowed:
            self._address = url
            self.changed.emit()

    def _loading(self, info: QWebEngineLoadingInfo) -> None:
        status = info.status()
        if status == QWebEngineLoadingInfo.LoadStatus.LoadSucceededStatus:
            self._loaded_since = self._sent
        elif status == QWebEngineLoadingInfo.LoadStatus.LoadFailedStatus:
            if info.errorCode() in (_ABORTED, _BLOCKED):
                return  # by another navigation, or by the fence, which has said so
            reason = tr("The web page could not be opened: {text}.").format(text=info.errorString())
            self._stop(reason, tr("Try again, or go on without it."))

    def _crashed(self, status: QWebEnginePage.RenderProcessTerminationStatus, code: int) -> None:
        self._crashes += 1
        _log.warning("browser_crashed", status=status.name, code=code, count=self._crashes)
        self._drop_round()
        if self._over:
            return
        if self._crashes > _MOST_CRASHES:
            self._fail(tr("The web page crashed again and again."))
        elif self._sent and self.ask.submit == "automatic":
            reason = tr(
                "The web page crashed after the form was sent. "
                "Look whether it arrived before you open it again."
            )
            self._fail(reason)
        else:
            QTimer.singleShot(0, self, self._reopen)  # not while the dead page is still speaking

    def _reopen(self) -> None:
        if self._over:
            return
        self._note(tr("The web page crashed and was opened again."))
        self._filling.again()
        self._open(self._address)

    def _flooded(self) -> None:
        reason = tr("The page showed one message after another and was closed.")
        QTimer.singleShot(0, self, lambda: self._fail(reason))

    def _form_sent(self) -> None:
        if self._phase == "filling":  # the agent was faster than the last look at the fields
            self._drop_round()
            self._enter("agent")
        if self._phase in ("agent", "sent"):
            self._sent, self._loaded_since = True, False

    # what the fence says

    def _blocked(self, origin: str, main: bool) -> None:
        if not main:
            self._note(tr("Not loaded: {origin}").format(origin=origin))
            return
        reason = tr("The page wanted to go to {origin}, which this step does not allow.").format(
            origin=origin
        )
        self._stop(reason, tr("It was stopped there."))

    def _bad_certificate(self, description: str) -> None:
        reason = tr("The certificate of the web page is not valid: {text}.").format(text=description)
        self._stop(reason, tr("Tell your IT. Do not type anything there."))

    def _refused(self, what: str) -> None:
        self._note(words.refusal(what))

    def _note(self, text: str) -> None:
        self._notes = (*(old for old in self._notes if old != text), text)[-3:]
        self.changed.emit()

    # the work

    def _tick(self) -> None:
        now = time.monotonic()
        if self._round is not None:
            if now < self._round_until:
                return
            self._drop_round()
            self._dropped += 1
        if now > self._until + _ROUND_S and self._phase in ("opening", "filling", "sent", "reading"):
            self._late()
            return
        self._round, self._round_until = Round(self._steps(), self._round_done), now + _ROUND_S
        self._round.start()

    def _round_done(self, nothing: None) -> None:
        self._round = None
        self._dropped = 0
        if not self._over:
            self.changed.emit()

    def _drop_round(self) -> None:
        if self._round is not None:
            self._round.drop()
            self._round = None

    def _steps(self) -> Steps:
        page = self._page
        if page is None:
            return
        answer = yield Call(page.mainFrame(), "state")
        if "code" in answer or answer["origin"] not in self._profile.fence.allowed:
            if self._phase == "opening" and time.monotonic() > self._until:
                self._late()
            return
        if self._phase == "opening" and answer["ready"] != "loading":
            self._enter("filling")
        if self._phase == "filling":
            yield from self._fill(page)
        elif self._phase in ("agent", "sent", "reading"):
            yield from self._look(page)

    def _fill(self, page: FencedPage) -> Steps:
        late = time.monotonic() > self._until
        over = yield from self._filling.round(page, last=late)
        if not over:
            return
        stopped = self._filling.stopped
        if stopped:
            first = stopped[0]
            name = words.quote(first.label or first.selector, 60)
            self._stop(
                tr("{name} was not filled in. {why}").format(name=name, why=first.note),
                tr("Look at the page, then fill again or do it by hand."),
            )
        elif self.ask.submit == "automatic":
            yield from self._submit(page, late=late)
        else:
            self._enter("agent")

    def _submit(self, page: FencedPage, *, late: bool) -> Steps:
        if not self.ask.submit_selector:
            self._sent = self._loaded_since = True
            self._enter("sent")
            return
        where, origins = target(self.ask.submit_selector), sorted(self._profile.fence.allowed)
        frame = yield from frame_of(page, where, origins)
        if not isinstance(frame, str):
            # Before the click: its answer may be lost with the page that it leaves.
            self._sent, self._loaded_since = True, False
            answer = yield Call(frame, "click", path=where.path, origins=origins)
            if answer["code"] in ("ok", "gone"):
                self._enter("sent")
                return
            self._sent = False
            frame = str(answer["code"])
        if late:
            self._fail(tr("The form was not sent: its button was not found, or cannot be pressed."))

    def _look(self, page: FencedPage) -> Steps:
        if self._phase != "reading" and not (yield from self._is_there(page)):
            found = None
        else:
            found = yield from self._read(page)
        if self._over:
            return
        if found is None or found != self._values:
            self._values, self._reads = found, 0
        else:
            self._reads += 1
            if all(found.values()) or self._reads > _EMPTY_READS:
                self._end(BrowserAnswer(verdict="done", values=found))
                return
        if time.monotonic() > self._until and self._phase in ("sent", "reading"):
            self._late()

    def _is_there(self, page: FencedPage) -> Steps:
        wait = self.ask.wait_for
        if not wait:
            return self._sent and self._loaded_since
        if wait.startswith(("https://", "http://")):
            return self._address.toString().startswith(wait)
        origins = sorted(self._profile.fence.allowed)
        frame = yield from frame_of(page, target(wait), origins)
        if isinstance(frame, str):
            return False
        answer = yield Call(frame, "exists", path=target(wait).path, origins=origins)
        return answer["code"] == "ok"

    def _read(self, page: FencedPage) -> Steps:
        found: dict[str, str] = {}
        origins = sorted(self._profile.fence.allowed)
        for name, selector in self.ask.extract.items():
            where = target(selector)
            frame = yield from frame_of(page, where, origins)
            if isinstance(frame, str):
                return None
            answer = yield Call(frame, "read", path=where.path, origins=origins)
            if answer["code"] == "secret" or has_card_number(str(answer.get("text", ""))):
                self._stop(tr("The result holds a secret. HaloDesk does not read it."), "")
                return None
            if answer["code"] != "ok":
                return None
            found[name] = str(answer["text"])
        return found

    # the end

    @property
    def _over(self) -> bool:
        return self._phase in ("done", "failed")

    def _enter(self, phase: Phase, seconds: float = 0.0) -> None:
        self._phase, self._problem, self._todo = phase, "", ""
        self._values, self._reads = None, 0
        self._until = time.monotonic() + (seconds or self.ask.timeout_ms / 1000)
        self.changed.emit()

    def _late(self) -> None:
        if self._phase == "opening":
            self._fail(tr("The web page did not open in time."))
        elif self._phase == "filling":
            self._stop(tr("The web page does not answer."), tr("Try again, or go on without it."))
        else:
            self._stop(tr("The result was not found on the page."), tr("Look at the page, then try again."))

    def _stop(self, problem: str, todo: str) -> None:
        """It cannot go on by itself: an automatic visit ends, in another one the agent decides."""
        if self._over:
            return
        if self.ask.submit == "automatic" or self._phase == "opening":
            self._fail(problem)
            return
        self._enter("agent")
        self._problem, self._todo = problem, todo
        self.changed.emit()

    def _fail(self, reason: str) -> None:
        self._end(BrowserAnswer(verdict="failed", reason=reason))

    def _end(self, answer: BrowserAnswer) -> None:
        if self._over:
            return
        self._phase = "done" if answer.verdict == "done" else "failed"
        self._problem = answer.reason
        self._timer.stop()
        _log.info("browser_answered", verdict=answer.verdict, phase=self._phase, crashes=self._crashes)
        self.changed.emit()
        self._answered(answer)
