"""The bars: who, line, storage, recording; banners; the end of a session."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from halodesk.engine import commands as c
from halodesk.protocol.phone_link import CallInfo, Registration, RegistrationState
from halodesk.runtime.ports import DeskNotice, StorageState, SyncPhase, SyncState
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.words import clock, phone_words
from tests.ui.conftest import Opener
from tests.ui.hands import ALT, CTRL, Hands, Key


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("registered", "Line ready"),
        ("registering", "Line connecting…"),
        ("failed", "Line down"),
        ("unregistered", "No registration"),
    ],
)
def test_registration_in_words(hands: Hands, state: RegistrationState, words: str) -> None:
    hands.desk.registration = Registration(account="main", state=state, message="No one.", todo="Check.")
    hands.desk.tell("registration")
    assert hands.text("registration_state") == words
    assert "No one. Check." in hands.find("registration_state", QWidget).toolTip()


def test_the_worst_of_several_lines_is_shown_and_all_are_told(hands: Hands) -> None:
    sales = Registration(account="main", name="Sales", state="registered", code=200)
    words = "the certificate of pbx.example has expired, next try in 8 s"
    service = Registration(account="2", name="Service", state="failed", message=words, todo="Ask.")
    hands.desk.registration, hands.desk.registrations = service, (sales, service)
    hands.desk.tell("registration")
    assert hands.text("registration_state") == "Line down"
    tip = hands.find("registration_state", QWidget).toolTip()
    assert tip == f"<span>Sales: ready<br>Service: down ({words} Ask.)</span>"


def test_the_time_until_the_next_try_runs_down(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("halodesk.ui.desk.line_pill.time.time", lambda: now[0])
    hands.desk.registration = Registration(
        account="main",
        state="failed",
        code=408,
        message="server away, next try in 8 s",
        todo="Check the network.",
        next_try_s=8.0,
        next_try_at=1008.0,
    )
    hands.desk.tell("registration")
    assert hands.text("registration_state") == "Line down · 8 s"
    now[0] += 5
    hands.until(lambda: hands.text("registration_state") == "Line down · 3 s")  # by its own clock
    tip = hands.find("registration_state", QWidget).toolTip()
    assert "server away, next try in 3 s Check the network." in tip
    now[0] += 4
    hands.until(lambda: hands.text("registration_state") == "Line down · trying")
    assert "server away, trying again now" in hands.find("registration_state", QWidget).toolTip()


@pytest.mark.parametrize("secured", [True, False])
def test_a_secured_call_says_so(hands: Hands, secured: bool) -> None:
    call = CallInfo(key="k", sip_call_id="c", account="main", direction="in", state="active", secured=secured)
    hands.desk.call = call
    hands.desk.tell("call")
    tip = hands.find("call_state", QWidget).toolTip()
    assert ("Encrypted" in tip) is secured


def test_failed_storage_cannot_be_missed(hands: Hands) -> None:
    hands.to_step("gather")
    assert hands.text("storage_state") == "All saved"
    hands.desk.show_storage(StorageState(state="saving"))
    assert hands.text("storage_state") == "Saving…"
    hands.desk.show_storage(StorageState(state="failed", message="The disk is full.", todo="Free it."))
    assert hands.text("storage_state") == "NOT SAVED"
    assert hands.find("banner:storage", Banner).message == "The disk is full."
    hands.desk.show_storage(StorageState())
    assert not hands.sees("banner:storage")


def test_a_seat_without_a_server_says_nothing_of_one(hands: Hands) -> None:
    assert not hands.sees("server_state")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("sent", "Server up to date"),
        ("sending", "Sending…"),
        ("waiting", "Server away"),
        ("trouble", "Server: tell IT"),
    ],
)
def test_the_server_in_words(hands: Hands, state: SyncPhase, words: str) -> None:
    hands.desk.sync = SyncState(state=state, message="No answer.", todo="Go on.", waiting_sessions=3)
    hands.desk.tell("sync")
    assert hands.text("server_state") == words
    tip = hands.find("server_state", QWidget).toolTip()
    assert "No answer. Go on." in tip
    assert "3 session" in tip


def test_good_news_of_the_server_leaves_room_in_a_narrow_window(open_window: Opener) -> None:
    hands = open_window("light", 720, 560)
    for state, seen in (("sent", False), ("sending", False), ("waiting", True), ("trouble", True)):
        hands.desk.sync = SyncState(state=state)  # type: ignore[arg-type]  # a list of literals is a list of str
        hands.desk.tell("sync")
        assert hands.sees("server_state") is seen


def test_notices_can_be_dismissed(hands: Hands) -> None:
    notices = tuple(DeskNotice(level="warning", message=f"Notice {n}") for n in range(3))
    hands.desk.notices = notices
    hands.desk.tell("notice")
    assert hands.find("banner:notice0", Banner).message == "Notice 1"
    hands.click("banner:notice1:dismiss")
    assert hands.desk.notices == notices[:2]


def test_the_phone_is_away(hands: Hands) -> None:
    hands.desk.phone_problem = DeskNotice(level="error", message="The phone is restarting.")
    hands.desk.tell("registration")
    assert hands.find("banner:phone", Banner).message == "The phone is restarting."


def test_recording_is_shown_only_while_it_runs(hands: Hands) -> None:
    assert not hands.sees("mask_indicator")
    hands.desk.ring()
    assert not hands.sees("mask_indicator")
    hands.key(Key.Key_F2)
    assert hands.text("mask_indicator") == "REC"
    call = hands.desk.call
    assert call is not None
    hands.desk.call = replace(call, recording=None)
    hands.desk.tell("call")
    assert hands.text("mask_indicator") == "Not recording"
    hands.desk.call = call
    hands.to_step("payment")
    assert hands.text("mask_indicator") == "MASKED – recording paused"
    hands.to_step("confirmation")
    assert hands.text("mask_indicator") == "REC"
    hands.desk.hang_up()
    assert not hands.sees("mask_indicator")


def test_the_call_panel(hands: Hands) -> None:
    hands.window.resize(1440, 800)
    assert not hands.sees("answer_call")
    hands.desk.ring()
    assert hands.text("caller") == "Robin Ortiz"
    assert hands.text("call_about") == "(202) 555-0143  ·  dialled (800) 555-0142"
    assert hands.text("call_state") == "Ringing"
    assert hands.sees("answer_call")
    assert hands.focus.objectName() not in ("answer_call", "hang_up")
    hands.key(Key.Key_F2)
    assert hands.text("call_timer") == "01:23"
    assert hands.text("call_codec") == "opus/48000"
    assert not hands.sees("answer_call")
    hands.key(Key.Key_F4)
    assert hands.text("call_state") == "Ended"
    assert not hands.sees("hang_up")


def test_the_total_follows_the_cart(hands: Hands) -> None:
    hands.to_step("main_offer")
    assert hands.text("cart_total") == "$0.00"
    hands.to_step("upsell")
    assert hands.text("cart_total") == "$39.95"
    hands.to_step("payment")
    assert hands.text("cart_total") == "$63.35"
    hands.desk.do(c.Back())
    assert hands.text("cart_total") == "$54.45"


def test_why_there_is_no_way_back(hands: Hands) -> None:
    hands.start_call()
    hands.key(Key.Key_Left, ALT)
    assert hands.find("problem", Banner).message == "This is the first step."
    hands.key(Key.Key_1)
    assert not hands.sees("problem")


def test_a_problem_of_the_page(hands: Hands) -> None:
    hands.to_step("payment")
    hands.desk.hold_effects = True
    hands.type_card()
    hands.key(Key.Key_Return)
    assert hands.text("waiting_line") == "Checking the card with the gateway …"
    assert not hands.sees("choice:")
    state = hands.desk.state
    assert state is not None
    hands.desk.report(next(iter(state.effects)), "declined", reason="The card has expired.")
    assert hands.find("problem", Banner).message == "The card has expired. Ask for the card again."
    assert hands.focus.objectName() == "field:card_number"


def test_a_charge_without_an_answer(hands: Hands) -> None:
    hands.to_step("payment")
    hands.desk.hold_effects = True
    hands.type_card()
    hands.key(Key.Key_Return, CTRL)
    state = hands.desk.state
    assert state is not None
    hands.desk.report(next(iter(state.effects)), "ok", token="t", last4="4242", brand="visa")
    assert hands.text("waiting") == "Charging the card …"
    state = hands.desk.state
    assert state is not None
    hands.desk.report(next(iter(state.effects)), "unknown", reason="The gateway is silent.")
    assert hands.text("waiting") == "The gateway is silent."
    hands.click("choice:on_unknown")
    assert hands.step == "no_sale"


def test_notes(hands: Hands) -> None:
    hands.to_step("gather")
    hands.key(Key.Key_N, ALT)
    hands.type("4242424242424242")
    hands.key(Key.Key_Return)
    assert "card number" in hands.text("note_error")
    box = hands.find("note_input", QPlainTextEdit)
    box.clear()
    hands.type("Likes tea")
    hands.click("add_note")
    assert hands.text("notes") == "– Likes tea"
    hands.type("Left without Enter")
    hands.line("field:first_name").setFocus()
    page = hands.desk.page
    assert page is not None
    assert page.notes == ("Likes tea", "Left without Enter")


def test_a_page_that_comes_by_itself_does_not_take_the_note_away(hands: Hands) -> None:
    hands.to_step("gather")
    hands.key(Key.Key_N, ALT)
    hands.type("Half a no")
    hands.desk.hang_up()
    assert hands.step == "end"
    assert hands.focus.objectName() == "note_input"
    hands.type("te")
    assert hands.find("note_input", QPlainTextEdit).toPlainText() == "Half a note"


def test_an_ended_session(hands: Hands) -> None:
    hands.to_step("end")
    hands.desk.do(c.Answer(field="disposition", raw="sale"))
    hands.desk.show_storage(StorageState(state="saving"))
    hands.key(Key.Key_Return)
    assert hands.text("ended_lead") == "The record is sealed. It is still being stored."
    hands.desk.show_storage(StorageState())
    assert hands.text("ended_lead") == "The record is sealed and stored on this seat."
    hands.click("close_session")
    assert hands.desk.page is None
    assert hands.text("ready_headline") == "Ready, Ann."
    assert hands.focus.objectName() == "dial_number"


def test_words() -> None:
    assert clock(83) == "01:23"
    assert clock(3671) == "1:01:11"
    assert phone_words("+12025550143") == "(202) 555-0143"
    assert phone_words("1001") == "1001"
    assert phone_words("anna@pbx.example") == "anna@pbx.example"


def test_the_mask_has_room_in_a_narrow_window(open_window: Opener) -> None:
    hands = open_window("light", 720, 560)
    hands.to_step("payment")
    indicator = hands.find("mask_indicator", QWidget)
    hands.settle()
    assert indicator.width() >= indicator.sizeHint().width()
    assert indicator.geometry().right() <= hands.window.status.width()
    assert not hands.sees("storage_state")
    hands.desk.show_storage(StorageState(state="failed"))
    assert hands.sees("storage_state")


def test_keys_pressed_during_a_wait_go_nowhere(hands: Hands) -> None:
    hands.to_step("main_offer")
    hands.to_step("payment")
    hands.desk.hold_effects = True
    hands.type_card()
    hands.find("choice:", QWidget).setFocus()
    hands.key(Key.Key_Return)
    assert hands.focus is hands.window.step
    hands.type("12")
    hands.key(Key.Key_Return)
    assert hands.step == "payment"
    assert hands.find("note_input", QPlainTextEdit).toPlainText() == ""
