"""The sandbox gateway's log: one JSON line an event on standard error, by whitelist.

What is not on the list is dropped, whoever passes it, so card data cannot get in by accident
(PCI DSS 4.0.1, 3.3.1 and 10.2.1: log what happened, not the card).
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

LOGGED = frozenset(
    {
        "event",
        "timestamp",
        "status",
        "kind",
        "code",
        "field",
        "charge_id",
        "brand",
        "amount_minor",
        "currency",
        "repeat",
    }
)


def only_listed(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: keep the whitelisted keys."""
    return {key: value for key, value in event.items() if key in LOGGED}


def open_journal() -> structlog.typing.FilteringBoundLogger:
    """A logger of the gateway's own, untouched by the process-wide configuration."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_listed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return logger
