"""Fills the fields of a page, and looks whether they stayed.

Rules:
- A value goes into what its selector finds, alone, in an allowed origin, or nowhere.
- The order is the page's own affair: in each round everything that can be filled is filled, so that
  a list that appears after another one was chosen is found, too.
- Filling is over when rounds that typed nothing find every value kept, or given up.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtWebEngineCore import QWebEnginePage

from halodesk.engine.pan import has_card_number
from halodesk.ui.browser import words
from halodesk.ui.browser.script import Answer, Call, frame_of
from halodesk.ui.browser.selector import Target, target
from halodesk.ui.browser.state import FieldMark, FieldState

_PATIENCE = 4
"""Rounds a page gets to show what was typed."""
_CALM = 2
"""Rounds in a row that must find everything kept: a page may render once more and put its own back."""
_TRIES = 3
_FINAL = frozenset({"secret", "foreign", "bad_selector", "no_frame", "refused_value", "too_long"})
"""Codes that waiting does not mend."""


@dataclass
class _Field:
    selector: str
    text: str
    where: Target
    label: str = ""
    mark: FieldMark = "waiting"
    note: str = ""
    tries: int = 0
    rounds: int = 0
    """Since it was typed."""

    def stop(self, code: str) -> None:
        self.mark, self.note = "stopped", words.fill_problem(code)


class Filling:
    """All fields of one visit."""

    def __init__(self, fill: Mapping[str, str], origins: list[str]) -> None:
        self._origins, self._calm = origins, 0
        self._fields = [_Field(selector, text, target(selector)) for selector, text in fill.items()]
        self.again()

    @property
    def view(self) -> tuple[FieldState, ...]:
        """For the window."""
        return tuple(
            FieldState(selector=one.selector, label=one.label, mark=one.mark, note=one.note)
            for one in self._fields
        )

    @property
    def stopped(self) -> list[FieldState]:
        """What was not filled in."""
        return [one for one in self.view if one.mark == "stopped"]

    def again(self) -> None:
        """From the start, on whatever page is shown now."""
        self._calm = 0
        for one in self._fields:
            one.mark, one.note, one.tries, one.rounds = "waiting", "", 0, 0
            if has_card_number(one.text):
                one.stop("card")

    def round(self, page: QWebEnginePage, *, last: bool) -> Generator[Call, Answer, bool]:
        """Types and looks once; whether it is over. `last`: what is not there now is given up."""
        typed = False
        for one in self._fields:
            if one.mark == "stopped":
                continue
            frame = yield from frame_of(page, one.where, self._origins)
            if isinstance(frame, str):
                self._not_now(one, frame, last=last)
                continue
            args: dict[str, Any] = {"path": one.where.path, "text": one.text, "origins": self._origins}
            if one.mark == "waiting":
                answer = yield Call(frame, "fill", **args)
                one.label = str(answer.get("label") or one.label)
                if answer["code"] == "typed":
                    one.mark, one.rounds, one.tries, typed = "typed", 0, one.tries + 1, True
                else:
                    self._not_now(one, answer["code"], last=last)
            else:
                answer = yield Call(frame, "verify", **args)
                self._judge(one, answer, last=last)
        settled = not typed and all(one.mark in ("kept", "changed", "stopped") for one in self._fields)
        self._calm = self._calm + 1 if settled else 0
        return self._calm >= (_CALM if any(one.mark != "stopped" for one in self._fields) else 1)

    def _not_now(self, one: _Field, code: str, *, last: bool) -> None:
        if one.mark in ("kept", "changed"):  # it was there: a page that goes on is no fault of the field
            return
        if last or code in _FINAL:
            one.stop(code)

    def _judge(self, one: _Field, answer: Answer, *, last: bool) -> None:
        code = answer["code"]
        one.label = str(answer.get("label") or one.label)
        one.rounds += 1
        if code == "kept":
            one.mark, one.note = "kept", ""
        elif code == "changed":
            one.mark, one.note = "changed", words.changed(str(answer.get("shown", "")))
        elif code != "lost":
            self._not_now(one, code, last=last)
        elif one.rounds >= _PATIENCE or one.mark in ("kept", "changed"):
            one.mark = "waiting"
            if one.tries >= _TRIES or last:
                one.stop("lost")
