"""date_time: a date, a time and a zone; where the clocks go back, the two readings of the time."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QDate
from PySide6.QtWidgets import QApplication, QButtonGroup, QHBoxLayout, QLineEdit, QWidget

from halodesk.engine.fields.date import TYPE as DATE
from halodesk.engine.fields.date_time import TYPE, place, zones_of
from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FULL, FieldHost, FieldWidget, restyle
from halodesk.ui.fields.date import to_qt
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.date_line import DateLine
from halodesk.ui.parts.labels import label
from halodesk.ui.parts.tiles import Tile
from halodesk.ui.theme.tokens import Size, Space

KIND = "date_time"


class DateTimeField(FieldWidget):
    """A point in time, as it was said."""

    span = FULL

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.date = DateLine()
        self.date.textEdited.connect(self._typed)
        self.date.stepped.connect(self._step)
        self.date.picked.connect(self._picked)
        self.date.asked.connect(self._open)
        self.time = QLineEdit()
        self.time.setFixedHeight(Size.INPUT)
        self.time.textEdited.connect(self._typed)
        self.zones = Combo()
        self.zones.activated.connect(self._typed)
        self._place = label(role="muted")
        self.caption.setBuddy(self.date)
        row = QHBoxLayout()
        row.setSpacing(Space.M)
        row.addWidget(self.date, 3)
        row.addWidget(self.time, 2)
        row.addWidget(self.zones, 3)
        row.addWidget(self._place, 3)
        self.body.addLayout(row)
        self._sides = (Tile(), Tile())
        self._group = QButtonGroup(self)
        both = QHBoxLayout()
        both.setSpacing(Space.S)
        for tile in self._sides:
            self._group.addButton(tile)
            both.addWidget(tile)
            tile.hide()
        self._group.buttonClicked.connect(self._side_chosen)
        self.body.addLayout(both)
        for widget in (self.date, self.time, self.zones, *self._sides):
            self.watch(widget)

    def inputs(self) -> list[QWidget]:
        """Date, time, the zone where it can be chosen, and the two readings where there are two."""
        found: list[QWidget] = [self.date, self.time]
        if self.zones.count() > 1:
            found.append(self.zones)
        return [*found, *self._sides] if self._twice() else found

    def raw(self) -> Any:
        """All of it as it stands."""
        chosen = self._group.checkedButton()
        return {
            "date": self.date.text(),
            "time": self.time.text(),
            "zone": self.zones.currentData(),
            "fold": chosen.value if isinstance(chosen, Tile) and self._twice() else None,
        }

    def put(self, value: Any) -> None:
        """Date and time as they are typed."""
        self._show(TYPE.input_words(self.declared(), value) if value is not None else {})

    def put_draft(self, raw: Any) -> None:
        """Exactly what was typed."""
        self._show(raw if isinstance(raw, dict) else {"date": raw})

    def name_inputs(self, view: FieldView) -> None:
        """Object names, accessible names, examples, the zones."""
        names = zones_of(self.declared())
        self.zones.clear()
        for name in names:
            self.zones.addItem(place(name), name)
        self.zones.setVisible(len(names) > 1)
        self._place.setText(self.tr("{place} time").format(place=place(names[0])))
        self._place.setVisible(len(names) == 1)
        self.date.setPlaceholderText(DATE.example(self.declared()))
        self.time.setPlaceholderText(self.tr("2:30 PM"))
        parts = {
            "date": (self.date, self.tr("date")),
            "time": (self.time, self.tr("time")),
            "zone": (self.zones, self.tr("time zone")),
        }
        for part, (widget, words) in parts.items():
            widget.setObjectName(f"field:{view.name}.{part}")
            widget.setAccessibleName(f"{view.label}: {words}")

    def mark(self, wrong: bool) -> None:
        """Red frames."""
        restyle(self.date, wrong)
        restyle(self.time, wrong)

    def is_empty(self) -> bool:
        """Neither a date nor a time."""
        return not self.date.text() and not self.time.text()

    def left(self) -> None:
        """Commits once the focus is outside of all parts; an empty time is still to come."""
        self.flush_draft()
        if QApplication.focusWidget() not in self.inputs():
            self.commit()

    def release(self) -> None:
        """Nothing of the readings remains either."""
        super().release()
        self.zones.clear()

    def _show(self, parts: dict[str, Any]) -> None:
        for line, part in ((self.date, "date"), (self.time, "time")):
            text = str(parts.get(part) or "")
            if text != line.text():
                line.setText(text)
        index = self.zones.findData(parts.get("zone"))
        self.zones.setCurrentIndex(max(index, 0))
        self._offer(parts.get("fold"))

    def _twice(self) -> bool:
        return not self._sides[0].isHidden()

    def _offer(self, fold: Any = None) -> None:
        """Both readings of a time that comes twice; hidden on every other day."""
        view = self.view
        sides = None
        if view is not None and self.time.text():
            typed = {"date": self.date.text(), "time": self.time.text(), "zone": self.zones.currentData()}
            sides = TYPE.twice(self.declared(), typed)
        self._group.setExclusive(False)
        for index, tile in enumerate(self._sides):
            if sides is not None and view is not None:
                which = self.tr("the first") if index == 0 else self.tr("the second")
                tile.show_option(index, f"{sides[index]}, {which}", f"field:{view.name}={index}")
                tile.setAccessibleName(f"{view.label}: {sides[index]}, {which}")
            else:
                tile.setObjectName("")
            tile.setChecked(sides is not None and fold == index)
            tile.setEnabled(view is not None and not view.locked and not view.read_only)
            tile.setVisible(sides is not None)
        self._group.setExclusive(True)
        if sides is not None:
            before = self.zones if self.zones.count() > 1 else self.time
            QWidget.setTabOrder(before, self._sides[0])
            QWidget.setTabOrder(self._sides[0], self._sides[1])

    def _typed(self) -> None:
        self._offer()
        self.edited()

    def _side_chosen(self) -> None:
        self.edited()
        self.commit()

    def _open(self) -> None:
        config = self.view.config if self.view is not None else {}
        day = DATE.normalise(self.declared(), self.date.text())
        self.date.open_calendar(*(to_qt(value) for value in (day, config.get("min"), config.get("max"))))

    def _picked(self, day: QDate) -> None:
        self.date.setText(DATE.input_words(self.declared(), day.toString("yyyy-MM-dd")))
        self._typed()

    def _step(self, days: int) -> None:
        self.date.setText(DATE.stepped(self.declared(), self.date.text(), days))
        self.date.selectAll()
        self._typed()


WIDGET = DateTimeField
