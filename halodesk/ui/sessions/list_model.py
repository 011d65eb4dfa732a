"""The list of sessions as a table model: thousands of lines, no widget each."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from halodesk.runtime.review import ChainBadge, SessionLine
from halodesk.ui.parts.words import clock, phone_words

LINE_ROLE = int(Qt.ItemDataRole.UserRole)
CHAIN_ROLE = LINE_ROLE + 1
Chain = Literal["", "checking", "holds", "broken"]
Column = Literal["number", "began", "caller", "agent", "flow", "outcome", "length", "incidents", "chain"]
COLUMNS: tuple[Column, ...] = (
    *("number", "began", "caller", "agent", "flow", "outcome", "length", "incidents", "chain"),
)
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class SessionModel(QAbstractTableModel):
    """Sessions that were found, newest first."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.lines: tuple[SessionLine, ...] = ()
        self._badges: dict[str, ChainBadge | None] = {}
        self._heads: dict[Column, str] = {
            "number": self.tr("No."),
            "began": self.tr("Began"),
            "caller": self.tr("Caller"),
            "agent": self.tr("Agent"),
            "flow": self.tr("Flow"),
            "outcome": self.tr("Outcome"),
            "length": self.tr("Length"),
            "incidents": self.tr("Incidents"),
            "chain": self.tr("Record"),
        }

    def show_lines(self, lines: tuple[SessionLine, ...]) -> None:
        """Exactly these."""
        if lines == self.lines:
            return
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def unchecked(self, first: int, last: int) -> list[str]:
        """Sessions of these rows whose chain nobody has checked yet; they count as being checked now.

        A session that is still being recorded is checked when it is complete.
        """
        found = [
            line.id
            for line in self.lines[max(first, 0) : last + 1]
            if line.status == "ended" and line.id not in self._badges
        ]
        self._badges |= dict.fromkeys(found)
        return found

    def checked(self, session: str, badge: ChainBadge) -> None:
        """The verdict on a chain."""
        self._badges[session] = badge
        row = next((at for at, line in enumerate(self.lines) if line.id == session), -1)
        if row >= 0:
            cell = self.index(row, COLUMNS.index("chain"))
            self.dataChanged.emit(cell, cell)

    def forget(self, session: str) -> None:
        """It could not be checked: it is asked for again when it is next in sight."""
        self._badges.pop(session, None)

    def chain(self, session: str) -> Chain:
        """What is known of a chain."""
        if session not in self._badges:
            return ""
        badge = self._badges[session]
        return "checking" if badge is None else "holds" if badge.ok else "broken"

    def text(self, line: SessionLine, column: Column) -> str:
        """A cell in words."""
        match column:
            case "number":
                return str(line.number)
            case "began":
                return when(line.started_at)
            case "caller":
                return phone_words(line.caller) or self.tr("No call")
            case "agent":
                return line.agent
            case "flow":
                return line.flow
            case "outcome":
                return line.disposition if line.status == "ended" else self.tr("In progress")
            case "length":
                return clock(line.ended_at - line.started_at) if line.ended_at is not None else ""
            case "incidents":
                return str(line.incidents) if line.incidents else ""
            case "chain":
                return {
                    "": "",
                    "checking": self.tr("Checking…"),
                    "holds": self.tr("Intact"),
                    "broken": self.tr("Broken"),
                }[self.chain(line.id)]

    # what Qt asks

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """Lines found."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """Facts of a line."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words for people and screen readers, the line itself for the delegate."""
        line = self.lines[index.row()]
        column = COLUMNS[index.column()]
        if role == LINE_ROLE:
            return line
        if role == CHAIN_ROLE:
            return self.chain(line.id)
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(line, column)
        if role == Qt.ItemDataRole.ToolTipRole and column == "chain":
            badge = self._badges.get(line.id)
            return badge.message if badge is not None else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._heads[column]}: {self.text(line, column)}"
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._heads[COLUMNS[section]]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None


def when(seconds: float) -> str:
    """Date and time on this seat's clock, in the form the date boxes take."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
