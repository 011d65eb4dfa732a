"""Attacks on the secure box itself: what a window system offers to get text out of a widget, or into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QDrag, QDropEvent, QGuiApplication, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from halodesk.ui.parts.secret_box import SecretBox
from tests.e2e.xseat import x_server
from tests.ui.conftest import desk, hands, open_window, pictures, review, sound
from tests.ui.hands import CTRL, Hands, Key

__all__ = ["desk", "hands", "open_window", "pictures", "review", "sound"]

# Digits that occur nowhere else on the page, in any text.
ODD = "4539148803436467"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def box(hands: Hands) -> SecretBox:
    """The box of the card number, typed full."""
    hands.to_step("payment")
    hands.type(ODD)
    found = hands.find("field:card_number", SecretBox)
    found.setFocus()
    assert hands.desk.secret("card_number").length == len(ODD)
    return found


def typed(hands: Hands) -> int:
    return hands.desk.secret("card_number").length


def test_an_input_method_learns_nothing_and_brings_nothing(hands: Hands, box: SecretBox) -> None:
    hints = box.inputMethodHints()
    for hint in (Qt.InputMethodHint.ImhSensitiveData, Qt.InputMethodHint.ImhHiddenText):
        assert hints & hint
    assert not box.testAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
    for query in Qt.InputMethodQuery:
        if query.value & (query.value - 1) == 0:  # one question, not a set of them
            assert ODD[:4] not in str(box.inputMethodQuery(query))
    before = typed(hands)
    event = QInputMethodEvent("12", [])
    event.setCommitString("3456")
    QApplication.sendEvent(box, event)
    assert typed(hands) == before


def test_assistive_technology_gets_no_text_no_value_and_no_way_to_edit(box: SecretBox) -> None:
    interface = QAccessible.queryAccessibleInterface(box)
    assert interface.textInterface() is None
    assert interface.editableTextInterface() is None
    assert interface.valueInterface() is None
    told = [interface.text(part) for part in QAccessible.Text]
    assert not any(ODD[at : at + 5] in text for text in told for at in range(len(ODD) - 4))
    assert interface.text(QAccessible.Text.Value) == ""


def test_nothing_can_be_dragged_out(hands: Hands, box: SecretBox, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[QDrag] = []
    monkeypatch.setattr(QDrag, "exec", lambda drag, *more: started.append(drag))
    QTest.mouseDClick(box, Qt.MouseButton.LeftButton)
    QTest.mousePress(box, Qt.MouseButton.LeftButton, pos=QPoint(30, 20))
    for x in range(40, 300, 20):
        QTest.mouseMove(box, QPoint(x, 20))
    QTest.mouseRelease(box, Qt.MouseButton.LeftButton, pos=QPoint(300, 60))
    assert started == []
    hands.key(Key.Key_A, CTRL)
    hands.key(Key.Key_C, CTRL)
    assert ODD[:4] not in QGuiApplication.clipboard().text()


def test_nothing_can_be_dropped_in(hands: Hands, box: SecretBox) -> None:
    hands.key(Key.Key_Backspace, CTRL)
    mime = QMimeData()
    mime.setText(ODD)
    drop = QDropEvent(
        QPointF(20, 20),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    drop.ignore()
    QApplication.sendEvent(box, drop)
    assert not drop.isAccepted()
    assert typed(hands) == 0


@pytest.mark.parametrize(
    "keys", [(Key.Key_Z, CTRL), (Key.Key_Y, CTRL), (Key.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)]
)
def test_nothing_comes_back_by_undo(
    hands: Hands, box: SecretBox, keys: tuple[Qt.Key, Qt.KeyboardModifier]
) -> None:
    hands.key(Key.Key_Backspace, CTRL)
    assert typed(hands) == 0
    for _ in range(4):
        hands.key(*keys)
    assert typed(hands) == 0


def test_a_screenshot_of_the_whole_window_shows_no_digit_but_the_last_four(
    hands: Hands, box: SecretBox
) -> None:
    first = hands.picture("one-card")
    hands.key(Key.Key_Backspace, CTRL)
    hands.type("4111111111116467")
    box.setFocus()
    # The two numbers differ in their first twelve digits only; the clock of the call may move.
    assert hands.desk.secret("card_number").last4 == ODD[-4:]
    area = box.rect().translated(box.mapTo(hands.window, QPoint(0, 0)))
    assert hands.picture("other-card").copy(area) == first.copy(area)


SCRIPT = """
import sys
from PySide6.QtCore import Qt
from PySide6.QtGui import QClipboard
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from halodesk.ui.parts.secret_box import SecretBox
from halodesk.runtime.ports import SecretView

app = QApplication(sys.argv)
window, box, line, typed = QWidget(), SecretBox(), QLineEdit(), []
layout = QVBoxLayout(window)
layout.addWidget(box)
layout.addWidget(line)
box.typed.connect(typed.append)
box.render_as("number", SecretView(), locked=False, wrong=False)
window.show()
QTest.qWaitForWindowExposed(window)
selection = app.clipboard()
assert selection.supportsSelection()
selection.setText("4539148803436467", QClipboard.Mode.Selection)
QTest.mouseClick(line, Qt.MouseButton.MiddleButton)
assert line.text() == "4539148803436467", "a plain line takes the selection"
line.clear()
QTest.mouseClick(box, Qt.MouseButton.MiddleButton)
assert typed == [], "the secure box does not"
box.setFocus()
selection.clear(QClipboard.Mode.Selection)
for digit in "4539148803436467":
    QTest.keyClick(box, digit)
assert len(typed) == 16
QTest.mouseDClick(box, Qt.MouseButton.LeftButton)
QTest.keyClick(box, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
assert selection.text(QClipboard.Mode.Selection) == "", "selecting it owns no X selection"
print("done")
"""


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb")
def test_the_x_selection_neither_comes_in_nor_goes_out() -> None:
    with x_server() as display:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"},
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.stdout.strip() == "done", done.stderr
