"""boolean: two tiles, and neither is chosen until the person chooses."""

from __future__ import annotations

from typing import Any

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import HALF
from halodesk.ui.fields.radio_group import TilesField

KIND = "boolean"


class BooleanField(TilesField):
    """Yes or no in the flow's own words."""

    span = HALF

    def options(self, view: FieldView) -> list[tuple[str, Any, str]]:
        """Both sides."""
        return [
            ("true", True, str(view.config.get("true_label", self.tr("Yes")))),
            ("false", False, str(view.config.get("false_label", self.tr("No")))),
        ]


WIDGET = BooleanField
