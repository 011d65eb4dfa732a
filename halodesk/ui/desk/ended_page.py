"""After the last step: what the record holds, and on to the next call."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import DeskPort
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.facts import FactStrip
from halodesk.ui.parts.labels import label
from halodesk.ui.parts.rows import Row, Rows
from halodesk.ui.parts.words import clock
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Size, Space


class EndedPage(QFrame):
    """Renders an ended session."""

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "page")
        self._sign = label()
        self._title = label(role="title", name="ended_title", wrap=True)
        self._lead = label(role="lead", name="ended_lead", wrap=True)
        self._facts = FactStrip("ended_facts")
        self._answers = Rows("muted", "body", wide=True)
        self.button = Button(
            self.tr("Ready for next call"),
            kind="primary",
            icon="check",
            hint=self.tr("Enter"),
            name="close_session",
        )
        self.button.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setSpacing(Space.L)
        head.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(Space.XS)
        words.addWidget(self._title)
        words.addWidget(self._lead)
        head.addLayout(words, 1)
        inner = QWidget()
        inner.setProperty("pane", "scrolled")
        inner.setMaximumWidth(Size.TEXT_COLUMN)
        column = QVBoxLayout(inner)
        column.setContentsMargins(Space.XXL, Space.XXL, Space.XXL, Space.XL)
        column.setSpacing(Space.XL)
        column.addLayout(head)
        column.addWidget(self._facts)
        column.addWidget(label(self.tr("Captured in this call"), "section"))
        column.addWidget(self._answers)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        footer = QFrame()
        footer.setProperty("pane", "footer")
        bottom = QHBoxLayout(footer)
        bottom.setContentsMargins(Space.XL, Space.M + 2, Space.XL, Space.M + 2)
        bottom.addStretch(1)
        bottom.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(footer)

    def render_page(self, page: Page, desk: DeskPort) -> None:
        """The summary; says "stored" only when the storage says so."""
        stored = desk.storage.state == "saved"
        self._sign.setPixmap(pixmap("sealed" if stored else "alert", "success" if stored else "warning", 40))
        self._title.setText(self.tr("This call is complete"))
        self._lead.setText(
            self.tr("The record is sealed and stored on this seat.")
            if stored
            else self.tr("The record is sealed. It is still being stored.")
        )
        call = desk.call
        length = ""
        if call is not None and call.answered_at is not None and call.ended_at is not None:
            length = clock(call.ended_at - call.answered_at)
        order = page.cart.total if page.cart.lines else ""
        if order and not page.cart.paid:
            order = self.tr("{total}, not paid").format(total=order)
        self._facts.render_as(
            (
                (self.tr("Outcome"), _outcome(page)),
                (self.tr("Order"), order),
                (self.tr("Length"), length),
                (self.tr("Steps"), str(len(page.path))),
                (self.tr("Notes"), str(len(page.notes)) if page.notes else ""),
            )
        )
        self._answers.render(tuple(Row(found.label, found.value) for found in page.answers))

    def focus_first(self) -> None:
        """To the button."""
        self.button.setFocus(Qt.FocusReason.OtherFocusReason)


def _outcome(page: Page) -> str:
    """The disposition in the words of its option."""
    for field in page.fields:
        for option in field.options:
            if option.value == page.disposition and field.value == page.disposition:
                return option.label or option.value
    return page.disposition
