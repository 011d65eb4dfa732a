"""Logs: JSON lines by whitelist, in the data folder, rotated.

Only the keys named here are written; anything else a call site adds is dropped, so that a
slip of the pen cannot put a person's data or a secret into a log.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

_KEYS = frozenset(
    "event level timestamp session step visit seq ms lease state by why effect kind again error reason "
    "message code call direction codec account registration version pid port path events outcome seat "
    "attempt".split()
)


def _whitelist(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in _KEYS}


def mended(names: list[str]) -> None:
    """Tells of files that others could read until now."""
    for name in names:
        structlog.get_logger("files").warning("closed_to_others", path=name)


def set_up(folder: Path, name: str, *, level: int = logging.INFO) -> None:
    """Send this process's log to `folder/name.log` (5 files of 2 MB)."""
    logging.raiseExceptions = False  # on a full disk each lost line would be a traceback on the terminal
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.log"
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=2_000_000, backupCount=5, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("halodesk")
    ours.handlers[:] = [handler]
    ours.setLevel(level)
    ours.propagate = False
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _whitelist,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=lambda *names: ours,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
