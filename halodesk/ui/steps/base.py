"""How a step type shows itself: what stands above its fields, and how these are laid out.

A step type without a module here gets `StepLayout` as it is: title, script, fields, choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from halodesk.engine.page import FieldView, Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.browser.visits import Visits
from halodesk.ui.fields.base import FULL, HALF
from halodesk.ui.fields.registry import field_widget

Cell = tuple[str, int]
"""Field name and its width in columns of twelve."""


@dataclass(frozen=True)
class Tools:
    """What a page of the live desk may use beside the desk; a replay has none of it."""

    visits: Visits | None = None


class StepLayout:
    """The generic page. One object per step type serves all its steps, one after another."""

    big_wait = False
    """The wait for outside work is the page itself, not a line at its bottom."""

    fills = False
    """Its `tail` takes all the room there is, in height and in width."""

    def equip(self, tools: Tools) -> None:
        """Called once, before `head` and `tail`."""

    def leave(self) -> None:
        """The session is over."""

    def head(self) -> QWidget | None:
        """A widget above the script, made once; it belongs to the page from then on."""
        return None

    def tail(self) -> QWidget | None:
        """A widget below the fields, made once."""
        return None

    def render(self, page: Page, desk: PagePort) -> None:
        """Fills `head` and `tail`."""

    def rows(self, fields: Sequence[FieldView], *, wide: bool) -> list[list[Cell]]:
        """Which fields share a line: neighbours that need half of it, where there is room."""
        rows: list[list[Cell]] = []
        for field in fields:
            span = field_widget(field.type).span if wide else FULL
            last = rows[-1] if rows else []
            if span == HALF and len(last) == 1 and last[0][1] == HALF:
                last.append((field.name, HALF))
            else:
                rows.append([(field.name, span)])
        return rows
