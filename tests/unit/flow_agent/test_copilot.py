"""The co-pilot without a model: what is certain by the words, what it never does, when it hears nothing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.manner import Manner
from tests.fakes.copilot import Room, heard, settled, values
from tests.ui.fake_desk import FakeDesk
from tests.unit.flow_agent.conftest import Opens


def test_a_number_for_the_only_field_it_fits_is_proposed_and_accepted(
    desk: FakeDesk, open_room: Opens
) -> None:
    room = open_room()
    room.say("um 3 please")
    assert room.shown == ["Boxes: 3"]
    assert room.proposals[0].because == "um 3 please"
    assert "boxes" not in values(desk), "nothing is done without the agent"
    assert room.copilot.accept(room.proposals[0].id) is None
    assert values(desk)["boxes"] == 3
    assert room.proposals == ()
    fact = settled(desk)[-1]
    assert (fact.accepted, fact.title, fact.by, fact.source) == (True, "Boxes: 3", "Ann Lee", "words")
    assert fact.values == {"boxes": "3"}


def test_an_option_is_told_by_its_label(open_room: Opens) -> None:
    room = open_room()
    room.say("extra large")
    assert room.shown == ["Size: Extra large"]
    assert room.proposals[0].value == "l"


@pytest.mark.parametrize("words", ["40", "yes", "three or four", "large", "3 boxes in extra large"])
def test_what_is_not_certain_is_not_proposed(words: str, open_room: Opens) -> None:
    room = open_room()
    room.say(words)
    assert room.shown == []


def test_an_unsure_recogniser_is_not_believed(open_room: Opens) -> None:
    room = open_room()
    room.say("3", confidence=0.3)
    assert room.shown == []


def test_yes_presses_the_button_that_means_it(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    assert desk.do(c.Submit()) is None
    room.say("yes")
    assert [(one.kind, one.title) for one in room.proposals] == [("transition", "Yes, order")]
    assert desk.page is not None
    assert desk.page.step == "sure"
    room.copilot.accept(room.proposals[0].id)
    assert desk.page.step == "secret"
    assert [fact.choice for fact in settled(desk)] == ["agreed=true"]


def test_a_proposal_that_was_turned_down_stays_away_and_is_a_fact(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    room.say("3")
    room.copilot.turn_down(room.proposals[0].id)
    assert room.shown == []
    room.say("3")
    assert room.shown == []
    assert [fact.accepted for fact in settled(desk)] == [False]
    assert "boxes" not in values(desk)


def test_a_new_value_takes_the_place_of_the_old_one(open_room: Opens) -> None:
    room = open_room()
    room.say("extra large")
    room.say("3")
    room.say("4")
    assert room.shown == ["Size: Extra large", "Boxes: 4"]


def test_what_the_agent_types_is_the_agents(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    room.say("3")
    first = room.proposals[0].id
    desk.draft("boxes", "5")
    room.copilot.accept(first)
    assert "boxes" not in values(desk), "half typed: not overwritten"
    room.say("4")
    assert room.shown == []
    room.say("extra large")
    assert desk.do(c.Answer(field="size", raw="s")) is None
    assert room.shown == []
    room.say("extra large")
    assert room.shown == []


def test_a_field_that_is_begun_loses_its_proposal_at_once(open_room: Opens) -> None:
    room = open_room()
    room.say("3")
    room.copilot.typed("boxes")
    assert room.shown == []


def test_a_page_that_was_left_takes_its_proposals_along(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    room.say("3")
    gone = room.proposals[0].id
    assert desk.do(c.Submit()) is None
    assert room.shown == []
    assert room.copilot.accept(gone) is None
    assert settled(desk) == []


def test_a_held_call_is_not_listened_to(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    desk.hold()
    assert "hold" in room.copilot.view.copilot.paused
    desk.unhold()
    room.until(lambda: len([ear for ear in room.ears if not ear.closed]) == 1 and len(room.ears) == 2)
    room.say("3")
    assert room.shown == ["Boxes: 3"]


def test_it_ends_with_the_call(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    desk.hang_up()
    assert room.copilot.view.mode == ""
    room.until(lambda: room.hearings[-1].stopped and room.ears[-1].closed)


def test_it_begins_with_each_call_where_the_settings_say_so(desk: FakeDesk) -> None:
    room = Room(desk, always=True)
    try:
        desk.tell("call")
        room.until(lambda: room.copilot.view.copilot.listening == "here")
        assert room.copilot.stop()
        desk.tell("call")
        assert room.copilot.view.mode == "", "sent away by hand"
    finally:
        room.close()


def test_without_an_ear_it_says_so_and_lets_the_call_be(desk: FakeDesk) -> None:
    room = Room(desk, broken=SettingsError("Speech recognition does not start here.", "Run: halodesk doctor"))
    try:
        room.copilot.assist("")
        room.until(lambda: room.copilot.view.mode == "" and bool(room.copilot.view.copilot.remark))
        assert "doctor" in room.copilot.view.copilot.remark
        assert desk.call is not None
        assert desk.call.state == "active"
    finally:
        room.close()


def test_a_phone_that_lost_the_call_ends_the_hearing_and_it_begins_again(
    desk: FakeDesk, open_room: Opens
) -> None:
    room = open_room()
    room.io.call(room.hearings[-1].end)
    room.until(lambda: room.copilot.view.mode == "")
    desk.tell("call")
    room.until(lambda: room.copilot.view.copilot.listening == "here")
    assert len(room.hearings) == 2


def test_the_recogniser_knows_what_the_page_asks_for(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    room.say("hello")
    assert {"Small", "Extra large"} <= set(room.ear().expected.phrases)
    assert room.ear().expected.numbers
    assert desk.do(c.Submit()) is None
    room.until(lambda: "Yes, order" in room.ear().expected.phrases)
    assert not room.ear().expected.numbers


def test_words_that_were_on_their_way_when_the_call_was_held_are_dropped(
    desk: FakeDesk, open_room: Opens
) -> None:
    room = open_room()
    room.io.call(room.ear().hear, heard("3"))
    room.posted()
    desk.hold()
    desk.unhold()
    room.settle()
    assert room.copilot.view.said == ()
    assert room.shown == []


def test_a_provider_that_hears_the_call_is_told_of(desk: FakeDesk, open_room: Opens) -> None:
    assert open_room(away=True).copilot.view.copilot.listening == "away"


def test_a_flow_agent_on_the_call_keeps_it_off(desk: FakeDesk) -> None:
    held = [False]
    room = Room(desk, free=lambda: not held[0])
    try:
        room.begin()
        held[0] = True
        desk.tell("call")
        assert room.copilot.view.mode == ""
        room.copilot.assist("")
        assert room.copilot.view.mode == ""
        assert not room.copilot.view.copilot.possible
    finally:
        room.close()


def test_an_agents_document_does_not_lead_it(desk: FakeDesk) -> None:
    room = Room(desk)
    try:
        room.copilot.assist("clinic")
        assert "page of the flow" in room.copilot.view.copilot.remark
        assert room.copilot.view.mode == ""
    finally:
        room.close()


def test_another_call_in_hand_is_not_listened_to_by_itself(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room()
    assert desk.call is not None
    desk.call = replace(desk.call, key="call-2", sip_call_id="sip-2")
    desk.tell("call")
    assert room.copilot.view.mode == ""


def test_an_ear_that_costs_is_counted_and_capped(desk: FakeDesk, open_room: Opens) -> None:
    room = open_room(manner=Manner(most_cost=0.025))
    room.say("3")
    assert room.copilot.view.cost == pytest.approx(0.01)
    desk.hold()
    desk.unhold()
    room.until(lambda: len(room.ears) == 2)
    room.say("4")
    assert room.copilot.view.cost == pytest.approx(0.02), "with what the first ear cost"
    room.say("5")
    assert room.copilot.view.mode == ""
    assert "used up" in room.copilot.view.copilot.remark
