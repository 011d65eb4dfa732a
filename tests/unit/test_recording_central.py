"""The control that asks the central server: what each answer, silence and loss of the line means."""

from __future__ import annotations

import asyncio
from typing import cast

from halodesk.protocol.mask import MaskNews, Verdict
from halodesk.recording import open_control
from halodesk.recording.central import MANY, CentralControl
from halodesk.recording.control import Surroundings
from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.runtime.ports import RecorderAnswer
from halodesk.runtime.threads import SystemClock
from tests.fakes.mask_server import FakeMaskServer


class One:
    def __init__(self) -> None:
        self.server = FakeMaskServer()
        self.news: list[tuple[str, RecorderAnswer]] = []
        around = Surroundings(
            on_changed=lambda call, answer: self.news.append((call, answer)), line=lambda: self.server
        )
        self.control = cast(CentralControl, open_control({"control": "central", "name": "PBX"}, around))
        self.control.start()

    def mask(self, call: str = "a") -> RecorderAnswer:
        return asyncio.run(self.control.mask(call, "l"))

    def unmask(self, call: str = "a") -> RecorderAnswer:
        return asyncio.run(self.control.unmask(call, "l"))


def test_the_servers_word_is_passed_on() -> None:
    one = One()
    verdicts: tuple[Verdict, ...] = ("confirmed", "unconfirmed", "failed")
    for verdict in verdicts:
        one.server.verdict = verdict
        for answer in (one.mask(), one.unmask()):
            assert (answer.recorder, answer.verdict, answer.detail) == ("PBX", verdict, "so it is")
    assert [(x.act, x.call, x.lease) for x in one.server.asked[:2]] == [
        ("mask", "a", "l"),
        ("unmask", "a", "l"),
    ]


def test_a_server_that_is_away_is_a_failure_in_words() -> None:
    one = One()
    one.server.away = True
    answer = one.mask()
    assert (answer.verdict, answer.detail, answer.todo) == (
        "failed",
        "The server cannot be reached.",
        "Wait.",
    )


def test_a_lost_line_is_bad_news_about_every_masked_call_and_no_other() -> None:
    one = One()
    for call in ("a", "b", "c"):
        one.mask(call)
    one.unmask("b")
    one.control.line_lost("It is gone.")
    assert [(call, x.verdict) for call, x in one.news] == [("a", "failed"), ("c", "failed")]
    one.news.clear()
    one.control.line_up()
    assert [call for call, _ in one.news] == ["a", "c"]


def test_news_about_calls_that_are_not_masked_are_dropped() -> None:
    one = One()
    one.mask()
    one.control.news(MaskNews(call="b", verdict="failed"))
    one.control.news(MaskNews(call="a", verdict="failed", detail="A recording started."))
    ((call, answer),) = one.news
    assert (call, answer.verdict, answer.detail) == ("a", "failed", "A recording started.")
    assert answer.todo


def test_a_moved_call_says_where_it_came_from_until_the_server_has_heard() -> None:
    one = One()
    one.mask()
    one.control.moved("a", "b")
    one.server.verdict = "failed"
    one.mask("b")
    one.control.moved("b", "c")
    one.server.away = True
    one.mask("c")
    one.server.away, one.server.verdict = False, "confirmed"
    one.mask("c")
    one.mask("c")
    assert [(x.call, x.was) for x in one.server.asked] == [
        ("a", ""),
        ("b", "a"),
        ("c", "a"),
        ("c", "a"),
        ("c", ""),
    ]
    one.control.line_lost("gone")
    assert [call for call, _ in one.news] == ["c"]


def test_calls_that_ended_masked_are_forgotten_in_time() -> None:
    one = One()
    for number in range(MANY + 10):
        one.mask(str(number))
    one.control.line_lost("gone")
    assert len(one.news) == MANY
    assert one.news[-1][0] == str(MANY + 9)


def test_a_lease_locks_with_the_line_and_asks_at_once_when_it_is_back() -> None:
    async def run() -> None:
        server, said = FakeMaskServer(), list[LeaseState]()
        leases = MaskLeases(SystemClock(), period_s=30.0)
        control = CentralControl(
            server,
            name="PBX",
            on_changed=lambda call, answer: leases.recorder_changed("PBX", call, answer),
            timeout_s=1.0,
        )
        heard = asyncio.Event()

        def hear(state: LeaseState) -> None:
            said.append(state)
            heard.set()

        async def reaches(*phases: str) -> None:
            async with asyncio.timeout(5):
                while [state.state for state in said] != list(phases):
                    heard.clear()
                    await heard.wait()

        leases.hold("card", "a", [control], hear)
        await reaches("wanted", "held")
        control.line_lost("The server is away.")
        await reaches("wanted", "held", "lost")
        assert "The server is away." in said[-1].message
        control.line_up()
        await reaches("wanted", "held", "lost", "held")
        await leases.close()
        await control.close()
        assert server.closed

    asyncio.run(run())
