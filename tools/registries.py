"""What the build tools ask the engine's registries for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec

from halodesk.engine import registry
from halodesk.engine.flow import Condition


def cart_action_names() -> list[str]:
    """Names of all cart actions."""
    return sorted(registry.cart_actions())


def structs(config_type: Any, seen: set[Any] | None = None) -> Iterator[type[msgspec.Struct]]:
    """The config's structs, then those inside them."""
    seen = set() if seen is None else seen
    for part in get_args(config_type) or (config_type,):
        if not (isinstance(part, type) and issubclass(part, msgspec.Struct)):
            if get_args(part):
                yield from structs(part, seen)
            continue
        if part in seen or issubclass(part, Condition):
            continue
        seen.add(part)
        yield part
        for hint in get_type_hints(part).values():
            yield from structs(hint, seen)
