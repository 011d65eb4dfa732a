"""phone in the window: what was accepted can be dialled, by the button or by Ctrl+D."""

from __future__ import annotations

import pytest

from halodesk.ui.parts.buttons import Button
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.form import at_form, form
from tests.ui.hands import CTRL, Key


@pytest.fixture
def desk() -> FakeDesk:
    return form({"name": "back", "type": "phone", "label": "Call back"}, {"name": "other", "type": "text"})


def test_only_an_accepted_number_is_dialled(open_window: Opener) -> None:
    hands = at_form(open_window)
    button = hands.find("dial:back", Button)
    assert button.accessibleName() == "Call back: dial"
    assert not button.isEnabled()
    hands.type("202 555 0143 ext. 7")
    hands.key(Key.Key_D, CTRL)
    assert hands.desk.dialled == []  # nothing was accepted yet
    hands.key(Key.Key_Tab)
    assert hands.focus.objectName() == "field:other"
    assert button.isEnabled()
    hands.click("dial:back")
    assert hands.desk.dialled == ["+12025550143"]
    hands.line("field:back").setFocus()
    hands.key(Key.Key_D, CTRL)
    assert len(hands.desk.dialled) == 2
    hands.key(Key.Key_End)
    hands.type("9")
    assert not button.isEnabled()
