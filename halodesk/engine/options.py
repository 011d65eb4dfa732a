"""What a field offers to choose from: its own options, then those of its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from halodesk.engine.conditions import look_up
from halodesk.engine.flow import Field, Flow, Option

MOST = 5000
"""Options of one field; what a source has beyond that is left out."""


def with_options(flow: Flow, field: Field, values: Mapping[str, Any]) -> Field:
    """The field with all its options as they are now; the field itself where it has no source.

    A source is a data source of the flow with rows of its own, or a value of the session that holds
    a list: what a function, an API call or a connector has brought.
    """
    if not field.source:
        return field
    source = flow.data_source(field.source)
    rows: Iterable[Any] = source.rows if source is not None else ()
    brought = look_up(values, field.source)
    if isinstance(brought, list | tuple):
        rows = (*rows, *brought)
    found = {option.value: option for option in field.options}
    for row in rows:
        option = _option(row, field)
        if option is not None and len(found) < MOST:
            found.setdefault(option.value, option)
    return replace(field, options=tuple(found.values()))


def _option(row: Any, field: Field) -> Option | None:
    value, label = row, None
    if isinstance(row, Mapping):
        value = row.get(str(field.config.get("source_value", "value")))
        label = row.get(str(field.config.get("source_label", "label")))
    if value is None or isinstance(value, bool | Mapping | list | tuple):
        return None
    return Option(value=str(value), label="" if label is None else str(label))
