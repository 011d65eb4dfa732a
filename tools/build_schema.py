"""Writes `resources/schema/flow.schema.json`: the flow document as JSON Schema (2020-12).

Made from the structs of the engine and its registries, the config of each step type included; an
editor that knows it completes and checks a `*.flow.json` while it is written. A test fails when the
file is not what this makes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from halodesk.engine.conditions import OPERATORS
from halodesk.engine.flow import SCHEMA, Flow
from halodesk.engine.registry import field_types, step_types
from tools.registries import cart_action_names, structs

FILE = Path(__file__).resolve().parents[1] / "resources" / "schema" / "flow.schema.json"


def build() -> bytes:
    """The schema, two spaces of indent."""
    (root,), parts = msgspec.json.schema_components([Flow], ref_template="#/$defs/{name}")
    defs = {name: _without_extra(part) for name, part in parts.items()}
    defs["Condition"]["properties"]["op"]["enum"] = list(OPERATORS)
    defs["Field"]["properties"]["type"]["enum"] = sorted(field_types())
    defs["CartActionSpec"]["properties"]["action"]["enum"] = cart_action_names()
    step = defs["Step"]
    step["properties"]["type"]["enum"] = sorted(step_types())
    step["allOf"] = []
    for name, kind in sorted(step_types().items()):
        shape = _config(kind.config_type, name, defs)
        step["allOf"].append(
            {"if": {"properties": {"type": {"const": name}}}, "then": {"properties": {"config": shape}}}
        )
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:halodesk:flow:{SCHEMA}",
        "title": "HaloDesk flow",
        **root,
        "$defs": dict(sorted(defs.items())),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _config(config_type: Any, step_type: str, defs: dict[str, Any]) -> dict[str, Any]:
    """The shape of one step type's config; its own parts are named after the type."""
    own = {part.__name__ for part in structs(config_type) if part.__module__ != Flow.__module__}
    (shape,), parts = msgspec.json.schema_components([config_type], ref_template="#/$defs/{name}")
    renamed = {name: name if name not in own else f"{step_type}.{name}" for name in parts}
    for name, part in parts.items():
        if renamed[name] not in defs:
            defs[renamed[name]] = _without_extra(_renamed(part, renamed))
    found: dict[str, Any] = _renamed(shape, renamed)
    return found


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    if isinstance(value, str) and value.startswith("#/$defs/"):
        name = value.removeprefix("#/$defs/")
        return f"#/$defs/{names.get(name, name)}"
    return value


def _without_extra(part: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys stay allowed: a document of a newer version is kept whole."""
    part.get("properties", {}).pop("extra", None)
    return part


def main() -> int:
    """Write the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(build())
    return 0


if __name__ == "__main__":
    sys.exit(main())
