"""This very program, as other processes start it."""

from __future__ import annotations

import sys


def command() -> list[str]:
    """How it is started again: itself in a bundle, else the interpreter."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "halodesk"]
