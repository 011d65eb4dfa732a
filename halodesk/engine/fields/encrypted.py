"""encrypted: digits that never enter the engine; its value is a handle of the vault.

`kind` says what the digits are and `retention` what becomes of them: `capture` lives in
memory until the gateway has it, `sealed` is kept as a dual-key envelope. The two never mix.
"""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Plain, Problem
from halodesk.engine.flow import Field
from halodesk.engine.sealed import is_sealed

SEALED = "sealed, two holders can open it"
KINDS = ("card_number", "cvv", "ssn", "medicare_id", "bank_account", "other")


class Encrypted(Plain):
    """Takes no raw value: `EnterSecret` brings a handle, and only while the mask is held."""

    name = "encrypted"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """Always a problem: digits must not come this way."""
        return None if raw is None else Problem("This value may only be typed into its own secure field.")

    def show(self, field: Field, value: Any) -> str:
        """Never anything of the value."""
        return SEALED if is_sealed(value) else "••••"

    def schema(self, field: Field) -> dict[str, Any]:
        """No model ever gives it."""
        return {}


TYPE = Encrypted()
