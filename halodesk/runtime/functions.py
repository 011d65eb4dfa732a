"""Flow authors' JavaScript for who has no loop: the simulator and replays of history.

Rules:
- The same killable worker as in a call (`runtime.sandbox`), on a loop of its own.
- The same expression with the same values at the same virtual time is run once: the seed is fixed,
  so that it would come out the same again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import msgspec

from halodesk.engine.errors import FunctionError
from halodesk.engine.places import read_by
from halodesk.engine.simulate import FunctionPort, FunctionValue
from halodesk.runtime.sandbox import JsSandbox
from halodesk.runtime.threads import SystemClock

_MOST_KEPT = 50_000


class FunctionDesk:
    """A `FunctionPort`. One thread at a time; a context manager that ends the worker."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed & 0x7FFFFFFF
        self._loop = asyncio.new_event_loop()
        self._sandbox = JsSandbox(SystemClock())
        self._kept: dict[bytes, FunctionValue] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        self._loop.run_until_complete(self._sandbox.close())
        self._loop.close()

    def __call__(
        self, expression: str, values: Mapping[str, Any], timeout_ms: int, now: float
    ) -> FunctionValue:
        """Its value, or words for the author."""
        names = read_by(expression)
        used = values if "vars" in names or "eval" in names else {n: values[n] for n in values if n in names}
        key = msgspec.json.encode([expression, used, timeout_ms, now])
        known = self._kept.get(key)
        if known is None:
            if len(self._kept) > _MOST_KEPT:
                self._kept.clear()
            known = self._kept[key] = self._run(expression, values, timeout_ms, now)
        return known

    def _run(self, expression: str, values: Mapping[str, Any], timeout_ms: int, now: float) -> FunctionValue:
        work = self._sandbox.evaluate(
            expression,
            values,
            timeout_ms=timeout_ms,
            now=datetime.fromtimestamp(now, UTC).isoformat(),
            seed=self._seed,
        )
        try:
            return FunctionValue(value=self._loop.run_until_complete(work))
        except FunctionError as error:
            return FunctionValue(reason=str(error))


@contextmanager
def functions_beside_a_loop() -> Iterator[FunctionPort]:
    """A `FunctionPort` for who runs a loop already: the worker's own is in another thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="functions") as thread:
        desk = thread.submit(FunctionDesk).result()
        try:
            yield lambda *given: thread.submit(desk, *given).result()
        finally:
            thread.submit(desk.close).result()
