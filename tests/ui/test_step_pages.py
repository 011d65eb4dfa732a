"""Every step type has a page that can be seen and worked by keys: words, buttons, nothing clipped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from halodesk.engine import commands as c
from halodesk.engine.registry import step_types
from halodesk.ui.parts.labels import ElidedLabel
from halodesk.ui.steps.registry import step_layouts
from tests.fakes.steps import ALL, walk_to
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import Hands

WORKING = {"decision": "Working", "switch": "Working", "function": "Working", "for_each": "list",
           "api_call": "other system", "email": "Sending"}  # fmt: skip


def show(desk: FakeDesk, hands: Hands, kind: str, *commands: c.Command) -> None:
    """The window on a step of this type, as it is when it has just been entered."""
    run = walk_to(kind).do(*commands)
    desk.flow, desk.hold_effects, desk.hold_mask = run.flow, True, True
    desk.ring()
    desk.answer_call()
    desk.state = run.state
    desk.tell("session")
    hands.settle()


def words(hands: Hands) -> str:
    return "\n".join(one.text() for one in hands.window.findChildren(QLabel) if one.isVisible())


def test_every_step_type_but_the_plain_ones_has_a_page_of_its_own() -> None:
    assert set(step_types()) - set(step_layouts()) == {"decision"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ALL)
def test_a_page_of_every_type(
    open_window: Opener, desk: FakeDesk, kind: str, theme: str, pictures: Path
) -> None:
    hands = open_window(theme)
    show(desk, hands, kind)
    page = desk.page
    assert page is not None
    assert page.title in words(hands)
    if kind in WORKING:
        assert WORKING[kind] in words(hands)
    for choice in page.choices:
        assert hands.sees(f"choice:{choice.key}"), choice
    image = hands.picture(f"step-{kind}-{theme}")
    assert len({image.pixel(x, y) for x in range(300, 900, 7) for y in range(120, 700, 7)}) > 8
    for label in hands.window.findChildren(QLabel):
        if label.isVisible() and label.text() and not isinstance(label, ElidedLabel) and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()) - 1, label.text()


def test_the_time_runs_down_while_it_is_seen(desk: FakeDesk, hands: Hands) -> None:
    show(desk, hands, "wait", c.Tick(now=time.time()))
    assert hands.text("wait_left:left") in ("00:30", "00:29")
    hands.until(lambda: hands.text("wait_left:left") <= "00:29")
    hands.key(Qt.Key.Key_Return)
    hands.settle()
    assert hands.step == "after"
    assert not hands.sees("wait_left")


def test_fields_off_the_record_wait_for_the_mask(desk: FakeDesk, hands: Hands) -> None:
    show(desk, hands, "mask_call", c.Tick(now=time.time()))
    assert "Waiting until every recording is masked" in words(hands)
    assert hands.sees("mask_left")
    desk.confirm_mask()
    hands.settle()
    assert "MASKED" in words(hands)


def test_a_transfer_says_where_and_why_not(desk: FakeDesk, hands: Hands) -> None:
    show(desk, hands, "transfer")
    assert "1002" in words(hands)
    assert "Transfer the call" in words(hands) or hands.sees("choice:")
    assert not hands.sees("transfer_locked")


def test_places_are_picked_by_buttons(desk: FakeDesk, hands: Hands) -> None:
    show(desk, hands, "zip_lookup", c.Answer(field="zip", raw="95060"))
    state = desk.state
    assert state is not None
    assert state.here is not None
    places = [{"city": "Santa Cruz", "state": "CA"}, {"city": "Soquel", "state": "CA"}]
    desk.report(state.here.id, "ok", places=places)
    hands.settle()
    assert "Several places have this code." in words(hands)
    hands.click("choice:pick=1")
    hands.settle()
    assert desk.state is not None
    assert desk.state.values["city"] == "Soquel"
    assert hands.sees("choice:")


def test_a_shipping_option_is_pressed(desk: FakeDesk, hands: Hands) -> None:
    show(desk, hands, "shipping_method")
    assert "$4.95" in words(hands)
    hands.click("choice:ship=post")
    hands.settle()
    assert hands.step == "after"


def test_the_browser_says_what_it_does_and_why_it_cannot(desk: FakeDesk, hands: Hands) -> None:
    show(desk, hands, "web_browser")
    assert "https://portal.example/a" in words(hands)
    assert desk.state is not None
    (visit,) = desk.state.beside
    desk.report(visit.id, "failed", reason="This seat has no browser for web pages in a flow.")
    hands.settle()
    assert "This seat has no browser" in words(hands)
    assert [w for w in hands.window.findChildren(QWidget, "choice:again") if w.isVisible()]
