"""The recorder control that presses a code of the PBX: against a fake manager interface, and without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from halodesk.engine.errors import RecorderError, SettingsError
from halodesk.recording import feature_code, open_control, peer
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.runtime.ports import RecorderAnswer
from tests.fakes.ami import FakeAmi, fake_ami, until
from tests.fakes.ami_control import AGENT, CALL, CALLER

CODES = {"pause": "*5", "resume": "*6"}
TOGGLE = {"toggle": "*1"}


class Desk:
    """A control whose keypad is a list, and a PBX that does what `follows` makes of a code."""

    def __init__(self, server: FakeAmi | None, **settings: Any) -> None:
        self.server = server
        self.pressed: list[tuple[str, str]] = []
        self.reports: list[str] = []
        self.refuses = ""
        self.follows: Callable[[str], None] = lambda code: None
        if server is not None:
            where = {"host": "127.0.0.1", "port": server.port, "username": "lab", "secret": "fake-secret"}
            settings["ami"] = where
        around = Surroundings(
            on_changed=lambda call, answer: self.reports.append(answer.verdict),
            line=no_server,
            timeout_s=0.3,
            press=self._press,
        )
        self.control: Control = open_control({"control": "feature_code", **settings}, around)

    async def _press(self, sip_call_id: str, code: str) -> None:
        if self.refuses:
            raise RecorderError(self.refuses)
        self.pressed.append((sip_call_id, code))
        self.follows(code)

    @property
    def codes(self) -> list[str]:
        """What was pressed since the last time."""
        found = [code for _, code in self.pressed]
        self.pressed.clear()
        return found

    async def mask(self, lease: str = "card") -> RecorderAnswer:
        return await self.control.mask(CALL, lease)

    async def unmask(self) -> RecorderAnswer:
        return await self.control.unmask(CALL, "card")

    def stop_and_start(self, code: str) -> None:
        """As features.conf with StopMixMonitor and MixMonitor does, and as a one-touch code does."""
        assert self.server is not None
        recorded = bool(self.server.channels[CALLER].monitors)
        if code in ("*5", "*1") and recorded:
            self.server.stop_recording(CALLER)
        elif code in ("*6", "*1") and not recorded:
            self.server.record(CALLER)


async def told(ask: Callable[[], Coroutine[Any, Any, RecorderAnswer]], *verdicts: str) -> RecorderAnswer:
    """Asks, as a lease does, until one of these is the answer."""
    while (answer := await ask()).verdict not in verdicts:  # noqa: ASYNC110  # asked as a lease asks
        await asyncio.sleep(0.005)
    return answer


def scene(
    play: Callable[[Desk], Coroutine[Any, Any, None]],
    settings: dict[str, str],
    *,
    records: int = 1,
    born_before: bool = False,
) -> None:
    """Plays with a call that the PBX records on the caller's channel."""

    def queue_call(server: FakeAmi) -> None:
        server.call(CALLER, sip_call_id="call-trunk", records=records)
        server.call(AGENT, sip_call_id=CALL, linked_to=CALLER)

    async def run() -> None:
        async with fake_ami() as server:
            if born_before:
                queue_call(server)
            desk = Desk(server, **settings)
            desk.follows = desk.stop_and_start
            desk.control.start()
            await until(lambda: len(server.sent("CoreShowChannels")) == 1)
            while "not connected" in (await desk.control.mask("none", "probe")).detail:  # noqa: ASYNC110  # asked as a lease asks
                await asyncio.sleep(0.005)
            if not born_before:
                queue_call(server)
            desk.reports.clear()
            try:
                async with asyncio.timeout(10):
                    await play(desk)
            finally:
                await desk.control.close()

    asyncio.run(run())


@pytest.fixture
def settles_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_code, "SETTLE_S", 0.0)


@pytest.mark.parametrize("settings", [CODES, TOGGLE], ids=["two codes", "toggle"])
def test_a_code_is_pressed_once_and_counts_by_the_pbxs_word(
    settings: dict[str, str], settles_at_once: None
) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.mask()
        assert (answer.verdict, answer.recorder) == ("confirmed", "PBX (code)")
        assert desk.pressed == [(CALL, settings.get("pause", "*1"))]
        for _ in range(5):
            assert (await desk.mask()).verdict == "confirmed"
        assert len(desk.codes) == 1, "a lease that is renewed presses nothing"
        assert (await desk.unmask()).verdict == "confirmed"
        assert desk.codes == [settings.get("resume", "*1")]
        assert (await desk.unmask()).verdict == "confirmed"
        assert "failed" not in desk.reports

    scene(play, settings)


def test_a_wrong_code_is_a_failure_and_is_not_pressed_for_ever(settles_at_once: None) -> None:
    async def play(desk: Desk) -> None:
        desk.follows = lambda code: None
        answers = [await desk.mask() for _ in range(5)]
        assert {answer.verdict for answer in answers} == {"failed"}
        assert answers[-1].detail == "The PBX does not follow the code *5."
        assert len(desk.codes) == feature_code.MOST_PRESSES

    scene(play, CODES)


def test_a_slow_pbx_gets_no_second_code_and_its_late_word_counts() -> None:
    async def play(desk: Desk) -> None:
        desk.follows = lambda code: None
        for _ in range(3):
            assert (await desk.mask()).verdict == "failed"
        assert desk.codes == ["*1"], (
            "it may still be on its way: a second one would start the recording again"
        )
        desk.stop_and_start("*1")
        await until(lambda: desk.reports == ["confirmed"])
        assert (await desk.mask()).verdict == "confirmed"
        assert desk.codes == []

    scene(play, TOGGLE)


def test_a_pause_that_is_still_on_its_way_is_not_taken_for_a_recording_that_goes_on() -> None:
    async def play(desk: Desk) -> None:
        desk.follows = lambda code: None
        assert (await desk.mask()).verdict == "failed"
        assert (await desk.unmask()).verdict == "failed"
        assert desk.codes == ["*1"]
        desk.stop_and_start("*1")
        assert (await desk.unmask()).verdict == "failed", "paused now, and too early for the next toggle"
        assert desk.codes == []

    scene(play, TOGGLE)


@pytest.mark.parametrize(
    ("settings", "verdict", "pressed"),
    [(CODES, "unconfirmed", ["*5"]), (TOGGLE, "failed", [])],
    ids=["two codes", "toggle"],
)
def test_a_call_older_than_the_connection_is_not_known(
    settings: dict[str, str], verdict: str, pressed: list[str]
) -> None:
    async def play(desk: Desk) -> None:
        desk.follows = lambda code: None
        for _ in range(3):
            assert (await desk.mask()).verdict == verdict
        assert desk.codes == pressed

    scene(play, settings, born_before=True)


def test_without_a_manager_nothing_is_ever_confirmed_and_each_code_is_pressed_once() -> None:
    async def run() -> None:
        desk = Desk(None, **CODES)
        desk.control.start()
        assert [(await desk.mask()).verdict for _ in range(3)] == ["unconfirmed"] * 3
        assert [(await desk.unmask()).verdict for _ in range(3)] == ["unconfirmed"] * 3
        assert desk.codes == ["*5", "*6"]
        await desk.control.close()

    asyncio.run(run())


def test_a_recording_that_starts_while_it_is_paused_is_told_and_paused(settles_at_once: None) -> None:
    async def play(desk: Desk) -> None:
        assert desk.server is not None
        await desk.mask()
        desk.server.record(CALLER)
        await until(lambda: desk.reports == ["failed"])
        assert (await desk.mask()).verdict == "confirmed"
        assert desk.codes == ["*5", "*5"]

    scene(play, CODES)


def test_a_code_that_mutes_in_both_directions_is_proof_and_one_direction_is_not() -> None:
    async def play(desk: Desk) -> None:
        server = desk.server
        assert server is not None
        channel = server.channels[CALLER]
        desk.follows = lambda code: server.event("MixMonitorMute", channel, Direction="read", State="1")
        assert (await desk.mask()).verdict == "failed"
        server.event("MixMonitorMute", channel, Direction="both", State="1")
        await until(lambda: desk.reports == ["confirmed"])
        assert (await desk.mask()).verdict == "confirmed"

    scene(play, CODES)


def test_a_lost_connection_is_told_and_the_call_is_not_known_afterwards() -> None:
    async def play(desk: Desk) -> None:
        assert desk.server is not None
        await desk.mask()
        desk.server.cut()
        await until(lambda: "failed" in desk.reports)
        await told(desk.mask, "unconfirmed")
        assert desk.codes == ["*5"], "it was pressed already"

    scene(play, CODES)


def test_a_masquerade_makes_a_call_unknown() -> None:
    async def play(desk: Desk) -> None:
        assert desk.server is not None
        await desk.mask()
        desk.server.rename(CALLER, "PJSIP/trunk-00000077", "call-trunk")
        await until(lambda: desk.reports == ["failed"])
        assert (await desk.mask()).verdict == "unconfirmed"

    scene(play, CODES)


def test_a_phone_that_refuses_is_a_failure_in_its_words_and_asked_again() -> None:
    async def play(desk: Desk) -> None:
        desk.refuses = "The call is on hold."
        for _ in range(4):
            answer = await desk.mask()
            assert (answer.verdict, answer.detail) == ("failed", "The call is on hold.")
        desk.refuses = ""
        assert (await desk.mask()).verdict == "confirmed"
        assert desk.codes == ["*5"]

    scene(play, CODES)


def test_what_records_nothing_gets_no_code() -> None:
    async def play(desk: Desk) -> None:
        assert desk.server is not None
        answer = await desk.mask()
        assert (answer.verdict, answer.detail) == ("failed", "No PBX recording found to pause.")
        assert (await desk.mask("beside:card")).verdict == "confirmed", (
            "policy expects one of the customer's call"
        )
        assert (await desk.unmask()).verdict == "confirmed"
        assert desk.codes == []

    scene(play, CODES, records=0)


def test_after_a_crash_the_pause_of_the_life_before_is_lifted() -> None:
    async def play(desk: Desk) -> None:
        assert (await desk.unmask()).verdict == "unconfirmed"
        assert desk.codes == ["*6"]
        await told(desk.unmask, "confirmed")
        assert desk.codes == []

    scene(play, CODES, records=0, born_before=True)


def test_a_call_that_moved_keeps_what_was_pressed() -> None:
    async def run() -> None:
        desk = Desk(None, **CODES)
        await desk.mask()
        desk.control.moved(CALL, "new@seat")
        assert (await desk.control.mask("new@seat", "card")).verdict == "unconfirmed"
        await desk.control.unmask("new@seat", "card")
        assert desk.pressed == [(CALL, "*5"), ("new@seat", "*6")]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "two different codes"),
        ({"pause": "*5", "resume": "*5"}, "two different codes"),
        ({"pause": "*5"}, "the code to resume is missing"),
        ({"pause": "five", "resume": "*6"}, "the code to pause is missing or no code"),
        ({"toggle": "*1"}, "needs `ami`"),
        ({"toggle": "*1", "pause": "*5"}, "beside"),
        ({**CODES, "ami": {"host": "pbx", "secret": 5}}, "secret"),
        ({**CODES, "ami": {"host": "pbx", "write": "all"}}, "write"),
    ],
)
def test_settings_that_cannot_work_are_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Desk(None, **settings)
    assert said in caught.value.message
    assert caught.value.todo


def test_a_server_has_no_keypad() -> None:
    around = Surroundings(on_changed=lambda call, answer: None, line=no_server)
    with pytest.raises(SettingsError, match="only a desk can"):
        open_control({"control": "feature_code", **CODES}, around)


def test_only_its_manager_has_an_address() -> None:
    assert peer({"control": "feature_code", **CODES}) is None
    assert peer({"control": "feature_code", **CODES, "ami": {"host": "pbx"}}) == ("pbx", 5038)
