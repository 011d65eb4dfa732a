"""What a look at one thing says: one line of `halodesk doctor`."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warning", "problem", "not_checked"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line. Name and state are kept from release to release: monitoring reads them.

    `warning`: it works, but someone should know. `problem`: someone has to do `todo`. `not_checked`:
    it is not set up here, or could not be looked at without harm.
    """

    name: str
    state: State
    message: str
    todo: str = ""


def ok(name: str, message: str) -> Check:
    """It works."""
    return Check(name=name, state="ok", message=message)


def warning(name: str, message: str, todo: str) -> Check:
    """It works, but someone should know."""
    return Check(name=name, state="warning", message=message, todo=todo)


def problem(name: str, message: str, todo: str) -> Check:
    """It does not work."""
    return Check(name=name, state="problem", message=message, todo=todo)


def not_checked(name: str, message: str, todo: str = "") -> Check:
    """Nothing to look at, or no way to."""
    return Check(name=name, state="not_checked", message=message, todo=todo)
