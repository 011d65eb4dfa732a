"""mask_call: the proof that nothing is recorded, and how long that may last."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.countdown import Countdown
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.parts.mask_words import mask_words
from halodesk.ui.parts.pill import Pill
from halodesk.ui.steps.base import StepLayout
from halodesk.ui.theme.tokens import Space

KIND = "mask_call"


class MaskCallLayout(StepLayout):
    """State of the mask above the script, its end below the fields."""

    def __init__(self) -> None:
        self._card = QFrame()
        self._card.setProperty("pane", "inset")
        self._state = Pill("mask_proof")
        self._proof = label(role="help", wrap=True)
        layout = QVBoxLayout(self._card)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.S)
        layout.addWidget(self._state, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._proof)
        self._count = Countdown("mask_left")

    def head(self) -> QWidget | None:
        """The proof."""
        return self._card

    def tail(self) -> QWidget | None:
        """When it ends by itself."""
        return self._count

    def render(self, page: Page, desk: PagePort) -> None:
        """From the mask of the session and the step's panel."""
        words = mask_words(page.mask)
        icon = "warning" if words.band == "danger" else "lock"
        self._state.render_as(words.short, words.tone, icon=icon, tip=words.proof)
        set_text(self._proof, str(page.panel.get("locked") or "") or words.proof)
        until = None if page.ended else page.panel.get("until")
        text = QCoreApplication.translate("mask_call", "Then recording goes on and the page is left.")
        self._count.render_as(until, text)


LAYOUT = MaskCallLayout
