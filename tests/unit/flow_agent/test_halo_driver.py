"""A flow agent that works the pages of a live session, on the real Desk, beside a human."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine.flow import Flow
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.log import read, replay
from halodesk.engine.flow_agent.of_flow import GOODBYE
from tests.fakes.gateway import FakeGateway
from tests.fakes.halo_drive import Drive, does, says
from tests.fakes.order import ADDRESS, CALLER, CARD, small, texts
from tests.fakes.recorder import FakeRecorder
from tests.fakes.seat import Counting, Seat, one_seat
from tests.fakes.store import FakeStore


@pytest.fixture
def seats() -> Iterator[Any]:
    with one_seat() as begin:
        yield begin


@pytest.fixture
def seat(seats: Any) -> Seat:
    found: Seat = seats()
    found.take()
    return found


NAMES = {"first_name": CALLER["first_name"], "last_name": CALLER["last_name"]}
TO_PAYMENT = (
    says("Thank you for calling. What can I do for you?"),
    does("place_an_order"),
    says("May I have your name?"),
    does("note_answers", **NAMES),
    says("And your phone number and email?"),
    does("continue", phone=CALLER["phone"], email=CALLER["email"]),
    says("May I put one aside for you?"),
    does("yes"),
    says("Shall I add the journal?"),
    does("no_just_the_capsules"),
    says("Where does the bill go?"),
    does("to_the_payment", billing_address=ADDRESS),
)


def values(seat: Seat) -> dict[str, Any]:
    assert seat.desk.session is not None
    return dict(seat.desk.session.state.values)


def to_payment(drive: Drive) -> None:
    drive.waits("start")
    drive.turn("I want to order.", "gather")
    drive.turn("Jordan Miller.", "gather")
    assert values(drive.seat)["first_name"] == "Jordan", "the page fills in as they talk"
    drive.turn("202 555 0143, jo@example.com.", "main_offer")
    drive.turn("Yes, please.", "upsell")
    drive.turn("No.", "billing")
    drive.hear("12 Ocean View Road, Santa Cruz.")
    drive.until(lambda: drive.state.human_wanted)


def test_the_flow_agent_the_human_and_the_flow_agent_again(seat: Seat) -> None:
    drive = Drive(
        seat,
        *TO_PAYMENT,
        says("It went through. Is there anything else?"),
        does("confirmed"),
        does("end_call", goodbye="Goodbye!"),
    )
    to_payment(drive)
    assert seat.at == "payment"
    assert [one.why for one in drive.of(e.HumanWanted)] == ["The step “Payment” is for a colleague."]
    session = seat.desk.session
    assert session is not None
    before = session.state
    drive.take_over()
    assert session.state.values == before.values
    seat.until(lambda: seat.mask == "held")
    lease = session.state.mask.lease
    seat.type_card()
    assert (session.state.mask.lease, session.state.cart) == (lease, before.cart)
    handles = list(session.state.secrets.values())
    seat.do(c.Submit())
    seat.until(lambda: seat.at == "confirmation")
    drive.hand_back("It is paid.")
    drive.waits("confirmation")
    assert "4242" in drive.model.requests[-1].messages[0].content, "the last four are on the page"
    drive.hear("No, thank you.")
    state = drive.end()
    assert state.visits[-2:] == ("confirmation", GOODBYE)
    assert drive.said[-1] == "Goodbye!"
    assert seat.at == "end", "the wrap-up is the human's"
    assert session.state.values["billing_address"]["city"] == "Santa Cruz"
    assert [line.item for line in session.state.cart.lines] == ["nap-enhancer"]
    assert session.state.paid is not None
    # nothing secret was ever near it
    seen = "\n".join([drive.prompts(), drive.log.decode(), "\n".join(map(str, drive.lines))])
    for canary in (CARD, "4242 4242 4242 4242", "1230", "12/30", "card_number", "card_cvv", *handles):
        assert canary not in seen, canary
    assert drive.refused == []
    _, lines = read(drive.log)
    assert replay(drive.runner.document, drive.runner.manner, lines)[1] is None


def test_what_the_engine_refuses_is_told_in_its_words(seat: Seat) -> None:
    drive = Drive(
        seat,
        says("What can I do for you?"),
        does("place_an_order"),
        says("Your name and number?"),
        does("continue", first_name="Jordan"),
        says("And your last name?"),
        does("continue", **NAMES, phone="12"),
        says("Your number, please?"),
    )
    drive.waits("start")
    drive.turn("Order.", "gather")
    drive.turn("Jordan.", "gather")
    drive.turn("Miller, 12.", "gather")
    assert drive.refused == ["Missing: last_name.", "This phone number has too few or too many digits."]
    assert seat.at == "gather"


def test_a_card_number_that_a_caller_says_is_kept_nowhere(seat: Seat) -> None:
    drive = Drive(
        seat,
        says("What can I do?"),
        does("place_an_order"),
        says("Your name?"),
        does("note_answers", first_name=CARD),
        says("A colleague will take your card later."),
    )
    drive.waits("start")
    drive.turn("Order.", "gather")
    drive.turn(f"My card is {CARD}.", "gather")
    assert CARD not in drive.log.decode()
    assert CARD not in texts(seat.events)
    assert CARD not in drive.prompts()


def test_a_value_that_a_human_filled_in_meanwhile_stays(seat: Seat) -> None:
    drive = Drive(
        seat,
        says("What can I do?"),
        does("place_an_order"),
        says("Your name?"),
        does("note_answers", first_name="Jordan", last_name="Miller"),
        does("note_answers", first_name="Jordan"),
        does("note_answers", last_name="Miller"),
        says("And your number?"),
        does("note_answers", first_name="Gordon"),
        says("Thank you."),
    )
    drive.waits("start")
    drive.turn("Order.", "gather")
    seat.do(c.Answer(field="first_name", raw="Jordana"))
    drive.turn("Jordan Miller.", "gather")
    assert (values(seat)["first_name"], values(seat)["last_name"]) == ("Jordana", "Miller")
    assert len(drive.refused) == 2
    assert drive.refused[0].startswith("A colleague has filled in “First name”: Jordana.")
    drive.turn("No, it is Gordon.", "gather")
    assert values(seat)["first_name"] == "Gordon"


def test_half_typed_words_of_a_human_are_not_taken_away(seat: Seat) -> None:
    drive = Drive(
        seat,
        says("What can I do?"),
        does("place_an_order"),
        says("Your name?"),
        does("note_answers", first_name="Jordan"),
        does("note_answers", last_name="Miller"),
        does("continue", first_name="Jordan"),
        says("One moment."),
    )
    drive.waits("start")
    drive.turn("Order.", "gather")
    seat.desk.draft("first_name", "Jor")
    drive.turn("Jordan Miller.", "gather")
    session = seat.desk.session
    assert session is not None
    assert session.drafts == {("gather", "first_name"): "Jor"}
    assert session.state.values["last_name"] == "Miller"
    assert "first_name" not in session.state.values
    assert seat.at == "gather"
    words = "A colleague is typing into “First name” just now. Leave it to them, and wait."
    assert drive.refused == [words] * 2


def test_a_human_who_goes_on_is_followed(seat: Seat) -> None:
    drive = Drive(seat, says("What can I do?"), says("May I have your name?"))
    drive.waits("start")
    seat.do(c.Submit(choice="call_type=order"))
    drive.until(lambda: drive.state.node == "gather")
    drive.waits("gather")
    assert drive.said == ["What can I do?", "May I have your name?"]
    assert "note_answers" in str(drive.model.requests[-1].tools)


def test_a_call_for_a_page_that_was_left_changes_nothing(seat: Seat) -> None:
    drive = Drive(seat, says("What can I do?"))
    drive.waits("start")
    drive.driver.tell = lambda news: None  # the news of it is still under way
    drive.model._left = [does("wrong_number"), says("May I have your name?")]
    seat.do(c.Submit(choice="call_type=order"))
    drive.hear("You are the wrong number.")
    drive.waits("gather")
    assert seat.at == "gather"
    assert drive.refused[0].startswith("The page went on to “Gather caller info” meanwhile.")


def slow_flow() -> Flow:
    return small(
        {
            "key": "ask",
            "type": "script",
            "fields": [{"name": "why", "type": "text", "label": "Why", "required": True}],
            "functions": [{"target": "n", "expression": "1"}],
            "fallback": "tell",
        },
        {"key": "tell", "type": "script", "config": {"body": "> It is {{ n }}."}, "fallback": "end"},
        driver="either",
    )


@pytest.mark.parametrize("patience_s", [15.0, 0.0])
def test_work_outside_is_waited_for(monkeypatch: pytest.MonkeyPatch, patience_s: float) -> None:
    done = threading.Event()

    async def evaluate(self: Counting, expression: str, variables: Any, *, timeout_ms: int = 200) -> int:
        await asyncio.to_thread(done.wait, 15)
        return 7

    monkeypatch.setattr(Counting, "evaluate", evaluate)
    seat = Seat(FakeStore(), FakeRecorder(), FakeGateway(), flow=slow_flow())
    try:
        seat.take()
        drive = Drive(
            seat,
            says("Hello."),
            does("continue"),
            says("Why do you call?"),
            does("continue", why="A bill."),
            says("It is seven."),
            patience_s=patience_s,
        )
        drive.waits("start")
        drive.turn("Hi.", "ask")
        drive.hear("A bill.")
        session = seat.desk.session
        assert session is not None
        if patience_s:
            drive.until(lambda: session.page.waiting)
            assert drive.state.phase == "thinking"
        else:
            drive.until(lambda: drive.state.human_wanted)
            assert "is still at work: Working …" in drive.of(e.HumanWanted)[0].why
        done.set()
        drive.until(lambda: drive.runner.idle and drive.state.node == "tell")
        assert drive.said[-1] == "It is seven."
        assert "> It is 7." in drive.model.requests[-1].messages[0].content
    finally:
        done.set()
        seat.io.close()


def test_without_a_colleague_it_ends_in_good_manners_at_a_page_of_theirs(seat: Seat) -> None:
    drive = Drive(seat, *TO_PAYMENT, colleague=False)
    drive.waits("start")
    for words in ("Order.", "Jordan Miller.", "202 555 0143, jo@example.com.", "Yes.", "No."):
        drive.turn(words)
    drive.hear("12 Ocean View Road, Santa Cruz.")
    assert drive.end().ended
    assert drive.of(e.Ended)[-1].reason == "no_human"
    assert seat.at == "payment", "everything is kept"


def test_a_session_that_is_put_away_takes_no_call(seat: Seat) -> None:
    drive = Drive(seat, says("What can I do?"), does("wrong_number"), says("Bye."))
    drive.waits("start")
    seat.do(c.Abandon(disposition="test"))
    seat.desk.close_session()
    assert seat.desk.page is None
    drive.until(lambda: drive.state.human_wanted)
    assert "put away" in drive.of(e.HumanWanted)[0].why
    assert drive.model.left == 2, "nothing more was asked of the model"


def test_what_breaks_on_the_main_thread_is_a_failed_call_and_no_more(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = Drive(seat, says("What can I do?"), does("place_an_order"), says("Sorry?"))
    drive.waits("start")
    monkeypatch.setattr(drive.driver, "_work", lambda *given: 1 / 0)
    drive.turn("Order.", "start")
    assert drive.refused == ["It failed."]
    assert seat.at == "start"
    monkeypatch.undo()
    seat.do(c.Submit(choice="call_type=order"))
    drive.until(lambda: drive.state.node == "gather")
