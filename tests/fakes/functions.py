"""The real JavaScript worker behind the simulator's port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from halodesk.engine.simulate import FunctionPort
from halodesk.runtime.functions import FunctionDesk


@contextmanager
def functions() -> Iterator[FunctionPort]:
    """One worker for a test."""
    with FunctionDesk(seed=7) as desk:
        yield desk
