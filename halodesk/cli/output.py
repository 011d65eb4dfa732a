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
    """Turn a `HaloDeskError`, or a file that cannot be used, into words and exit code 1."""
    try:
        yield
    except HaloDeskError as error:
        _tell(error, as_json)
        raise typer.Exit(1) from None
    except BrokenPipeError:
        raise  # `| head`: nobody is left to read
    except OSError as error:
        words = f"{error.filename or 'A file'}: {error.strerror or type(error).__name__}."
        _tell(HaloDeskError(words, "Check the path, its permissions and the space on the disk."), as_json)
        raise typer.Exit(1) from None


def _tell(error: HaloDeskError, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"error": error.message, "todo": error.todo}).decode() + "\n")
    else:
        sys.stderr.write(f"halodesk: {error}\n")
