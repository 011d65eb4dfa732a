"""address: street, city, region, postal code, country.

One answer of six parts: it is committed when the focus leaves all of them, so that nobody
is told "the city is missing" on the way from the street to the city.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FULL, FieldHost, FieldWidget, restyle
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.labels import label
from halodesk.ui.theme.tokens import Size, Space

KIND = "address"
_LINES = ("line1", "line2", "city", "region", "postal_code")
_PLACES = {
    "line1": (0, 0, 1, 8),
    "line2": (0, 8, 1, 4),
    "city": (1, 0, 1, 4),
    "region": (1, 4, 1, 2),
    "postal_code": (1, 6, 1, 2),
    "country": (1, 8, 1, 4),
}


class AddressField(FieldWidget):
    """A postal address."""

    span = FULL

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self._words = {
            "line1": self.tr("Street"),
            "line2": self.tr("Flat, floor"),
            "city": self.tr("City"),
            "region": self.tr("State"),
            "postal_code": self.tr("ZIP"),
            "country": self.tr("Country"),
        }
        self.lines = {part: QLineEdit() for part in _LINES}
        self.country = Combo()
        self.country.activated.connect(self.edited)
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.S)
        for column in range(12):
            grid.setColumnStretch(column, 1)
            grid.setColumnMinimumWidth(column, 0)
        for part in (*_LINES, "country"):
            widget = self.lines.get(part) or self.country
            widget.setMinimumWidth(60)
            widget.setFixedHeight(Size.INPUT)
            cell = QVBoxLayout()
            cell.setSpacing(Space.XS)
            cell.addWidget(label(self._words[part], "caption"))
            cell.addWidget(widget)
            grid.addLayout(cell, *_PLACES[part])
            self.watch(widget)
        for line in self.lines.values():
            line.textEdited.connect(self.edited)
        self.body.addLayout(grid)

    def inputs(self) -> list[QWidget]:
        """The lines, then the country."""
        return [*self.lines.values(), self.country]

    def raw(self) -> Any:
        """All parts as typed."""
        return {**{part: line.text() for part, line in self.lines.items()}, "country": self._country()}

    def put(self, value: Any) -> None:
        """The parts of the value."""
        parts = value if isinstance(value, dict) else {}
        for part, line in self.lines.items():
            text = str(parts.get(part) or "")
            if text != line.text():
                line.setText(text)
        index = self.country.findData(str(parts.get("country") or ""))
        self.country.setCurrentIndex(max(index, 0))

    def name_inputs(self, view: FieldView) -> None:
        """Object names, accessible names and the countries."""
        for part in (*_LINES, "country"):
            widget = self.lines.get(part) or self.country
            widget.setObjectName(f"field:{view.name}.{part}")
            widget.setAccessibleName(f"{view.label}: {self._words[part]}")
        self.country.clear()
        for code in view.config.get("countries", ["US", "CA"]):
            name = QLocale.territoryToString(QLocale.codeToTerritory(str(code)))
            self.country.addItem(f"{code} · {name}", str(code))

    def mark(self, wrong: bool) -> None:
        """Red frames around the parts that are still empty, or around all."""
        empty = [part for part, line in self.lines.items() if part != "line2" and not line.text().strip()]
        for part, line in self.lines.items():
            restyle(line, wrong and (part in empty or (not empty and part != "line2")))

    def is_empty(self) -> bool:
        """No line has text; the country has a value from the start."""
        return not any(line.text() for line in self.lines.values())

    def left(self) -> None:
        """Commits once the focus is outside of all parts."""
        self.flush_draft()
        if QApplication.focusWidget() not in self.inputs():
            self.commit()

    def _country(self) -> str:
        return str(self.country.currentData() or "")


WIDGET = AddressField
