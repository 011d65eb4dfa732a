"""How commands speak: words for people, JSON for scripts, one way to fail.

Exit codes: 0 ok, 1 findings or failure, 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer

from halodesk.engine.errors import HaloDeskError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of words.")]


def show(value: Any, *, as_json: bool, words: Callable[[], str]) -> None:
    """Print a result."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    else:
        sys.stdout.write(words().rstrip("\n") + "\n")


@contextmanager
def failing(as_json: bool = False) -> Iterator[None]:
    """Turn a `HaloDeskError` into its words and exit code 1."""
    try:
        yield
    except HaloDeskError as error:
        if as_json:
            sys.stdout.write(
                msgspec.json.encode({"error": error.message, "todo": error.todo}).decode() + "\n"
            )
        else:
            sys.stderr.write(f"halodesk: {error}\n")
        raise typer.Exit(1) from None
