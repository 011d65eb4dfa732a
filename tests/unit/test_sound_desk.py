"""The sound as the window sees it: when the agent is told, and when no longer."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from halodesk.protocol import phone_link as link
from halodesk.runtime.desk_face import DeskFace
from halodesk.runtime.ports import DeskNotice
from halodesk.runtime.sound import SoundDesk
from tests.fakes.phone import FakePhone, active, ended
from tests.fakes.sound import ALL_WELL, NO_MICROPHONE


class Desk(DeskFace):
    """A desk with nothing but a call."""

    def show_call(self, call: link.CallInfo) -> None:
        self._call = call
        self._tell("call")


def run(job: Callable[[], None]) -> None:
    job()


def parts() -> tuple[Desk, FakePhone, SoundDesk]:
    desk, phone = Desk("Ann", ""), FakePhone()
    return desk, phone, SoundDesk(desk, phone, run)


def shown(desk: Desk) -> list[DeskNotice]:
    """What the agent is told now."""
    return list(desk.notices)


def test_trouble_is_a_notice_while_there_is_a_call() -> None:
    desk, _, sound = parts()
    sound.take(NO_MICROPHONE)
    assert not list(desk.notices)
    desk.show_call(active())
    (notice,) = list(desk.notices)
    assert (notice.level, notice.message) == ("error", NO_MICROPHONE.microphone.message)
    assert notice.todo == NO_MICROPHONE.microphone.todo
    other = replace(NO_MICROPHONE.microphone, device="builtin_mic", message="Another one is used.")
    sound.phone_notice(link.SoundChanged(sound=replace(NO_MICROPHONE, microphone=other)))
    (notice,) = list(desk.notices)
    assert (notice.level, notice.message) == ("warning", "Another one is used.")
    sound.take(ALL_WELL)
    assert not list(desk.notices)
    sound.take(NO_MICROPHONE)
    desk.show_call(ended())
    assert not list(desk.notices)


def test_the_same_words_for_both_sides_are_one_notice() -> None:
    desk, _, sound = parts()
    desk.show_call(active())
    use = link.SoundUse(message="The sound library cannot be loaded.")
    sound.take(link.SoundState(microphone=use, speaker=use))
    assert len(shown(desk)) == 1
    sound.take(link.SoundState(microphone=use))
    assert len(shown(desk)) == 1
    sound.take(ALL_WELL)
    assert not list(desk.notices)


def test_a_choice_goes_to_the_phone_and_a_refusal_to_the_agent() -> None:
    desk, phone, sound = parts()
    told: list[link.SoundState] = []
    leave = sound.subscribe(lambda: told.append(sound.state))
    sound.choose("speaker", "builtin")
    (asked,) = phone.of(link.ChooseDevice)
    assert (asked.side, asked.device) == ("speaker", "builtin")
    assert not list(desk.notices)
    phone.refuse = True
    sound.choose("speaker", "gone")
    assert [notice.message for notice in desk.notices] == ["Not now."]
    assert len(told) == 1, "the list shows again what is so"
    leave()
    sound.take(ALL_WELL)
    assert len(told) == 1


def test_other_messages_are_none_of_its_business() -> None:
    _, _, sound = parts()
    sound.phone_notice(link.Fault(code="x", message="y"))
    assert sound.state == link.SoundState()
