"""billing_shipping: the bill first, then whether the goods go elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FULL
from halodesk.ui.steps.base import Cell, StepLayout

KIND = "billing_shipping"


class BillingLayout(StepLayout):
    """Every field on a line of its own: two addresses side by side are easily mixed up."""

    def rows(self, fields: Sequence[FieldView], *, wide: bool) -> list[list[Cell]]:
        """One field a line."""
        return [[(field.name, FULL)] for field in fields]


LAYOUT = BillingLayout
