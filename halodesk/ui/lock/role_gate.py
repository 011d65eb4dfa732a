"""On a page that is for another role: whom to ask, and the way in for them."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from halodesk.engine.page import Page
from halodesk.engine.roles import words_of
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.tokens import Space


class RoleGate(QWidget):
    """Hidden where the page is for whoever works here. Emits `wanted` to let somebody open it."""

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = Banner("role_gate")
        self.button = Button(self.tr("Open this step …"), icon="lock", name="open_step")
        self.button.clicked.connect(self.wanted)
        self.can_open = False
        """People sign in here: somebody can."""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.M)
        layout.addWidget(self._words, 1)
        layout.addWidget(self.button)
        self.button.hide()
        self.hide()

    def render_page(self, page: Page) -> None:
        """Shows whom the page is for."""
        words = words_of(page.for_role)
        if page.for_role:
            message = self.tr("This step is for a {role}.").format(role=words)
            todo = (
                self.tr("A {role} can open it here with name and password.")
                if self.can_open
                else self.tr("Hand the call over to a {role}, or go back.")
            )
            self._words.render_as("warning", message, todo.format(role=words))
        self.button.setVisible(bool(page.for_role) and self.can_open)
        self.setVisible(bool(page.for_role))
