"""encrypted: digits that go to the vault; the window never holds them."""

from __future__ import annotations

from typing import Any, cast

from PySide6.QtWidgets import QWidget

from halodesk.engine.page import FieldView
from halodesk.runtime.ports import SecretView
from halodesk.ui.fields.base import FULL, FieldHost, FieldWidget
from halodesk.ui.parts.secret_box import SecretBox, Shape

KIND = "encrypted"
_SHAPES = {"card_number": "number", "cvv": "cvv"}
_WITH_LETTERS = ("medicare_id", "other")


class EncryptedField(FieldWidget):
    """A secure box, locked until every recording is masked."""

    span = FULL

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.box = SecretBox()
        self.box.typed.connect(self._typed)
        self.box.erased.connect(self._erased)
        self.caption.setBuddy(self.box)
        self._secret = SecretView()
        self._told = ""
        self.body.addWidget(self.box)

    def inputs(self) -> list[QWidget]:
        """The box."""
        return [self.box]

    def raw(self) -> Any:
        """Nothing: there is nothing to read here."""
        return None

    def put(self, value: Any) -> None:
        """Paints what the vault says of its digits."""
        view = self.view
        self._secret = self.host.secret(view.name) if view is not None and not view.locked else SecretView()
        self._render()

    def name_inputs(self, view: FieldView) -> None:
        """Object name and accessible name."""
        self.box.setObjectName(f"field:{view.name}")
        self.box.letters = view.kind in _WITH_LETTERS and not view.role
        self.box.setAccessibleName(self.tr("{label}, secure box").format(label=view.label))

    def lock(self, locked: bool) -> None:
        """A locked box keeps the focus, so that typing can go on where it was; it shows nothing."""
        self._render()

    def is_empty(self) -> bool:
        """Digits are missing."""
        return not self._secret.complete

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        self._render()

    def _render(self) -> None:
        view = self.view
        locked = view is None or view.locked
        shape = "other" if view is None else view.role or _SHAPES.get(view.kind, "other")
        problem = "" if locked else self._secret.problem
        why = view.why if view is not None else ""
        wrong = bool(self.problem or problem)
        self.box.render_as(cast(Shape, shape), self._secret, locked=locked, wrong=wrong, why=why)
        if problem != self._told:
            self._told = problem
            self.refuse(problem)

    def _typed(self, digit: str) -> None:
        if self.view is None:
            return
        name = self.view.name
        self.refuse("")
        self._told = ""  # what is still wrong is said again
        self._take(self.host.type_secret(name, digit), name)
        if self.box.is_full() and "min_digits" not in self.view.config:  # else more may follow
            self.host.advance(name)

    def _erased(self, all_digits: bool) -> None:
        if self.view is None:
            return
        name = self.view.name
        self.refuse("")
        self._told = ""  # what is still wrong is said again
        self._take(self.host.erase_secret(name, all_digits=all_digits), name)

    def _take(self, secret: SecretView, name: str) -> None:
        if self.view is not None and self.view.name == name and not self.view.locked:
            self._secret = secret
            self._render()


WIDGET = EncryptedField
