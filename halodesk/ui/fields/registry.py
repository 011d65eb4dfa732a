"""Finds field widgets: every module of `ui.fields` that has `KIND` and `WIDGET`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from halodesk.ui import fields
from halodesk.ui.fields.base import FieldWidget
from halodesk.ui.fields.text import TextField


@lru_cache(maxsize=1)
def field_widgets() -> dict[str, type[FieldWidget]]:
    """All field widgets by field type."""
    found: dict[str, type[FieldWidget]] = {}
    for info in pkgutil.iter_modules(fields.__path__):
        module = importlib.import_module(f"{fields.__name__}.{info.name}")
        if hasattr(module, "WIDGET"):
            found[module.KIND] = module.WIDGET
    return found


def field_widget(kind: str) -> type[FieldWidget]:
    """The widget of a field type; a type without one is typed as text."""
    return field_widgets().get(kind, TextField)
