"""payment_form: the amount, the proof that recording is masked, three secure boxes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.engine.page import FieldView, Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.fields.base import FULL, HALF
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.parts.mask_words import mask_words
from halodesk.ui.parts.pill import Pill
from halodesk.ui.steps.base import Cell, StepLayout
from halodesk.ui.theme.tokens import Space

KIND = "payment_form"


class PaymentLayout(StepLayout):
    """Card capture."""

    def __init__(self) -> None:
        self._card = QFrame()
        self._card.setProperty("pane", "inset")
        self._amount = label(role="amount", name="amount_due")
        self._state = Pill("mask_proof")
        self._proof = label(role="help", wrap=True)
        due = QVBoxLayout()
        due.setSpacing(2)
        due.addWidget(label(QCoreApplication.translate("payment", "To charge"), "caption"))
        due.addWidget(self._amount)
        proof = QVBoxLayout()
        proof.setSpacing(Space.S)
        proof.addWidget(self._state, 0, Qt.AlignmentFlag.AlignLeft)
        proof.addWidget(self._proof)
        layout = QHBoxLayout(self._card)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.XXL)
        layout.addLayout(due)
        layout.addLayout(proof, 1)

    def head(self) -> QWidget | None:
        """Amount and mask."""
        return self._card

    def render(self, page: Page, desk: PagePort) -> None:
        """From the cart and the mask of the session."""
        self._amount.setText(page.cart.total)
        words = mask_words(page.mask)
        icon = "warning" if words.band == "danger" else "lock"
        self._state.render_as(words.short, words.tone, icon=icon, tip=words.proof)
        set_text(self._proof, words.proof)

    def rows(self, fields: Sequence[FieldView], *, wide: bool) -> list[list[Cell]]:
        """The number on its own line, expiry and code side by side."""
        rows: list[list[Cell]] = []
        for field in fields:
            short = field.role in ("expiry", "cvv")
            last = rows[-1] if rows else []
            if short and len(last) == 1 and last[0][1] == HALF:
                last.append((field.name, HALF))
            else:
                rows.append([(field.name, HALF if short else FULL)])
        return rows


LAYOUT = PaymentLayout
