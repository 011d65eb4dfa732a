"""What an agent does with the window: keys into whatever has the focus, clicks, looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QWidget

from halodesk.engine import commands as c
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import ElidedLabel
from halodesk.ui.parts.pill import Pill
from halodesk.ui.window import MainWindow
from tests.ui.fake_desk import CVV, EXPIRY, GOOD_CARD, FakeDesk

Found = TypeVar("Found", bound=QWidget)
Key = Qt.Key
NONE, ALT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)


class Hands:
    """Drives one window."""

    def __init__(self, window: MainWindow, desk: FakeDesk, pictures: Path) -> None:
        self.window, self.desk, self.pictures = window, desk, pictures
        self.shots: list[str] = []

    # looking

    def find(self, name: str, kind: type[Found]) -> Found:
        """The visible widget of this object name."""
        found = [widget for widget in self.window.findChildren(kind, name) if widget.isVisible()]
        assert len(found) == 1, f"{len(found)} visible widgets called {name}"
        return found[0]

    def sees(self, name: str) -> bool:
        return any(widget.isVisible() for widget in self.window.findChildren(QWidget, name))

    def text(self, name: str) -> str:
        return self.find(name, QLabel).text()

    def line(self, name: str) -> QLineEdit:
        return self.find(name, QLineEdit)

    def error(self, field: str) -> str:
        """The words below a field; empty where there are none."""
        labels = self.window.findChildren(QLabel, f"field_error:{field}")
        return "".join(label.text() for label in labels if label.isVisible())

    @property
    def focus(self) -> QWidget:
        focus = QApplication.focusWidget()
        assert focus is not None
        return focus

    @property
    def step(self) -> str:
        page = self.desk.page
        return page.step if page is not None else ""

    def settle(self) -> None:
        """Lets layouts and paints that are due happen."""
        for _ in range(3):
            QCoreApplication.processEvents()

    def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        end = monotonic() + seconds
        while not condition():
            assert monotonic() < end, "waited in vain"
            QTest.qWait(1)

    def picture(self, name: str) -> QImage:
        """A screenshot, kept under a number and a name."""
        self.settle()
        image = self.window.grab().toImage()
        self.shots.append(name)
        path = self.pictures / f"{name}.png"
        assert image.save(str(path))
        return image

    # doing

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.focus, key, modifiers)

    def type(self, text: str) -> None:
        for sign in text:
            QTest.keyClicks(self.focus, sign)

    def fill(self, *texts: str) -> None:
        """Types into one field after the other; Tab goes on."""
        for index, text in enumerate(texts):
            if index:
                self.key(Key.Key_Tab)
            self.type(text)

    def click(self, name: str) -> None:
        QTest.mouseClick(self.find(name, QWidget), Qt.MouseButton.LeftButton)

    def pick(self, text: str) -> None:
        """Chooses in the drop-down list that has the focus, by its first letters."""
        assert isinstance(self.focus, QComboBox)
        self.type(text)
        self.settle()

    # the sample flow

    def start_call(self) -> None:
        self.desk.ring()
        self.key(Key.Key_F2)
        self.settle()

    def to_step(self, step: str) -> None:
        """Through the sample flow on its straight way, without the window's help."""
        if self.desk.state is None:
            self.start_call()
        give: dict[str, tuple[dict[str, object], str]] = {
            "start": ({}, "call_type=order"),
            "gather": ({"first_name": "Robin", "last_name": "Ortiz", "phone": "2025550143"}, ""),
            "main_offer": ({}, "offer_response=yes"),
            "upsell": ({}, "journal=true"),
            "billing": (
                {
                    "billing_address": {
                        "line1": "1 Market Street",
                        "city": "San Francisco",
                        "region": "CA",
                        "postal_code": "94105",
                    }
                },
                "",
            ),
            "payment": ({}, ""),
            "confirmation": ({}, "read_back=true"),
        }
        while self.step != step:
            if self.step == "payment":
                self.type_card_directly()
            answers, choice = give[self.step]
            for field, raw in answers.items():
                assert self.desk.do(c.Answer(field=field, raw=raw)) is None
            assert self.desk.do(c.Submit(choice=choice)) is None
        self.settle()

    def type_card_directly(self) -> None:
        for field, digits in (("card_number", GOOD_CARD), ("card_expiry", EXPIRY), ("card_cvv", CVV)):
            for digit in digits:
                self.desk.type_secret(field, digit)

    def type_card(self) -> None:
        """All three boxes by keys; the focus goes on by itself."""
        for digits in (GOOD_CARD, EXPIRY, CVV):
            self.type(digits)


def unclipped(hands: Hands) -> None:
    """Every label and button in sight has the room its words need."""
    hands.settle()
    for label in hands.window.findChildren(QLabel):
        if label.isVisible() and label.text() and not isinstance(label, ElidedLabel):
            needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
            assert label.height() >= needed - 1, label.text()
            if not label.wordWrap() or isinstance(label, Pill):
                assert label.width() >= label.sizeHint().width() - 1, label.text()
    for button in hands.window.findChildren(Button):
        if button.isVisible():
            assert button.width() >= button.minimumSizeHint().width() - 1, button.words
