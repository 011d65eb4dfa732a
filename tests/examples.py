"""How many examples a property is tried with: some in `make test`, all in `make test-full`."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("HALODESK_THOROUGH"))
_LEAST = 20


def many(examples: int) -> int:
    """All of them in a thorough run, else a quarter."""
    return examples if THOROUGH else max(_LEAST, examples // 4)
