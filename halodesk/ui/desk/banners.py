"""Above the page: what is wrong with the phone or the storage, and notices to dismiss."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QVBoxLayout, QWidget

from halodesk.runtime.ports import DeskPort
from halodesk.ui.parts.banner import Banner
from halodesk.ui.theme.tokens import Space

_MOST = 2
"""Notices in sight at a time: more would push the script away. The newest are shown."""


class Banners(QWidget):
    """Renders the desk's problems, worst first."""

    def __init__(self) -> None:
        super().__init__()
        self._storage = Banner("banner:storage")
        self._phone = Banner("banner:phone")
        self._notices = [Banner(f"banner:notice{index}", dismissible=True) for index in range(_MOST)]
        self._desk: DeskPort | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for banner in (self._storage, self._phone, *self._notices):
            layout.addWidget(banner)
        for index, banner in enumerate(self._notices):
            banner.dismissed.connect(partial(self._dismiss, index))

    def render_desk(self, desk: DeskPort) -> None:
        """All that is wrong now."""
        self._desk = desk
        storage, phone = desk.storage, desk.phone_problem
        failed = storage.state == "failed"
        fallback = self.tr("What you do is kept in memory and written as soon as the disk takes it.")
        self._storage.render_as(
            "error", (storage.message or fallback) if failed else "", storage.todo if failed else ""
        )
        self._phone.render_as(
            phone.level if phone else "info", phone.message if phone else "", phone.todo if phone else ""
        )
        latest = desk.notices[-_MOST:]
        for index, banner in enumerate(self._notices):
            if index < len(latest):
                banner.render_as(latest[index].level, latest[index].message, latest[index].todo)
            else:
                banner.render_as("info", "")
        self.setVisible(failed or phone is not None or bool(latest))

    def _dismiss(self, index: int) -> None:
        if self._desk is not None:
            latest = self._desk.notices[-_MOST:]
            if index < len(latest):
                self._desk.dismiss(latest[index])
