"""What the health check says of a flow."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong or doubtful; errors block publishing."""

    severity: Literal["error", "warning", "hint"]
    code: str
    message: str
    fix: str
    step: str = ""
    field: str = ""
