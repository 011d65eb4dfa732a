"""A locked seat: nobody is signed in, so no session begins by any way; the call in hand and help go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from halodesk.engine import events as e
from halodesk.protocol import phone_link as link
from halodesk.runtime.threads import IoThread
from tests.unit.test_desk_calls import CALL, Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    io = IoThread()
    yield Scene(io)
    io.close()


def test_no_call_is_answered_or_placed_but_help_is_called(scene: Scene) -> None:
    desk, outside = scene.desk, scene.outside
    rings = replace(CALL, key="two", sip_call_id="two@phone", state="incoming", answered_at=None)
    desk.phone_notice(link.CallChanged(call=rings))
    desk.attend(present=False)
    desk.answer_call()
    desk.dial("5550100")
    assert outside.asked(link.AnswerCall) == outside.asked(link.Dial) == []
    desk.dial("112")
    (help_call,) = outside.asked(link.Dial)
    assert isinstance(help_call, link.Dial)
    assert help_call.emergency
    desk.hold()
    assert outside.asked(link.Hold), "the call in hand is still the agent's"
    desk.attend(present=True)
    desk.answer_call()
    assert outside.asked(link.AnswerCall)


def test_a_session_in_other_hands_says_so_once(scene: Scene) -> None:
    desk = scene.desk
    desk.sign_in("Ann Lee", ("agent",))
    desk.sign_in("Lou", ("agent",))
    desk.sign_in("Lou", ("agent",))
    told = [event for event in scene.kept if isinstance(event, e.Incident)]
    assert [event.code for event in told] == ["taken_over"]
    assert desk.agent == "Lou"
