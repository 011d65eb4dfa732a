"""Finds step layouts: every module of `ui.steps` that has `KIND` and `LAYOUT`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from halodesk.ui import steps
from halodesk.ui.steps.base import StepLayout


@lru_cache(maxsize=1)
def step_layouts() -> dict[str, type[StepLayout]]:
    """All layouts by step type."""
    found: dict[str, type[StepLayout]] = {}
    for info in pkgutil.iter_modules(steps.__path__):
        module = importlib.import_module(f"{steps.__name__}.{info.name}")
        if hasattr(module, "LAYOUT"):
            found[module.KIND] = module.LAYOUT
    return found


def step_layout(kind: str) -> StepLayout:
    """A new layout for a step type, the generic one where it has no module."""
    return step_layouts().get(kind, StepLayout)()
