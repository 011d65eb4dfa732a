"""The bottom of a step page: Back, and one button for each way on, with its key."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from halodesk.engine.page import ChoiceView, Page
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, set_tip
from halodesk.ui.parts.spinner import Spinner
from halodesk.ui.theme.tokens import Size, Space


class ChoiceButton(Button):
    """A choice; the second click of a double click must not press the next page's button."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Does nothing."""
        event.accept()


class Choices(QFrame):
    """Emits the key of the pressed choice, or `back`."""

    chosen = Signal(str)
    back = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "footer")
        self.views: tuple[ChoiceView, ...] = ()
        self.digits = True
        """Keys 1 to 9 work without Alt."""
        self._buttons: list[ChoiceButton] = []
        self._placed = (0, 0, 0)
        self._room = 0
        self._back = Button(self.tr("Back"), kind="ghost", icon="back", name="back")
        self._back.clicked.connect(self.back)
        self._spinner = Spinner(24)
        self._waiting = elided(role="strong", name="waiting_line")
        self._box = QWidget()
        self._box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._grid = QGridLayout(self._box)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(Space.S + 2)
        layout = QHBoxLayout(self)
        layout.setSpacing(Space.M)
        layout.addWidget(self._back, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addWidget(self._spinner)
        layout.addWidget(self._waiting, 1)
        layout.addWidget(self._box, 1)

    def render_page(self, page: Page, *, wait_here: bool) -> None:
        """The choices of the page; while outside work is under way, the words for it."""
        self.digits = not page.sensitive
        self.views = page.choices
        while len(self._buttons) < len(self.views):
            button = ChoiceButton()
            # Shown without a parent it would be a window of its own for a moment.
            button.setParent(self._box)
            button.clicked.connect(self._pressed)
            self._buttons.append(button)
        for index, button in enumerate(self._buttons):
            if index < len(self.views):
                self._dress(button, index)
            else:
                button.setObjectName("")
            button.setVisible(index < len(self.views))
        self._back.setEnabled(page.can_go_back)
        set_tip(self._back, page.back_refusal or self.tr("Alt+Left"))
        self._box.setVisible(bool(self.views))
        self._waiting.setText(page.waiting)
        self._waiting.setVisible(bool(page.waiting) and wait_here)
        self._spinner.setVisible(bool(page.waiting) and wait_here)
        self._place()

    def primary(self) -> ChoiceButton | None:
        """The button that Enter presses."""
        shown = self._buttons[: len(self.views)]
        first = next((b for b, view in zip(shown, self.views, strict=True) if view.primary), None)
        return first or (shown[0] if len(shown) == 1 else None)

    def press(self, index: int) -> bool:
        """Presses the choice with this number, from 0; False where there is none."""
        if index >= len(self.views):
            return False
        self.chosen.emit(self.views[index].key)
        return True

    def buttons(self) -> Sequence[QWidget]:
        """What takes the focus, in the order of Tab."""
        return [*self._buttons[: len(self.views)], self._back]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fewer columns where there is less room."""
        super().resizeEvent(event)
        # Below the text, not at the far edges of a wide screen.
        side = max(Space.XL, (self.width() - Size.TEXT_COLUMN) // 2 + Space.XXL)
        self._room = self.width() - 2 * side
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(side, Space.M + 2, side, Space.M + 2)
        self._place()

    def _dress(self, button: ChoiceButton, index: int) -> None:
        view, alone = self.views[index], len(self.views) == 1
        number = str(index + 1) if self.digits else f"Alt+{index + 1}"
        hint = self.tr("Enter") if alone else number if index < 9 else ""
        button.setObjectName(f"choice:{view.key}")
        button.render_as(view.label, "primary" if view.primary else "secondary", hint, chosen=view.chosen)
        tip = (
            self.tr("Key {key}, or Alt+{number} anywhere").format(key=hint, number=index + 1) if hint else ""
        )
        set_tip(button, tip)

    def _pressed(self) -> None:
        button = self.sender()
        if isinstance(button, ChoiceButton) and button in self._buttons:
            index = self._buttons.index(button)
            if index < len(self.views):
                self.chosen.emit(self.views[index].key)

    def _place(self) -> None:
        count = len(self.views)
        room = self._room
        most = 3 if room >= 540 else 2 if room >= 380 else 1
        columns = 2 if count == 4 and most > 1 else max(1, min(count, most))
        placed = (count, columns, room)
        if placed == self._placed:
            return
        self._placed = placed
        for button in self._buttons:
            self._grid.removeWidget(button)
        for index, button in enumerate(self._buttons[:count]):
            self._grid.addWidget(button, index // columns, index % columns)
        for column in range(3):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        alone = count == 1 and room >= 540
        self._grid.setContentsMargins(max(0, room - 500) if alone else 0, 0, 0, 0)
