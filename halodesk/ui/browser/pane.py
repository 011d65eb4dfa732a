"""The browser in the step page: where it is, what was filled in, the page, what the agent can do.

Rules:
- The address cannot be typed into: only a flow says where to go.
- Keys that the foreign page does not use end here; none presses a button of the desk.
- F11 goes into the page and out of it, whatever the page does with Tab.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from halodesk.ui.browser.state import FieldState, VisitState
from halodesk.ui.browser.strip import PillStrip
from halodesk.ui.browser.visits import Visits
from halodesk.ui.browser.words import tr
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, label, set_text
from halodesk.ui.parts.pill import ACCENT, BAD, GOOD, PLAIN, WARN, Pill, Tone
from halodesk.ui.parts.spinner import Spinner
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.tokens import Size, Space

_SMALLEST = 280
_EDGE = 2
_MARKS: dict[str, tuple[Tone, str]] = {
    "waiting": (PLAIN, ""),
    "typed": (ACCENT, ""),
    "kept": (GOOD, "check"),
    "changed": (WARN, "warning"),
    "stopped": (BAD, "alert"),
}


class _Holder(QWidget):
    """Around the view; swallows what the page leaves over, and shows where the keys go."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(_EDGE, _EDGE, _EDGE, _EDGE)
        self._inside = False
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._focus_moved)

    def hold(self, view: QWidget) -> None:
        """Shows this one."""
        self._layout.addWidget(view)
        view.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A frame; in the accent colour while the page has the keys."""
        painter = QPainter(self)
        painter.setPen(QPen(colour("accent" if self._inside else "border"), _EDGE))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _focus_moved(self, old: QWidget | None, now: QWidget | None) -> None:
        inside = now is not None and self.isAncestorOf(now)
        if inside != self._inside:
            self._inside = inside
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A digit that the page had no use for is no choice of the step."""
        event.accept()


class WebPane(QFrame):
    """Shows the visit of the effect it is told of."""

    def __init__(self, visits: Visits | None) -> None:
        super().__init__()
        self.setObjectName("web_pane")
        self._visits = visits
        self._effect = ""
        self._idle_words = ""
        self._view: QWidget | None = None
        self._secure = Pill("web_secure", height=26)
        self._origin = label(role="label", name="web_origin")
        self._address = elided(role="muted", name="web_address")
        self._again = Button(tr("Fill again"), icon="again", name="web_fill_again", height=Size.BUTTON_SMALL)
        self._done = Button(
            tr("Done"), kind="primary", icon="check", name="web_done", height=Size.BUTTON_SMALL
        )
        self._close = Button(tr("Close the page"), icon="close", name="web_close", height=Size.BUTTON_SMALL)
        self._phase = Pill("web_phase", height=26)
        self._fields = PillStrip()
        self._problem = Banner("web_problem")
        self._notes = label(role="help", name="web_notes", wrap=True)
        self._holder = _Holder()
        self._idle = label(role="muted", name="web_idle", wrap=True)
        self._spinner = Spinner(28)
        self._stack = QStackedWidget()
        self._build()
        self._again.clicked.connect(lambda: self._each("fill_again"))
        self._done.clicked.connect(lambda: self._each("finish"))
        self._close.clicked.connect(lambda: self._each("give_up"))
        QShortcut(QKeySequence("F11"), self).activated.connect(self._switch)
        if visits is not None:
            visits.changed.connect(self._refresh)
        self._refresh()

    def _build(self) -> None:
        self._bar, self._state = QWidget(), QWidget()
        bar = QHBoxLayout(self._bar)
        bar.setContentsMargins(0, 0, 0, 0)
        bar.setSpacing(Space.S)
        bar.addWidget(self._secure)
        bar.addWidget(self._origin)
        bar.addWidget(self._address, 1)
        for button in (self._again, self._close, self._done):
            bar.addWidget(button)
        state = QHBoxLayout(self._state)
        state.setContentsMargins(0, 0, 0, 0)
        state.setSpacing(Space.S)
        state.addWidget(self._phase, 0, Qt.AlignmentFlag.AlignTop)
        state.addWidget(self._fields, 1)
        idle = QFrame()
        idle.setProperty("pane", "inset")
        words = QHBoxLayout(idle)
        words.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        words.setSpacing(Space.M)
        words.addWidget(self._spinner, 0, Qt.AlignmentFlag.AlignTop)
        words.addWidget(self._idle, 1, Qt.AlignmentFlag.AlignTop)
        self._stack.addWidget(idle)
        self._stack.addWidget(self._holder)
        self._stack.setMinimumHeight(_SMALLEST)
        # What a web page would like to have is without end: it gets what is left.
        self._stack.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for widget in (self._bar, self._state, self._problem, self._notes):
            layout.addWidget(widget)
        layout.addWidget(self._stack, 1)

    def show_visit(self, effect: str, idle: str) -> None:
        """The visit with this effect; `idle`: what is said while there is none."""
        self._effect, self._idle_words = effect, idle
        self._refresh()

    # rendering

    def _refresh(self) -> None:
        visit = self._visits.current(self._effect) if self._visits is not None else None
        view = visit.view if visit is not None else None
        if view is not self._view:
            self._view = view
            if visit is not None and view is not None:
                view.setAccessibleName(tr("Web page. F11 leaves it."))
                self._holder.hold(view)
                visit.changed.connect(self._render)
        self._bar.setVisible(view is not None)
        self._state.setVisible(view is not None)
        self._idle.setText(self._idle_words)
        self._spinner.setVisible(bool(self._effect))
        if view is None:
            self._stack.setCurrentIndex(0)
            self._problem.render_as("error", "")
            set_text(self._notes, "")
        else:
            self._render()

    def _render(self) -> None:
        visit = self._visits.current(self._effect) if self._visits is not None else None
        if visit is None:
            return
        state: VisitState = visit.state
        # Before its first picture Chromium's surface may show anything.
        self._stack.setCurrentIndex(0 if state.phase == "opening" else 1)
        if state.secure:
            self._secure.render_as(tr("Encrypted"), GOOD, icon="lock", tip=tr("The connection is encrypted."))
        else:
            self._secure.render_as(
                tr("Not encrypted"), WARN, icon="warning", tip=tr("Others on the way can read along.")
            )
        self._origin.setText(state.origin.partition("://")[2])
        self._address.setText(state.address.partition(state.origin)[2] if state.origin else state.address)
        self._address.setAccessibleName(tr("Address: {address}").format(address=state.address))
        self._fields.render_as([_pill(field) for field in state.fields])
        self._render_phase(state)
        self._problem.render_as("error", state.problem, state.todo)
        set_text(self._notes, "\n".join(state.notes))
        self._again.setVisible(bool(state.fields))
        self._again.setEnabled(state.can_fill)
        self._done.setEnabled(state.can_finish)

    def _render_phase(self, state: VisitState) -> None:
        filled = sum(field.mark in ("kept", "changed") for field in state.fields)
        count = tr("{filled} of {all} filled in").format(filled=filled, all=len(state.fields))
        if state.phase == "agent":
            words = count if state.fields else tr("Your turn")
            self._phase.render_as(
                words, BAD if state.problem else GOOD, icon="alert" if state.problem else "check"
            )
            return
        known = {
            "opening": tr("Opening …"),
            "filling": count,
            "sent": tr("Sent. Waiting for the result …"),
            "reading": tr("Reading the result …"),
            "done": tr("Done"),
            "failed": tr("Closed"),
        }
        self._phase.render_as(known[state.phase], ACCENT)

    # wishes

    def _each(self, wish: str) -> None:
        visit = self._visits.current(self._effect) if self._visits is not None else None
        if visit is not None:
            getattr(visit, wish)()

    def _switch(self) -> None:
        """Into the page, or out of it to the next thing to press."""
        if self._view is None or not self.isVisible():
            return
        inner = self._view.focusProxy() or self._view
        if inner.hasFocus() or self._view.hasFocus():
            wanted = self._done if self._done.isEnabled() else self._close
            wanted.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self._view.setFocus(Qt.FocusReason.ShortcutFocusReason)


def _pill(field: FieldState) -> tuple[str, Tone, str, str]:
    tone, icon = _MARKS[field.mark]
    name = field.label or field.selector
    short = f"{name[:27]}…" if len(name) > 28 else name
    return short, tone, icon, " ".join(filter(None, (name, field.note)))
