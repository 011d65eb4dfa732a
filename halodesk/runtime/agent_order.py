"""A flow agent's call that a command asks of the window that is open: what crosses between both, as files.

Rules:
- An order is a folder of its own in the data folder's `run`, for its owner only, made and taken away by the
  command. Its name goes through the door (`runtime.door`); nothing of it comes from anybody without the key.
- The window appends the log of the conversation line by line and at last puts the outcome in place whole.
- The window's end is seen by its lock: a command never waits for one that is gone.
- What was said stands in the log in clear as long as the command waits. What a kill or a power cut leaves is
  taken away at the window's next start (`sweep`).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.document import LARGEST, Document, loads
from halodesk.engine.flow_agent.log import Head, Line, encode

_NAME = re.compile(r"call-[0-9a-f]{16}")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Call `to`, and let this document speak."""

    document: dict[str, Any]
    to: str
    parameters: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `problem`, `todo`: in words, where it could not be done."""

    answered: bool = False
    reason: str = ""
    node: str = ""
    turns: int = 0
    recording: str = ""
    problem: str = ""
    todo: str = ""


class OrderFiles:
    """The files of one order. Raises `OSError` where a disk does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._rest = b""
        self._has_head = False

    @classmethod
    def place(cls, data: Path, order: Order) -> OrderFiles:
        """A new one."""
        path = data / "run" / f"call-{secrets.token_hex(8)}"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700)
        (path / "order.json").write_bytes(msgspec.json.encode(order))
        return cls(path)

    @classmethod
    def taken(cls, data: Path, name: str) -> tuple[OrderFiles, Order, Document]:
        """One that was placed. Raises `SettingsError`, `DocumentError`."""
        wrong = SettingsError("There is no such order of a call.", "Give it again.")
        if not _NAME.fullmatch(name):
            raise wrong
        files = cls(data / "run" / name)
        try:
            with (files.path / "order.json").open("rb") as file:
                order = msgspec.json.decode(file.read(2 * LARGEST), type=Order)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            raise wrong from None
        return files, order, loads(msgspec.json.encode(order.document))

    @staticmethod
    def sweep(data: Path) -> None:
        """Away with what nobody waits for any more; at a window's start."""
        for path in (data / "run").glob("call-*"):
            shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """The command has all it wants."""
        shutil.rmtree(self.path, ignore_errors=True)

    # the window's side

    def log(self, line: Head | Line) -> None:
        """One more line; nothing where the command has gone."""
        if self.path.is_dir():
            with (self.path / "log.jsonl").open("ab") as file:
                file.write(encode(line))

    def finish(self, outcome: Outcome) -> None:
        """The last word."""
        if self.path.is_dir():
            partial = self.path / "outcome.new"
            partial.write_bytes(msgspec.json.encode(outcome))
            os.replace(partial, self.path / "outcome.json")

    # the command's side

    def lines(self) -> Iterator[Head | Line]:
        """What is new in the log."""
        try:
            with (self.path / "log.jsonl").open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        self._read += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        for text in whole:
            yield self._line(text)

    def _line(self, text: bytes) -> Head | Line:
        if self._has_head:
            return msgspec.json.decode(text, type=Line)
        self._has_head = True
        return msgspec.json.decode(text, type=Head)

    def outcome(self) -> Outcome | None:
        """The last word, once it is there."""
        try:
            return msgspec.json.decode((self.path / "outcome.json").read_bytes(), type=Outcome)
        except FileNotFoundError:
            return None
