"""Reports of crashes, by whitelist: where it happened, never with what.

Rules:
- A report names time, version, process, thread, the types of the errors and, of each frame, module,
  line and function. No message of an error, no values, no lines of source: any of them may hold what
  a caller said.
- One file a crash, 0600, the newest 20 are kept. Nothing is sent anywhere.
- An error that nobody caught in a slot or a thread does not end the program: it is reported and goes
  on. What ends it without Python (SIGSEGV, SIGABRT) leaves the frames of all threads
  (`faulthandler`, which knows no values either).
- The text of a Qt message is not kept: its category and a digest are, by which a known one is found.
"""

from __future__ import annotations

import faulthandler
import hashlib
import os
import platform
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import msgspec
import structlog

import halodesk

KEPT = 20
_MOST_FRAMES, _MOST_CAUSES = 60, 5
_MOST_FAULTS = 256 * 1024

_log = structlog.get_logger("crash")


class Frame(msgspec.Struct, frozen=True):
    """One call. `module` is dotted; a file outside every package is named by its last part."""

    module: str
    line: int
    function: str


class Failure(msgspec.Struct, frozen=True):
    """One error of a chain of causes: its type and where it came from, the innermost call last."""

    type: str
    frames: tuple[Frame, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a crash."""

    at: int
    version: str
    python: str
    system: str
    process: str
    thread: str
    failures: tuple[Failure, ...]


class CrashWatch:
    """Writes reports of this process into a folder from now on. `close` ends it."""

    def __init__(self, folder: Path, process: str) -> None:
        self._folder, self._process = folder, process
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._before = sys.excepthook, threading.excepthook, sys.unraisablehook
        sys.excepthook = self._uncaught
        threading.excepthook = self._in_thread
        sys.unraisablehook = self._unraisable
        faults = folder / f"{process}.faults"
        if faults.exists() and faults.stat().st_size > _MOST_FAULTS:
            faults.unlink()
        self._faults: TextIO | None = _open_private(faults)
        faulthandler.enable(self._faults)

    def close(self) -> None:
        """Put everything back."""
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
        if self._faults is not None:
            faulthandler.disable()
            self._faults.close()
            self._faults = None

    def report(self, error: BaseException, thread: str) -> Path | None:
        """Keep what may be kept of an error; None where the disk does not take it. Never raises."""
        found = _report(error, self._process, thread)
        name = f"{self._process}-{found.at}-{secrets.token_hex(4)}.crash"
        try:
            with _open_private(self._folder / name) as out:
                out.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
        except OSError:
            return None
        _log.error("crash", error=found.failures[0].type)
        self._prune()
        return self._folder / name

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        self._tell(error, threading.current_thread().name)

    def _in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self._tell(args.exc_value, args.thread.name if args.thread is not None else "")

    def _unraisable(self, args: Any) -> None:
        if args.exc_value is not None:
            self._tell(args.exc_value, threading.current_thread().name)

    def _tell(self, error: BaseException, thread: str) -> None:
        self.report(error, thread)
        # The terminal may be a log of the system's that others read: the same whitelist for it.
        if sys.stderr is not None:
            sys.stderr.write(in_words(_report(error, self._process, thread)) + "\n")

    def _prune(self) -> None:
        files = sorted(self._folder.glob("*.crash"), key=lambda file: file.name.rpartition("-")[0])
        for old in files[:-KEPT]:
            old.unlink(missing_ok=True)


@contextmanager
def watched(folder: Path, process: str) -> Iterator[CrashWatch]:
    """A watch for as long as this process runs."""
    watch = CrashWatch(folder, process)
    try:
        yield watch
    finally:
        watch.close()


def reports(folder: Path, since: float) -> list[Path]:
    """Reports of crashes since then (Unix seconds), faults among them."""
    if not folder.is_dir():
        return []
    files = [*folder.glob("*.crash"), *(file for file in folder.glob("*.faults") if file.stat().st_size)]
    return sorted(file for file in files if file.stat().st_mtime >= since)


def in_words(report: Report) -> str:
    """The report for a terminal."""
    lines = [f"halodesk: {report.process} met an error it did not expect ({report.thread})."]
    for failure in report.failures:
        lines.append(f"  {failure.type}")
        lines += [f"    {frame.module}:{frame.line} {frame.function}" for frame in failure.frames[-8:]]
    return "\n".join(lines)


def message_digest(text: str) -> str:
    """By which a message is found again without keeping it."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]


def _report(error: BaseException, process: str, thread: str) -> Report:
    return Report(
        at=int(time.time()),
        version=halodesk.__version__,
        python=platform.python_version(),
        system=platform.system(),
        process=process,
        thread=_plain(thread),
        failures=tuple(_failures(error)),
    )


def _failures(error: BaseException) -> Iterator[Failure]:
    found: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if found is None:
            return
        kind = type(found)
        yield Failure(type=_plain(f"{kind.__module__}.{kind.__qualname__}"), frames=tuple(_frames(found)))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _frames(error: BaseException) -> list[Frame]:
    found, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        module = trace.tb_frame.f_globals.get("__name__")
        name = module if isinstance(module, str) else Path(code.co_filename).name
        found.append(Frame(_plain(name), trace.tb_lineno, _plain(code.co_name)))
        trace = trace.tb_next
    return found[-_MOST_FRAMES:]


def _plain(text: str) -> str:
    """Names are letters, digits, dots and the like: what is none is not kept."""
    return text if len(text) <= 120 and all(sign.isalnum() or sign in "._<>-" for sign in text) else "?"


def _open_private(path: Path) -> TextIO:
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8")
