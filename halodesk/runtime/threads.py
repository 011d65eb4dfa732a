"""The threads of the seat, and the only ways from one to another.

main    Qt, engine, live session    reached by `post` (a queued call, given by the window system)
io      asyncio: phone, HTTP, mask  reached by `IoThread.submit`
db      the one writer              reached by `store.writer.Writer.submit`
review  records, read and checked   reached by `store.review.SessionReview`
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import structlog

Post = Callable[[Callable[[], None]], None]
"""Runs a function on the main thread, later, in the order given."""

Result = TypeVar("Result")

_log = structlog.get_logger("threads")


class SystemClock:
    """The real clock."""

    def wall(self) -> float:
        """Unix seconds."""
        return time.time()

    def mono(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()


class IoThread:
    """An asyncio loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="io", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Run a coroutine on the loop; an exception nobody asks for is logged."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        future.add_done_callback(_report)
        return future

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Run a plain function on the loop."""
        self.loop.call_soon_threadsafe(function, *args)

    def close(self, timeout_s: float = 3.0) -> None:
        """Cancel what is left and stop the loop."""
        asyncio.run_coroutine_threadsafe(_cancel_all(), self.loop).result(timeout_s)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self.loop.close()


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _report(future: Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("io_task_failed", error=type(error).__name__, message=str(error))


def on_thread(name: str) -> None:
    """Raises AssertionError when the caller is not on the thread of that name."""
    current = threading.current_thread()
    main = current is threading.main_thread()
    assert current.name == name or (name == "main" and main), f"on {current.name}, not on {name}"  # noqa: S101  # a boundary, checked in every build
