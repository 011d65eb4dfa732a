"""The replay of one session: what the agent saw, entered, and when; the recording in step with it.

Rules:
- One truth: the moment and the second shown. Keys, lists, time line and sound all go through
  `go` (to a moment) or `seek` (to a second).
- The player's own time leads while it plays, so that page and sound cannot drift apart.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.runtime.ports import ReviewPort
from halodesk.runtime.review import Review, ReviewProblem, Waveform
from halodesk.ui.desk.step_page import StepPage
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.labels import label, pane
from halodesk.ui.sessions.replay_desk import ReplayDesk, as_it_was
from halodesk.ui.sessions.replay_head import ReplayHead
from halodesk.ui.sessions.replay_lists import EntryList
from halodesk.ui.sessions.transport import Transport
from halodesk.ui.theme.tokens import Space

_TICK_MS = 40
_NARROW = 1000
"""Below this width the lists beside the page are slimmer."""


class ReplayView(QWidget):
    """Arrow keys step through it, Space plays, Escape leaves."""

    left = Signal()

    def __init__(self, review: ReviewPort) -> None:
        super().__init__()
        self.setObjectName("replay")
        self.setAccessibleName(self.tr("Replay"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._port = review
        self.review: Review | None = None
        self.moment = 0
        self.at_s = 0.0
        self.playing = False
        self._shown: tuple[str, int] = ("", 0)
        self._desk = ReplayDesk()
        self.head = ReplayHead(review)
        self.head.left.connect(self.left)
        self._erased = Banner("replay_erased")
        self._problem = Banner("replay_problem")
        self.page = StepPage(self._desk, live=False)
        self.steps = EntryList("replay_steps", self.tr("Steps"))
        self.moments = EntryList("replay_moments", self.tr("What happened"))
        self.steps.chosen.connect(self._to_step)
        self.moments.chosen.connect(self._to_moment_of_step)
        self.transport = Transport()
        self.transport.play.clicked.connect(self.toggle)
        self.transport.line.sought.connect(self.seek)
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._follow)
        self._build()

    def _build(self) -> None:
        self._sides = (
            self._side(self.tr("Steps"), self.steps),
            self._side(self.tr("What happened"), self.moments),
        )
        middle = QHBoxLayout()
        middle.setSpacing(Space.M)
        middle.addWidget(self._sides[0])
        middle.addWidget(self.page, 1)
        middle.addWidget(self._sides[1])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.M)
        for widget in (self.head, self._erased, self._problem):
            layout.addWidget(widget)
        layout.addLayout(middle, 1)
        layout.addWidget(self.transport)

    def _side(self, words: str, shown: EntryList) -> QFrame:
        card = pane("card")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(1, Space.M, 1, Space.S)
        layout.setSpacing(Space.S)
        head = label(words, "label")
        head.setContentsMargins(Space.M, 0, Space.M, 0)
        layout.addWidget(head)
        layout.addWidget(shown, 1)
        return card

    # what is shown

    def show_review(self, review: Review) -> None:
        """Another session, from its beginning."""
        self.stop()
        self.review = review
        self._shown = ("", 0)
        self.head.show_review(review)
        self._problem.render_as("info", "")
        many = self.tr(
            "{number} entries of this session were erased. What they held is gone; the rest is here."
        )
        one = self.tr("One entry of this session was erased. What it held is gone; the rest is here.")
        words = one if review.erased == 1 else many.format(number=review.erased)
        self._erased.render_as("info", words if review.erased else "")
        audio = review.audio
        self._port.player.load(audio.path if audio is not None else "")
        self.transport.show_review(review, self._port.player.problem)
        if audio is not None:
            self._port.waveform(review.line.id, partial(self._drawn, review.line.id))
        self.go(0)

    def close_review(self) -> None:
        """Nothing of the session stays in the page."""
        self.stop()
        self.review = None
        self.page.leave()
        self.transport.line.show_review(None)
        self._port.player.load("")

    def restyle(self) -> None:
        """The theme changed."""
        self.page.restyle()

    def _drawn(self, session: str, answer: Waveform | ReviewProblem) -> None:
        if self.review is None or self.review.line.id != session:
            return
        if isinstance(answer, ReviewProblem):
            self._problem.render_as("warning", answer.message, answer.todo)
        else:
            self.transport.line.show_waveform(answer)

    def go(self, moment: int) -> None:
        """To a moment, and to its second."""
        review = self.review
        if review is None or not review.moments:
            return
        self.moment = min(max(moment, 0), len(review.moments) - 1)
        self.at_s = review.moments[self.moment].at_s
        self._render()
        self._replay_from_here()

    def seek(self, at_s: float) -> None:
        """To a second, and to the last moment before it."""
        self._move(at_s)
        self._replay_from_here()

    def _move(self, at_s: float) -> None:
        review = self.review
        if review is None or not review.moments:
            return
        self.at_s = min(max(at_s, 0.0), review.seconds)
        times = [found.at_s for found in review.moments]
        self.moment = max(bisect_right(times, self.at_s) - 1, 0)
        self._render()

    def _render(self) -> None:
        review = self.review
        if review is None:
            return
        moment = review.moments[self.moment]
        self.transport.show_time(self.at_s, moment.step)
        self.steps.show_entries(review.steps, moment.step)
        first, until = _range(review, moment.step)
        self.moments.show_entries(review.moments[first:until], self.moment - first)
        self.setAccessibleDescription(moment.words)
        self._desk.show_moment(review, moment.at_s)
        key = (moment.page.step, moment.page.visit)
        self.page.render_page(as_it_was(moment.page), entering=key != self._shown)
        self._shown = key

    # steps and moments

    def step_by(self, steps: int) -> None:
        """To the beginning of the step before or after."""
        if self.review is not None and self.review.moments:
            self._to_step(self.review.moments[self.moment].step + steps)

    def _to_step(self, step: int) -> None:
        review = self.review
        if review is not None and review.steps:
            self.go(review.steps[min(max(step, 0), len(review.steps) - 1)].first)

    def _to_moment_of_step(self, row: int) -> None:
        review = self.review
        if review is not None:
            self.go(_range(review, review.moments[self.moment].step)[0] + row)

    # playing

    def toggle(self) -> None:
        """Plays on, or pauses."""
        review = self.review
        if review is None:
            return
        if self.playing:
            self.stop()
            return
        if self.at_s >= review.seconds:
            self._move(0.0)
        self.playing = True
        self._replay_from_here()
        self._tick.start()
        self.transport.show_playing(True)

    def stop(self) -> None:
        """Pauses."""
        self._tick.stop()
        if self.playing:
            self.playing = False
            self._port.player.pause()
            self.transport.show_playing(False)

    def _replay_from_here(self) -> None:
        if self.playing:
            self._port.player.play(self.at_s - self._begins())
            if self.review is not None:
                self.transport.show_sound(self.review, self._port.player.problem)

    def _begins(self) -> float:
        """The session's second at which the recording begins."""
        audio = self.review.audio if self.review is not None else None
        return audio.at_s if audio is not None else 0.0

    def _follow(self) -> None:
        review = self.review
        if review is None:
            return
        self._move(self._port.player.position() + self._begins())
        if self.at_s >= review.seconds:
            self.stop()

    # keys and size

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right: what happened before and next. Up and Down: steps. Space plays."""
        match event.key():
            case Qt.Key.Key_Left:
                self.go(self.moment - 1)
            case Qt.Key.Key_Right:
                self.go(self.moment + 1)
            case Qt.Key.Key_Up:
                self.step_by(-1)
            case Qt.Key.Key_Down:
                self.step_by(1)
            case Qt.Key.Key_Home:
                self.go(0)
            case Qt.Key.Key_End if self.review is not None:
                self.go(len(self.review.moments) - 1)
            case Qt.Key.Key_Space if not event.isAutoRepeat():
                self.toggle()
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The page keeps the most room."""
        super().resizeEvent(event)
        for side in self._sides:
            side.setFixedWidth(210 if self.width() < _NARROW else 268)


def _range(review: Review, step: int) -> tuple[int, int]:
    """The moments of a step: the first, and the one after the last."""
    steps = review.steps
    return steps[step].first, steps[step + 1].first if step + 1 < len(steps) else len(review.moments)
