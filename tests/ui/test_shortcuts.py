"""The overview of all keys: as long as the window at most, all of it within reach."""

from __future__ import annotations

from PySide6.QtWidgets import QScrollArea, QWidget

from tests.ui.conftest import Opener
from tests.ui.hands import Key


def test_it_is_no_longer_than_the_window_and_scrolls_by_keys(open_window: Opener) -> None:
    hands = open_window(width=1000, height=640)
    hands.key(Key.Key_F1)
    overview = hands.window.findChild(QWidget, "shortcuts")
    assert overview is not None
    hands.until(overview.isActiveWindow)
    assert overview.height() <= hands.window.height()
    bar = overview.findChild(QScrollArea, "shortcut_list").verticalScrollBar()  # type: ignore[union-attr]  # it is there
    assert bar.maximum() > 0
    for _ in range(20):
        hands.key(Key.Key_PageDown)
    assert bar.value() == bar.maximum(), "the last key is in sight"
    hands.key(Key.Key_Escape)
    assert not overview.isVisible()
