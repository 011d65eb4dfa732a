"""By which line calls go out, and what the call panel tells of a call."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QComboBox

from halodesk.protocol.phone_link import CallInfo, Registration
from tests.ui.hands import Hands, Key

SALES = Registration(account="main", name="Sales <b>", state="registered", code=200)
SERVICE = Registration(account="sip:2@x", name="Service", state="failed", code=408)


def lines(hands: Hands, *found: Registration) -> None:
    hands.desk.registration, hands.desk.registrations = found[0], found
    hands.desk.tell("registration")


def test_one_line_needs_no_choice(hands: Hands) -> None:
    lines(hands, SALES)
    assert not hands.sees("dial_line")


def test_a_line_is_chosen_with_the_keyboard_and_stays_chosen(hands: Hands) -> None:
    lines(hands, SALES, SERVICE)
    chooser = hands.find("dial_line", QComboBox)
    assert [chooser.itemText(place) for place in range(chooser.count())] == ["Sales <b>", "Service (down)"]
    assert chooser.accessibleName() == "Line calls go out by"
    assert chooser.currentData() == "main"
    chooser.setFocus()
    hands.key(Key.Key_Down)
    assert hands.desk.line == "sip:2@x"
    lines(hands, SALES, SERVICE)
    assert hands.find("dial_line", QComboBox).currentData() == "sip:2@x"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"held_by_other": True}, "Held by the other side"),
        ({"state": "incoming", "answer_after_s": 2.0}, "Answers by itself"),
        ({"state": "early", "direction": "out", "codec": "PCMA/8000"}, "Announcement"),
        ({"state": "early", "direction": "out"}, "Ringing there"),
    ],
)
def test_the_state_of_a_call_in_words(hands: Hands, state: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"direction": "in", "state": "active", **state}
    hands.desk.call = CallInfo(key="k", sip_call_id="c", account="main", **given)
    hands.desk.tell("call")
    assert hands.text("call_state") == words


def test_where_a_call_was_sent_and_what_the_other_side_pressed(hands: Hands) -> None:
    call = CallInfo(
        key="k",
        sip_call_id="c",
        account="main",
        direction="out",
        state="active",
        remote_name="<i>Kim</i>",
        remote_number="700",
        sent_on_to="sip:701@pbx",
        keys_heard="42#",
        keys_by="info",
    )
    hands.desk.call = call
    hands.desk.tell("call")
    about = hands.text("call_about")
    assert "diverted to 701" in about
    assert "pressed 4 2 #" in about
    assert hands.text("caller") == "<i>Kim</i>"
