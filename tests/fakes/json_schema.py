"""As much of JSON Schema 2020-12 as the flow's schema uses; an unknown keyword fails."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_IGNORED = {"$schema", "$id", "$defs", "title", "description", "default", "discriminator"}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "") -> list[str]:
    """Where a value is not as the schema says."""
    found: list[str] = []
    for word, said in schema.items():
        match word:
            case "$ref":
                found += problems(value, root["$defs"][said.removeprefix("#/$defs/")], root, place)
            case "type":
                kinds = [said] if isinstance(said, str) else said
                wrong_bool = isinstance(value, bool) and "boolean" not in kinds
                if wrong_bool or not any(isinstance(value, _TYPES[kind]) for kind in kinds):
                    found.append(f"{place}: not {said}")
            case "enum":
                found += [] if value in said else [f"{place}: {value!r} is not one of {said}"]
            case "const":
                found += [] if value == said else [f"{place}: not {said!r}"]
            case "required":
                missing = [key for key in said if isinstance(value, dict) and key not in value]
                found += [f"{place}: lacks {key}" for key in missing]
            case "properties":
                for key, inner in said.items():
                    if isinstance(value, dict) and key in value:
                        found += problems(value[key], inner, root, f"{place}/{key}")
            case "additionalProperties":
                known = schema.get("properties", {})
                for key, inner in value.items() if isinstance(value, dict) else ():
                    if key not in known and said is False:
                        found.append(f"{place}: {key} is not known")
                    elif key not in known and isinstance(said, dict):
                        found += problems(inner, said, root, f"{place}/{key}")
            case "items":
                for index, inner in enumerate(value if isinstance(value, list) else ()):
                    found += problems(inner, said, root, f"{place}/{index}")
            case "anyOf":
                if all(problems(value, one, root, place) for one in said):
                    found.append(f"{place}: fits none of {len(said)}")
            case "allOf":
                for one in said:
                    found += problems(value, one, root, place)
            case "if":
                if not problems(value, said, root, place):
                    found += problems(value, schema.get("then", {}), root, place)
            case "then":
                pass
            case _:
                assert word in _IGNORED, word
    return found
