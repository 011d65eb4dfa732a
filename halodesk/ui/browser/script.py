"""Calls into the isolated world of a page's frames, written as generators.

Rules:
- `yield Call(...)` gives the helper's answer, a dict; {"code": "gone"} where there was none.
- The helper installs itself where it is missing: Qt does not inject scripts again after a crash.
- A round that gets no answer in time is dropped: its page was replaced, or hangs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtWebEngineCore import QWebEngineFrame, QWebEnginePage, QWebEngineScript

from halodesk.ui.browser.selector import Target

WORLD = QWebEngineScript.ScriptWorldId.ApplicationWorld.value

Answer = dict[str, Any]
_GONE: Answer = {"code": "gone"}


class Call:
    """One call of the helper in one frame."""

    def __init__(self, frame: QWebEngineFrame, op: str, **args: Any) -> None:
        self.frame, self.op, self.args = frame, op, args


Steps = Generator[Call, Answer, Any]


@lru_cache(maxsize=1)
def _helper() -> str:
    return Path(__file__).with_name("helper.js").read_text(encoding="utf-8")


class Round:
    """Runs one generator through the page's answers; `done` is called with its return value, once."""

    def __init__(self, steps: Steps, done: Callable[[Any], None]) -> None:
        self._steps: Steps | None = steps
        self._done = done

    def start(self) -> None:
        """To the first call."""
        self._advance(None)

    def drop(self) -> None:
        """Answers that still come are for nobody."""
        if self._steps is not None:
            steps, self._steps = self._steps, None
            steps.close()

    def _advance(self, answer: Answer | None) -> None:
        if self._steps is None:
            return
        try:
            call = next(self._steps) if answer is None else self._steps.send(answer)
        except StopIteration as end:
            self._steps = None
            self._done(end.value)
            return
        self._run(call, install=False)

    def _run(self, call: Call, *, install: bool) -> None:
        words = f"{json.dumps(call.op)}, {json.dumps(call.args)}"
        code = f"globalThis.halodesk ? globalThis.halodesk({words}) : 'missing'"
        if install:
            code = f"{_helper()}\n{code}"
        call.frame.runJavaScript(code, WORLD, lambda value: self._answered(call, value, install))

    def _answered(self, call: Call, value: object, installed: bool) -> None:
        if self._steps is None:
            return
        if value == "missing" and not installed:
            self._run(call, install=True)
            return
        self._advance(_read(value))


def _read(value: object) -> Answer:
    if not isinstance(value, str):
        return _GONE
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.MsgspecError:
        return _GONE


def frame_of(
    page: QWebEnginePage, target: Target, origins: list[str]
) -> Generator[Call, Answer, QWebEngineFrame | str]:
    """The frame a target is in, or the code of why there is none."""
    frame = page.mainFrame()
    for way in target.frames:
        answer = yield Call(frame, "frame", path=way, origins=origins)
        if answer["code"] != "ok":
            return str(answer["code"])
        inner = frame.children()
        if len(inner) != answer["count"]:  # one is on its way in or out: their order is not to be trusted
            return "missing"
        frame = inner[answer["index"]]
        if not frame.isValid():
            return "missing"
    return frame
