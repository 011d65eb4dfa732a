"""One of the flows that ship, worked through the window by keys: Tab to a field, type, Alt and a number.

Outside work is answered by plain facts (`Outside`); functions really run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from PySide6.QtWidgets import QComboBox, QWidget

from halodesk.engine import commands as c
from halodesk.engine.events import EffectRequested
from halodesk.engine.page import FieldView, Page
from halodesk.engine.session import scope
from halodesk.engine.simulate import FunctionPort
from tests.ui.fake_desk import CVV, EXPIRY, GOOD_CARD, FakeDesk
from tests.ui.hands import ALT, Hands, Key

MOST_TABS = 60
USUAL: dict[str, dict[str, Any]] = {
    "tokenise": {"token": "tok-1", "last4": "4242", "brand": "visa"},
    "charge": {"charge_id": "ch-1", "auth_code": "A1"},
    "email": {"status": "sent"},
    "transfer": {},
}


class Outside:
    """What comes of outside work, by step: a result, or the words of a failure; several in turn."""

    def __init__(self, desk: FakeDesk, functions: FunctionPort, facts: Mapping[str, list[Any]]) -> None:
        self.desk, self.functions = desk, functions
        self.facts = {step: list(answers) for step, answers in facts.items()}
        desk.answers = self.answer

    def answer(self, ask: EffectRequested) -> c.Resolve | None:
        assert self.desk.state is not None
        if ask.kind == "timer":
            return None
        if ask.kind in ("function", "evaluate"):
            known = scope(self.desk.state)
            found = self.functions(str(ask.args["expression"]), known, 200, time.time())
            assert not found.reason, f"{ask.step}: {found.reason}"
            return c.Resolve(id=ask.id, outcome="ok", result={"value": found.value})
        told = self.facts.get(ask.step)
        if told:
            fact = told.pop(0)
        else:
            assert ask.kind in USUAL, f"nothing is said of {ask.kind} at {ask.step}"
            fact = USUAL[ask.kind]
        if isinstance(fact, str):
            outcome = "declined" if ask.kind == "charge" else "failed"
            return c.Resolve(id=ask.id, outcome=outcome, result={"reason": fact})  # type: ignore[arg-type]  # one of its two words
        return c.Resolve(id=ask.id, outcome="ok", result=dict(fact))


class Walk:
    """An agent at the keyboard."""

    def __init__(self, hands: Hands, name: str) -> None:
        self.hands, self.desk, self.name = hands, hands.desk, name
        self.seen: list[str] = []

    @property
    def page(self) -> Page:
        page = self.desk.page
        assert page is not None
        return page

    def call(self) -> None:
        self.desk.ring()
        self.hands.key(Key.Key_F2)
        self.hands.settle()

    def at(self, step: str, choice: str = "", **answers: Any) -> None:
        """On that page: a picture, the answers by keys, then the button of these words (the first)."""
        self.is_at(step)
        for name, value in answers.items():
            self.give(name, value)
        self.look(step)
        self.press(choice)

    def is_at(self, step: str) -> None:
        """The page of that step is open, and its text has no gap."""
        assert self.page.step == step, (self.page.step, self.page.problem)
        assert self.hands.text("step_title") == self.page.title
        assert "⟨" not in self.page.html, f"{step}: a gap in the text"

    def look(self, step: str) -> None:
        """A picture of the page."""
        self.is_at(step)
        self.seen.append(step)
        self.hands.picture(f"{self.name}-{len(self.seen):02}-{step.replace('/', '.')}")

    def press(self, words: str = "") -> None:
        """A button of the page by Alt and its number."""
        labels = [choice.label for choice in self.page.choices]
        index = next((i for i, label in enumerate(labels) if label.startswith(words)), -1)
        assert index >= 0, f"{words!r} is none of {labels}"
        before = (self.page.step, self.page.visit, self.page.ended)
        self.hands.key(Key(Key.Key_1 + index), ALT)
        self.hands.settle()
        stayed = (self.page.step, self.page.visit, self.page.ended) == before
        errors = {field.name: self.hands.error(field.name) for field in self.page.fields}
        assert not stayed or not any(errors.values()), errors

    def give(self, name: str, value: Any) -> None:
        """Types, ticks or chooses in one field."""
        field = next((one for one in self.page.fields if one.name == name), None)
        assert field is not None, f"{name} is not on the page"
        if isinstance(value, dict):
            for part, text in value.items():
                self.reach(f"field:{name}.{part}")
                self.hands.type(text)
        elif field.type in ("radio_group", "boolean", "checkbox", "multi_select"):
            for one in value if isinstance(value, list) else [value]:
                self._choose(field, one)
        elif field.type == "dropdown":
            self.reach(f"field:{name}")
            self._open_at(str(value))
        else:
            self.reach(f"field:{name}")
            self.hands.type(str(value))
            self.hands.settle()
        self.hands.key(Key.Key_Tab)  # the answer counts as the field is left
        self.hands.settle()
        assert not self.hands.error(name), f"{name}: {self.hands.error(name)}"

    def _open_at(self, words: str) -> None:
        """Down in a drop-down list until the option begins with these words."""
        combo = self.hands.focus
        assert isinstance(combo, QComboBox)
        self.hands.key(Key.Key_Home)
        for _ in range(combo.count()):
            if combo.currentText().startswith(words):
                return
            self.hands.key(Key.Key_Down)
        raise AssertionError(f"{words!r} is no option")

    def _choose(self, field: FieldView, value: Any) -> None:
        if field.type == "multi_select":
            self.reach(f"field:{field.name}")
            self.hands.key(Key.Key_Home)
            for _ in range([option.value for option in field.options].index(value)):
                self.hands.key(Key.Key_Down)
        else:
            self._tile(field, "tick" if value is True and field.type == "checkbox" else value)
            return
        self.hands.key(Key.Key_Space)
        self.hands.settle()

    def _tile(self, field: FieldView, value: Any) -> None:
        """One of the tiles of a group: by its number where they are numbered, else arrow and Space."""
        names = [option.value for option in field.options]
        names = names or (["tick"] if field.type == "checkbox" else ["true", "false"])
        index = names.index(str(value).lower() if isinstance(value, bool) else value)
        self.reach(*(f"field:{field.name}={name}" for name in names))
        if len(names) > 2:
            self.hands.key(Key(Key.Key_1 + index))
        else:
            wanted = f"field:{field.name}={names[index]}"
            if self._here() != wanted:
                self.hands.key(Key.Key_Right if index else Key.Key_Left)
            assert self._here() == wanted
            self.hands.key(Key.Key_Space)
        self.hands.settle()

    def reach(self, *names: str) -> None:
        """Tab until the keys are in one of these."""
        trail = []
        for _ in range(MOST_TABS):
            here = self._here()
            if here in names:
                return
            trail.append(here or self.hands.focus.objectName())
            self.hands.key(Key.Key_Tab)
        raise AssertionError(f"Tab does not lead to {names[0]}: {trail}")

    def _here(self) -> str:
        return next((one.objectName() for one in self._above() if one.objectName().startswith("field:")), "")

    def _above(self) -> Iterator[QWidget]:
        widget: QWidget | None = self.hands.focus
        while widget is not None:
            yield widget
            widget = widget.parentWidget()

    def card(self, step: str = "payment") -> None:
        """The card by keys, from the first box; the focus goes on by itself."""
        assert "MASKED" in self.hands.text("mask_indicator")
        self.at(step, card_number=GOOD_CARD, card_expiry=EXPIRY, card_cvv=CVV)

    def finish(self, disposition: str) -> None:
        """The wrap-up."""
        self.desk.hang_up()
        self.at("end", disposition=disposition)
        assert self.page.ended
        assert self.desk.state is not None
        assert self.desk.state.disposition
