"""checkbox: one tick, or several inline; Space ticks, keys 1 to 9 where there are several."""

from __future__ import annotations

from typing import Any

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost
from halodesk.ui.fields.radio_group import TilesField
from halodesk.ui.parts.tiles import TickTile

KIND = "checkbox"


class CheckboxField(TilesField):
    """Ticks as tiles."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.group.setExclusive(False)

    def make_tile(self) -> TickTile:
        """A box instead of a ring."""
        return TickTile()

    def options(self, view: FieldView) -> list[tuple[str, Any, str]]:
        """The options, or the one tick in its own words."""
        if view.options:
            return super().options(view)
        return [("tick", True, str(view.config.get("tick_label") or view.label))]

    def raw(self) -> Any:
        """The ticked values; true or false where there is one tick."""
        ticked = [tile.value for tile in self.tiles() if tile.isChecked()]
        if self.view is not None and not self.view.options:
            return bool(ticked)
        return ticked

    def put(self, value: Any) -> None:
        """Ticks what the value says."""
        wanted = value if isinstance(value, list | tuple) else [True] if value is True else []
        for tile in self.tiles():
            tile.setChecked(tile.value in wanted)

    def is_empty(self) -> bool:
        """Nothing is ticked."""
        return not self.raw()


WIDGET = CheckboxField
