"""Above a replay: which session it is, whether its record is intact, and ways to take it along."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout

from halodesk.runtime.ports import ReviewPort
from halodesk.runtime.review import ExportFormat, Review, ReviewProblem
from halodesk.ui.parts import pill
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, label
from halodesk.ui.parts.pill import Pill
from halodesk.ui.parts.words import clock, phone_words
from halodesk.ui.sessions.list_model import when
from halodesk.ui.theme.tokens import Size, Space

_FORMATS: tuple[tuple[ExportFormat, str], ...] = (
    ("jsonl", "JSON Lines"),
    ("csv", "CSV"),
    ("html", "HTML"),
    ("flac", "FLAC"),
)


class ReplayHead(QFrame):
    """Emits `left` to go back to the list."""

    left = Signal()

    def __init__(self, review: ReviewPort) -> None:
        super().__init__()
        self.setProperty("pane", "card")
        self._port = review
        self._review: Review | None = None
        self._dialog: QFileDialog | None = None
        back = Button(
            self.tr("Sessions"), kind="ghost", icon="back", name="replay_back", height=Size.BUTTON_SMALL
        )
        back.setToolTip(self.tr("Back to the list (Esc)"))
        back.clicked.connect(self.left)
        self._title = elided(role="section", name="replay_title")
        self._about = elided(role="muted", name="replay_about")
        self._chain = Pill("replay_chain")
        self._incidents = Pill("replay_incidents")
        self._told = Banner("export_told", dismissible=True)
        self._told.dismissed.connect(lambda: self._told.render_as("info", ""))
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._title)
        words.addWidget(self._about)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(back)
        row.addLayout(words, 1)
        row.addWidget(self._incidents)
        row.addWidget(self._chain)
        row.addSpacing(Space.S)
        row.addWidget(label(self.tr("Export"), "caption"))
        for kind, name in _FORMATS:
            button = Button(name, name=f"export:{kind}", height=Size.BUTTON_SMALL)
            button.setAccessibleName(self.tr("Export as {format}").format(format=name))
            if kind == "flac":
                self._sound = button
                button.setToolTip(self.tr("The recording as a sound file that is not encrypted"))
            button.clicked.connect(partial(self._ask, kind))
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.S, Space.S + 2, Space.L, Space.S + 2)
        layout.setSpacing(Space.S)
        layout.addLayout(row)
        layout.addWidget(self._told)

    def show_review(self, review: Review) -> None:
        """Which session."""
        self._review = review
        line = review.line
        who = review.call.name or phone_words(line.caller) or self.tr("No call")
        self._title.setText(self.tr("No. {number}  ·  {who}").format(number=line.number, who=who))
        number = phone_words(line.caller) if review.call.name else ""
        outcome = line.disposition if line.status == "ended" else self.tr("In progress")
        facts = (when(line.started_at), clock(review.seconds), line.agent, number, review.flow_name, outcome)
        self._about.setText("  ·  ".join(filter(None, facts)))
        chain = review.chain
        self._chain.render_as(
            self.tr("Record intact") if chain.ok else self.tr("RECORD BROKEN"),
            pill.GOOD if chain.ok else pill.BAD,
            icon="secure" if chain.ok else "alert",
            tip=self.tr("{number} events. {words}").format(number=chain.events, words=chain.message),
        )
        words = self.tr("1 incident") if line.incidents == 1 else self.tr("{number} incidents")
        words = words.format(number=line.incidents) if line.incidents else ""
        self._incidents.render_as(words, pill.WARN, icon="flag")
        self._told.render_as("info", "")
        self._sound.setEnabled(review.audio is not None)

    # exports

    def _ask(self, kind: ExportFormat) -> None:
        if self._review is None:
            return
        name = f"session-{self._review.line.number}.{kind}"
        # Kept: a dialog that is opened and not executed lives as long as somebody holds it.
        self._dialog = QFileDialog(self, self.tr("Export session"), str(Path.home() / name))
        self._dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self._dialog.setDefaultSuffix(kind)
        self._dialog.fileSelected.connect(partial(self._export, self._review.line.id, kind))
        self._dialog.finished.connect(self._dialog.deleteLater)
        self._dialog.open()

    def _export(self, session: str, kind: ExportFormat, path: str) -> None:
        self._port.export(session, kind, Path(path), self._exported)

    def _exported(self, answer: Path | ReviewProblem) -> None:
        if isinstance(answer, ReviewProblem):
            self._told.render_as("error", answer.message, answer.todo)
        else:
            self._told.render_as("info", self.tr("Written: {path}").format(path=answer))
