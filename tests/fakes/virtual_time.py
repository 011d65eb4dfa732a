"""An asyncio loop whose clock jumps to the next timer when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout and self.loop is not None:
            self.loop.jumped += timeout
        elif not found and timeout is None:
            raise RuntimeError("Nothing is left that could happen.")
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """For work without a network: what waits for a socket would wait for ever."""

    def __init__(self) -> None:
        selector = _Selector()
        self.jumped = 0.0
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Seconds that passed in jumps."""
        return self.jumped


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
