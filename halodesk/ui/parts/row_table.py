"""What every table of whole rows looks like: the list of sessions, the people, the calls."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView

_HEAD = 36


def as_rows(view: QTableView, row: int) -> QHeaderView:
    """Rows of one height (`row` pixels), chosen whole, never edited; its horizontal header."""
    view.setFrameShape(QFrame.Shape.NoFrame)
    view.setShowGrid(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setTabKeyNavigation(False)
    view.setWordWrap(False)
    view.verticalHeader().hide()
    # One height for all: Qt then never asks ten thousand rows for theirs.
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.verticalHeader().setDefaultSectionSize(row)
    head = view.horizontalHeader()
    head.setFixedHeight(_HEAD)
    head.setHighlightSections(False)
    head.setSectionsClickable(False)
    return head
