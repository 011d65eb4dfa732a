"""The fields of a page: widgets are made once a type and used again on the next page.

Making a widget and polishing it with the style sheet is what would cost a frame; moving one
to another cell does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost, FieldWidget
from halodesk.ui.fields.registry import field_widget
from halodesk.ui.steps.base import Cell
from halodesk.ui.theme.tokens import Space

_STOCK = {
    "text": 2,
    "phone": 1,
    "email": 1,
    "dropdown": 1,
    "boolean": 1,
    "address": 2,
    "text_area": 1,
    "encrypted": 3,
    "number": 1,
    "date": 1,
    "checkbox": 1,
}


class FieldGrid(QWidget):
    """Field widgets on a grid of twelve columns."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__()
        self._host = host
        self._pool: dict[type[FieldWidget], list[FieldWidget]] = {}
        self._rows: list[list[Cell]] = []
        self.widgets: dict[str, FieldWidget] = {}
        """The fields on the page, in its order."""
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(Space.L)
        self._grid.setVerticalSpacing(Space.L + 2)
        for column in range(12):
            self._grid.setColumnStretch(column, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        for kind, count in _STOCK.items():
            for _ in range(count):
                self._put_back(self._make(field_widget(kind)))

    def render_fields(self, views: Sequence[FieldView], drafts: Mapping[str, Any], *, entering: bool) -> None:
        """Shows these fields; on the same visit the ones that stay are left alone."""
        kept = {} if entering else {view.name: view for view in views}
        for name, widget in list(self.widgets.items()):
            if name not in kept or type(widget) is not field_widget(kept[name].type):
                del self.widgets[name]
                self._put_back(widget)
        shown: dict[str, FieldWidget] = {}
        for view in views:
            known = self.widgets.get(view.name)
            if known is None:
                known = self._take(field_widget(view.type))
                known.bind(view, drafts.get(view.name))
            else:
                known.sync(view)
            shown[view.name] = known
        self.widgets = shown
        self.setVisible(bool(shown))

    def arrange(self, rows: list[list[Cell]]) -> bool:
        """Puts the fields into their cells; False where they are there already."""
        placed = {name: self._grid.indexOf(self.widgets[name]) for row in rows for name, _ in row}
        if rows == self._rows and all(index >= 0 for index in placed.values()):
            return False
        self._rows = rows
        for widget in self.widgets.values():
            self._grid.removeWidget(widget)
        for line, row in enumerate(rows):
            column = 0
            for name, span in row:
                self._grid.addWidget(self.widgets[name], line, column, 1, span)
                self.widgets[name].show()
                column += span
        return True

    def warm_up(self) -> None:
        """Polishes the widgets in stock, so that the first page that needs one does not wait."""
        self.ensurePolished()
        for stock in self._pool.values():
            for widget in stock:
                widget.grab()

    def release_all(self) -> None:
        """Takes every field off the page."""
        self.render_fields((), {}, entering=True)
        self._rows = []

    def _make(self, kind: type[FieldWidget]) -> FieldWidget:
        made = kind(self._host)
        made.setParent(self)
        return made

    def _take(self, kind: type[FieldWidget]) -> FieldWidget:
        stock = self._pool.get(kind)
        return stock.pop() if stock else self._make(kind)

    def _put_back(self, widget: FieldWidget) -> None:
        widget.release()
        widget.hide()
        self._grid.removeWidget(widget)
        self._pool.setdefault(type(widget), []).append(widget)
