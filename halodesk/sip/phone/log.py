"""The phone's log: one JSON line an event, by whitelist.

Only the keys below are written, whatever a caller passes: no password, no SIP message and
no header reaches the file by accident. pjsua2's own lines come in as text at level 1 to 3,
which hold no messages; lines about credentials are left out all the same.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import pjsua2 as pj
import structlog

from halodesk.sip.phone.invite import clean

Log = structlog.typing.FilteringBoundLogger

_ALLOWED = frozenset(
    "event level timestamp pid version port account call direction state code reason codec seconds "
    "lease leases masked client clients error path samples windows lost text pj_level job side device".split()
)
_MAX_BYTES = 5_000_000
_MESSAGE = re.compile(r"[^\n]*\b[TR]X \d+ bytes (?:Request|Response) msg ")
_CREDENTIAL_WORDS = ("authorization", "password", "digest")


def open_log_file(data_dir: Path) -> TextIO:
    """`<data_dir>/logs/phone.log`, kept from the last run and turned over at 5 MB."""
    folder = data_dir / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "phone.log"
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _MAX_BYTES:
            path.replace(folder / "phone.log.1")
    return open(path, "a", encoding="utf-8", opener=_private)


def make_log(file: TextIO) -> Log:
    """A log that writes JSON lines of the allowed keys to `file`. Any thread may use it."""
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),  # from "info" on
    )
    return log


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _only_allowed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in _ALLOWED}


def words(error: BaseException) -> str:
    """One line on an error, without anything that would keep its objects alive."""
    if isinstance(error, pj.Error):
        return f"{error.title}: {error.reason} ({error.status})"
    return f"{type(error).__name__}: {error}"


class PjLog(pj.LogWriter):
    """Takes pjsua2's log lines. The endpoint destroys it, so Python must disown it."""

    def __init__(self, log: Log, level: int = 3, trace: Callable[[str], None] | None = None) -> None:
        """Lines up to `level` are logged; SIP messages, which come as lines of level 4, go to `trace`."""
        super().__init__()
        self._log = log
        self._level = level
        self._trace = trace

    def write(self, entry: pj.LogEntry) -> None:
        """One line of pjsua2. Whatever goes wrong stays here: an error must not reach C++."""
        try:
            if self._trace is not None and _MESSAGE.match(entry.msg):
                self._trace(entry.msg)
                return
            text = clean(entry.msg).strip()
            if entry.level <= self._level and not any(word in text.lower() for word in _CREDENTIAL_WORDS):
                self._log.info("pj", pj_level=entry.level, text=text)
        except Exception as error:
            self._log.error("pj_log_failed", error=f"{type(error).__name__}: {error}")
