"""The whole sample flow by real keys, in both themes, with a picture of every page."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QComboBox, QWidget

from halodesk.ui.theme.active import ThemeChoice, theme_name
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import ALT, CTRL, Hands, Key

PAGES = {
    "start", "gather", "main_offer", "tell_me_more", "is_it_safe", "how_different", "already_take",
    "upsell", "billing", "payment", "post_payment", "declined", "confirmation", "no_sale", "end",
}  # fmt: skip


class _Walk:
    def __init__(self, hands: Hands, theme: str) -> None:
        self.hands, self.theme, self.seen = hands, theme, set[str]()

    def look(self, step: str, more: str = "") -> None:
        assert self.hands.step == step
        page = self.hands.desk.page
        assert page is not None
        assert self.hands.text("step_title") == page.title
        self.seen.add(step)
        self.hands.picture(f"{self.theme}-{len(self.hands.shots):02}-{step}{more}")


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_the_sample_flow_by_keys_alone(open_window: Opener, desk: FakeDesk, theme: ThemeChoice) -> None:
    hands = open_window(theme)
    walk = _Walk(hands, theme)
    assert theme_name() == theme
    hands.picture(f"{theme}-00-ready")
    desk.ring()
    hands.picture(f"{theme}-01-ringing")
    hands.key(Key.Key_F2)
    _talk(hands, walk)
    _pay(hands, walk, desk)
    _wrap_up(hands, walk, desk)
    _no_sale(hands, walk, desk)
    assert walk.seen == PAGES
    hands.key(Key.Key_F1)
    hands.settle()
    overview = hands.window.findChild(QWidget, "shortcuts")
    assert overview is not None
    assert overview.isVisible()
    assert overview.grab().save(str(hands.pictures / f"{theme}-shortcuts.png"))
    overview.close()


def _talk(hands: Hands, walk: _Walk) -> None:
    walk.look("start")
    assert hands.focus is hands.find("field:heard_from", QComboBox)
    hands.pick("Rad")
    hands.key(Key.Key_1)
    walk.look("gather")
    hands.key(Key.Key_Return)
    assert hands.error("first_name") == "First name is still missing."
    walk.look("gather", "-refused")
    hands.fill("Robin", "Ortiz", "202 555 0143", "robin@example.com")
    hands.key(Key.Key_Return)
    walk.look("main_offer")
    for number, step in enumerate(("tell_me_more", "is_it_safe", "how_different", "already_take"), start=2):
        hands.key(Key(Key.Key_0 + number))
        walk.look(step)
        hands.key(Key.Key_Return)
    assert hands.step == "main_offer"
    hands.key(Key.Key_1, ALT)
    walk.look("upsell")
    hands.key(Key.Key_Left, ALT)
    assert hands.step == "main_offer"
    hands.key(Key.Key_Return)
    assert hands.step == "upsell"
    hands.key(Key.Key_1)
    walk.look("billing")
    hands.fill("1 Market Street", "", "San Francisco", "ca", "94105")
    hands.key(Key.Key_Return, CTRL)


def _pay(hands: Hands, walk: _Walk, desk: FakeDesk) -> None:
    walk.look("payment")
    assert hands.text("mask_indicator") == "MASKED – recording paused"
    hands.type_card()
    walk.look("payment", "-typed")
    desk.declines = ["Not enough funds."]
    desk.hold_effects = True
    hands.key(Key.Key_Return)
    walk.look("payment", "-checking")
    ask = next(iter(desk.state.effects.values())) if desk.state else None
    assert ask is not None
    desk.report(ask.id, "ok", token="t", last4="4242", brand="visa")
    walk.look("post_payment")
    desk.hold_effects = False
    desk.settle()
    walk.look("declined")
    hands.key(Key.Key_1)
    assert hands.step == "payment"
    hands.type_card()
    hands.key(Key.Key_Return)
    walk.look("confirmation")
    assert hands.sees("cart_paid")


def _wrap_up(hands: Hands, walk: _Walk, desk: FakeDesk) -> None:
    hands.key(Key.Key_N, ALT)
    hands.type("Call again in May")
    hands.key(Key.Key_Return)
    assert desk.page is not None
    assert desk.page.notes == ("Call again in May",)
    hands.key(Key.Key_1, ALT)
    walk.look("end")
    hands.key(Key.Key_F4)
    assert desk.call is not None
    assert desk.call.state == "ended"
    assert hands.focus is hands.find("field:disposition", QComboBox)
    hands.pick("Sale")
    hands.key(Key.Key_Return)
    hands.picture(f"{walk.theme}-ended")
    assert hands.text("ended_title") == "This call is complete"
    assert hands.sees("close_session")
    hands.key(Key.Key_Return)
    assert hands.sees("dial_number")


def _no_sale(hands: Hands, walk: _Walk, desk: FakeDesk) -> None:
    hands.to_step("main_offer")
    hands.key(Key.Key_6)
    walk.look("no_sale")
    desk.hang_up()
    assert hands.step == "end"
    desk.close_session()


def test_by_mouse_to_the_offer(hands: Hands) -> None:
    hands.desk.ring()
    hands.click("answer_call")
    hands.click("choice:call_type=order")
    assert hands.step == "gather"
    hands.click("back")
    assert hands.step == "start"
    hands.click("hang_up")
    assert hands.step == "end"


def test_dialling(hands: Hands) -> None:
    hands.type("202")
    hands.click("dial_key:5")
    hands.click("dial")
    hands.type("1001")
    hands.key(Key.Key_Return)
    assert hands.desk.dialled == ["2025", "1001"]


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (720, 560),
        pytest.param(900, 600, marks=pytest.mark.slow),
        pytest.param(1920, 1080, marks=pytest.mark.slow),
    ],
)
def test_other_sizes(open_window: Opener, width: int, height: int) -> None:
    hands = open_window("dark", width, height)
    hands.start_call()
    for step in ("gather", "main_offer", "billing", "payment", "end"):
        hands.to_step(step)
        hands.picture(f"{width}x{height}-{step}")
    if width < 1000:
        hands.click("toggle_side")
        hands.picture(f"{width}x{height}-side")
        assert hands.sees("cart_total")
        hands.click("toggle_side")
    assert hands.sees("step_title")


def test_only_one_window_is_ever_shown(hands: Hands) -> None:
    """A widget shown before it has a parent would be a window and take the keys away."""
    for step in ("start", "main_offer", "billing", "payment", "end"):
        hands.to_step(step)
        assert hands.window.isActiveWindow()
