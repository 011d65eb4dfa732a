"""A flow of one page with the fields a test asks for, open in the window."""

from __future__ import annotations

from typing import Any

from halodesk.engine import commands as c
from tests.fakes.order import small
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import Hands


def form(*fields: dict[str, Any]) -> FakeDesk:
    """A desk whose flow asks for these fields on its second page, `form`."""
    step = {"key": "form", "type": "script", "title": "Form", "fields": list(fields), "fallback": "end"}
    return FakeDesk(small(step))


def at_form(open_window: Opener) -> Hands:
    """The window with that page open and the keys in its first field."""
    hands = open_window()
    hands.start_call()
    assert hands.desk.do(c.Submit()) is None
    hands.settle()
    assert hands.step == "form"
    return hands


def value(hands: Hands, name: str) -> Any:
    """What the engine has taken."""
    assert hands.desk.state is not None
    return hands.desk.state.values.get(name)
