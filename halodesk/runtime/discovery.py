"""How one module becomes a gateway, a mail provider, a data source or a recording control: it is there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


Kind = TypeVar("Kind", bound=_Keyed)


def found_in(path: Sequence[str], package: str, name: str, kind: type[Kind]) -> Mapping[str, Kind]:
    """What the modules of a package define under that name, if it is of that kind, by its key."""
    found: dict[str, Kind] = {}
    for info in pkgutil.iter_modules(path):
        value = getattr(importlib.import_module(f"{package}.{info.name}"), name, None)
        if isinstance(value, kind):
            found[value.key] = value
    return MappingProxyType(found)
