"""Finds step and field types and cart actions.

Every module of `engine.steps` and `engine.fields` that has `TYPE`, every one of
`engine.cart_actions` that has `ACTION`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from types import ModuleType

from halodesk.engine import cart_actions as actions
from halodesk.engine import fields, steps
from halodesk.engine.cart_actions.base import CartAction
from halodesk.engine.fields.base import FieldType
from halodesk.engine.steps.base import StepType


def _modules(package: ModuleType) -> list[ModuleType]:
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


@lru_cache(maxsize=1)
def step_types() -> dict[str, StepType]:
    """All step types by name."""
    types: list[StepType] = [module.TYPE for module in _modules(steps) if hasattr(module, "TYPE")]
    return {found.name: found for found in types}


@lru_cache(maxsize=1)
def field_types() -> dict[str, FieldType]:
    """All field types by name."""
    types: list[FieldType] = [module.TYPE for module in _modules(fields) if hasattr(module, "TYPE")]
    return {found.name: found for found in types}


@lru_cache(maxsize=1)
def cart_actions() -> dict[str, CartAction]:
    """All cart actions by name."""
    found: list[CartAction] = [module.ACTION for module in _modules(actions) if hasattr(module, "ACTION")]
    return {action.name: action for action in found}
