"""A sealed field in the window: going back says that it is sealed, and typing replaces it."""

from __future__ import annotations

import pytest

from halodesk.engine.page import KEPT
from halodesk.ui.theme.active import ThemeChoice
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import ALT, Key
from tests.unit.test_sealed import flow

SSN = "219099999"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_sealed_value_is_said_and_may_be_replaced(
    open_window: Opener, desk: FakeDesk, theme: ThemeChoice
) -> None:
    desk.flow = flow(required=True)
    hands = open_window(theme)
    hands.start_call()
    hands.type(SSN)
    hands.picture(f"{theme}-typed")
    hands.key(Key.Key_Return)
    hands.settle()
    assert hands.step == "end"
    hands.key(Key.Key_Left, ALT)
    hands.settle()
    assert hands.step == "ids"
    assert hands.text("field_reads:ssn") == KEPT
    hands.picture(f"{theme}-sealed")
    assert SSN not in repr(desk.events)
    hands.key(Key.Key_Return)
    hands.settle()
    assert hands.step == "end", "what is kept need not be typed again"
