"""One JavaScript worker for a test: a clock that stands still, scenes, and tables of cases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from halodesk.engine.errors import FunctionError
from halodesk.runtime.sandbox import JsSandbox

NOW = "2026-06-15T23:30:00-05:00"
T = TypeVar("T")


class StillClock:
    """The Unix epoch, for ever."""

    def wall(self) -> float:
        return 0.0

    def mono(self) -> float:
        return 0.0


def in_sandbox(scene: Callable[[JsSandbox], Awaitable[T]], argv: list[str] | None = None) -> T:
    async def run() -> T:
        sandbox = JsSandbox(StillClock()) if argv is None else JsSandbox(StillClock(), argv=argv)
        async with sandbox:
            return await scene(sandbox)

    return asyncio.run(run())


async def outcomes(sandbox: JsSandbox, expressions: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Result, or the words of the error, of each expression with its variables."""
    told: list[Any] = []
    for expression, variables in expressions.items():
        try:
            told.append(await sandbox.evaluate(expression, variables, now=NOW, seed=7))
        except FunctionError as error:
            told.append(str(error))
    return told


def evaluated(*cases: tuple[str, Mapping[str, Any], Any]) -> None:
    """Check expression, variables, result of all cases with one worker."""
    results = in_sandbox(lambda sandbox: outcomes(sandbox, {case[0]: case[1] for case in cases}))
    assert results == [case[2] for case in cases]
