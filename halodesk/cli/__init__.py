"""The command line: one module a group, each imported only when its command runs."""

from __future__ import annotations


def main() -> None:
    """Run the command of this process's arguments and exit with its code."""
    from halodesk.cli.root import app

    app()
