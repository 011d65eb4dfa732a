"""What the health check says of a flow."""

from __future__ import annotations

from typing import Literal

import msgspec

from halodesk.engine.flow import Step


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong or doubtful; errors block publishing."""

    severity: Literal["error", "warning", "hint"]
    code: str
    message: str
    fix: str
    step: str = ""
    field: str = ""


def error(code: str, step: Step | None, message: str, fix: str, field: str = "") -> Finding:
    """A finding that blocks publishing."""
    return Finding(
        severity="error", code=code, step=step.key if step else "", field=field, message=message, fix=fix
    )


def warning(code: str, step: Step, message: str, fix: str, field: str = "") -> Finding:
    """A finding that is doubtful."""
    return Finding(severity="warning", code=code, step=step.key, field=field, message=message, fix=fix)


def hint(code: str, step: Step | None, message: str, fix: str, field: str = "") -> Finding:
    """Something to look at; nothing need be wrong."""
    return Finding(
        severity="hint", code=code, step=step.key if step else "", field=field, message=message, fix=fix
    )


def reserved(name: str, step: Step | None) -> Finding:
    """A name the system uses itself."""
    return error("reserved_name", step, f'"{name}" is a name of the system.', "Choose another name.", name)
