"""Evaluates flow authors' JavaScript in a child process that can be killed.

Rules:
- The child (`js_child`) is started when it is first needed and serves one evaluation after the
  other; each has a fresh context, so they share nothing.
- Two clocks watch: QuickJS stops at the time limit, and half a second later the parent kills the
  child, because a builtin busy in C does not look at the limit. The next evaluation starts a new
  child. An evaluation that is cancelled kills the child too: its answer would be the next one's.
- The child gets a minimal environment: no secrets of the seat's, the zone UTC. Local time reaches
  an expression only as `today()`, through the offset of `now`.
- Only JSON goes in and comes out. A decimal goes in as a number.
- `JsSandbox` belongs to one asyncio loop, the seat's io loop. `SyntaxChecker` is for code without
  a loop, such as the health check.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from halodesk.engine.errors import FunctionError
from halodesk.runtime.js_child import (
    HEAD,
    LARGEST_FRAME,
    MEMORY_BYTES,
    RESULT_BYTES,
    Reply,
    Request,
    read_frame,
    write_frame,
)
from halodesk.runtime.ports import Clock

WORKER_COMMAND = (sys.executable, "-P", "-m", "halodesk.runtime.js_child")
"""How an unpackaged HaloDesk starts the worker; a bundle passes its own `js-worker` command.

`-P`: a module in the folder the agent happens to be in must not be run.
"""

LONGEST_TIMEOUT_MS = 5000
GRACE_SECONDS = 0.5
"""What the parent waits beyond an expression's time limit."""

_START_SECONDS = 20.0
_LARGEST_REPLY = 2 * RESULT_BYTES + 4096
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _environment() -> dict[str, str]:
    """Nothing of the seat's own, except what a process needs in order to start."""
    environment = {"TZ": "UTC", "PYTHONPATH": str(Path(__file__).parents[2])}
    # Windows' C runtime does not start without it.
    if (system_root := os.environ.get("SYSTEMROOT")) is not None:
        environment["SYSTEMROOT"] = system_root
    return environment


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW
    return 0


class JsSandbox:
    """`FunctionRunner` over a killable child. Close it, or use it as an async context manager.

    `clock` gives the time and `seed` feeds `Math.random` where an evaluation is not given its own.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        argv: Sequence[str] = WORKER_COMMAND,
        seed: Callable[[], int] = lambda: secrets.randbits(31),
    ) -> None:
        self._argv = tuple(argv)
        self._clock = clock
        self._seed = seed
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the child ahead of the first evaluation. Raises `FunctionError` if it does not start."""
        async with self._turn:
            await self._running()

    async def close(self) -> None:
        """End the child; an evaluation under way is finished first. May be started again."""
        async with self._turn:
            await self._end()

    async def evaluate(
        self,
        expression: str,
        variables: Mapping[str, Any],
        *,
        timeout_ms: int = 200,
        now: str | None = None,
        seed: int | None = None,
    ) -> Any:
        """JSON value of the expression.

        Variables are reachable by their bare names and through `vars`. `now` is ISO 8601 with
        offset; with it and `seed` the result can be had again. Raises `FunctionError`
        with words for the author: syntax, failure, time, memory, a result that is not JSON, or
        a worker that died.
        """
        if not 0 < timeout_ms <= LONGEST_TIMEOUT_MS:
            raise FunctionError(
                f"A function's time limit cannot be {timeout_ms} ms.",
                f"Set it between 1 and {LONGEST_TIMEOUT_MS} ms.",
            )
        request = _request_frame(
            expression,
            variables,
            now=self._local_now() if now is None else now,
            seed=self._seed() if seed is None else seed,
            timeout_ms=timeout_ms,
        )
        async with self._turn:
            reply = await self._ask(request, timeout_ms)
        if reply.failure is not None:
            raise _told(reply, timeout_ms)
        return msgspec.json.decode(reply.result)

    def _local_now(self) -> str:
        return datetime.fromtimestamp(self._clock.wall()).astimezone().isoformat()

    async def _ask(self, request: bytes, timeout_ms: int) -> Reply:
        process = await self._running()
        answered = False
        try:
            async with asyncio.timeout(timeout_ms / 1000 + GRACE_SECONDS):
                reply = await _exchange(process, request)
            answered = True
        except TimeoutError:
            raise _told(Reply(failure="time"), timeout_ms) from None
        except (EOFError, OSError, msgspec.DecodeError):
            raise _died() from None
        finally:
            if not answered:
                await self._end()
        return reply

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._end()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                creationflags=_creation_flags(),
            )
            async with asyncio.timeout(_START_SECONDS):
                await _exchange(self._process, b"")
        except (EOFError, OSError, TimeoutError, msgspec.DecodeError) as error:
            await self._end()
            raise _not_started() from error
        return self._process

    async def _end(self) -> None:
        """Kill the child and take it off the books, pipes and all."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.communicate()


class SyntaxChecker:
    """Compiles expressions without running them; blocks, so keep it off a busy thread.

    A callable with a child of its own, started at the first call and ended by `close` or at the
    end of a `with` block. One thread at a time.
    """

    def __init__(self, argv: Sequence[str] = WORKER_COMMAND) -> None:
        self._argv = tuple(argv)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, expression: str) -> str | None:
        """What is wrong with an expression, with its place; None if it compiles.

        Raises `FunctionError` if the worker cannot be started or dies.
        """
        try:
            request = msgspec.json.encode(Request(expression=expression, check=True))
        except UnicodeEncodeError:
            return "it holds text that is not valid"
        reply = self._ask(self._running(), request)
        if reply is None:
            self.close()
            raise _died()
        if reply.failure is None:
            return None
        return _with_place(reply) if reply.message else "it is too long or nested too deeply"

    def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is not None:
            # A request that the dead child did not read is flushed once more, in vain.
            with contextlib.suppress(BrokenPipeError), process:
                process.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            try:
                self._process = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                    creationflags=_creation_flags(),
                )
            except OSError as error:
                raise _not_started() from error
            if self._ask(self._process, b"") is None:
                self.close()
                raise _not_started()
        return self._process

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], request: bytes) -> Reply | None:
        """One reply; with an empty request, the child's word that it is ready. None: it is dead."""
        watchdog = threading.Timer(_START_SECONDS, process.kill)
        watchdog.start()
        try:
            if request and process.stdin is not None:
                write_frame(process.stdin, request)  # type: ignore[arg-type]  # a pipe, opened as bytes
            answer = read_frame(process.stdout) if process.stdout is not None else None  # type: ignore[arg-type]  # as above
            return None if answer is None else msgspec.json.decode(answer, type=Reply)
        except (OSError, msgspec.DecodeError):
            return None
        finally:
            watchdog.cancel()
            watchdog.join()


async def _exchange(process: asyncio.subprocess.Process, request: bytes) -> Reply:
    """One reply; with an empty request, the child's word that it is ready.

    Raises `EOFError` or `OSError` where the child is dead, `DecodeError` where it talks nonsense.
    """
    if process.stdin is None or process.stdout is None:
        raise EOFError
    if request:
        process.stdin.write(HEAD.pack(len(request)) + request)
        await process.stdin.drain()
    (size,) = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
    if size > _LARGEST_REPLY:
        raise msgspec.DecodeError("the reply is too large")
    return msgspec.json.decode(await process.stdout.readexactly(size), type=Reply)


def _request_frame(
    expression: str, variables: Mapping[str, Any], *, now: str, seed: int, timeout_ms: int
) -> bytes:
    try:
        frame = _ENCODER.encode(
            Request(
                expression=expression,
                variables=msgspec.Raw(_ENCODER.encode(dict(variables))),
                now=now,
                seed=seed,
                timeout_ms=timeout_ms,
            )
        )
    except (TypeError, ValueError, OverflowError, RecursionError):
        # Its text may quote a value.
        raise FunctionError(
            "A variable holds something that JavaScript cannot take.", "Use text, numbers, lists and tables."
        ) from None
    if len(frame) > LARGEST_FRAME:
        raise FunctionError(
            f"The variables are larger than {LARGEST_FRAME >> 20} MB together.", "Keep less in variables."
        )
    return frame


def _with_place(reply: Reply) -> str:
    place = f"line {reply.line}, column {reply.column}: " if reply.line > 0 else ""
    return place + reply.message


def _told(reply: Reply, timeout_ms: int) -> FunctionError:
    words = {
        "syntax": ("The function cannot be read:", "Correct it in the builder."),
        "throw": ("The function failed:", "Correct it, or give its error a route."),
        "result": (
            "The function's result cannot be used:",
            "Return text, a number, yes or no, a list or a table.",
        ),
        "request": ("The function was not run:", "Tell your administrator."),
    }
    if reply.failure == "time":
        return FunctionError(
            f"The function ran longer than {timeout_ms} ms.", "Make it simpler, or raise its time limit."
        )
    if reply.failure == "memory":
        return FunctionError(
            f"The function needs more than {MEMORY_BYTES >> 20} MB of memory.", "Make it simpler."
        )
    if reply.failure == "stack":
        return FunctionError(
            "The function calls itself too often.", "Use a loop, or an end to the recursion."
        )
    message, todo = words[str(reply.failure)]
    return FunctionError(f"{message} {_with_place(reply)}.", todo)


def _died() -> FunctionError:
    return FunctionError(
        "The function was stopped: the JavaScript worker died under it.", "It needs too much memory or time."
    )


def _not_started() -> FunctionError:
    return FunctionError("The JavaScript worker cannot be started.", "Run the doctor on this seat.")
