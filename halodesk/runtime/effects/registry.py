"""Finds the runners: every module of this package that has `KINDS` and `run`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from halodesk.runtime import effects
from halodesk.runtime.effects.base import Runner


@lru_cache(maxsize=1)
def runners() -> dict[str, Runner]:
    """Every kind of effect to what does it."""
    found: dict[str, Runner] = {}
    for info in pkgutil.iter_modules(effects.__path__):
        module = importlib.import_module(f"{effects.__name__}.{info.name}")
        found |= dict.fromkeys(getattr(module, "KINDS", ()), getattr(module, "run", None))
    return found
