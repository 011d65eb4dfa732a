"""The control `freeswitch` against a server that speaks its event socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from halodesk.recording import open_control
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.runtime.ports import beside
from tests.fakes.freeswitch import FakeFreeSwitch, Leg

CALL = "abc@desk"


@asynccontextmanager
async def pbx(**settings: object) -> AsyncIterator[tuple[FakeFreeSwitch, Control]]:
    server = FakeFreeSwitch()
    await server.start()
    server.legs = {
        "agent": Leg("one", CALL),
        "caller": Leg("one", "other@trunk", {"/rec/a b.wav": False}),
        "stranger": Leg("two", "x@y", {"/rec/stranger.wav": False}),
    }
    around = Surroundings(on_changed=lambda *_: None, line=no_server, timeout_s=0.8)
    given = {"control": "freeswitch", "host": "127.0.0.1", "port": server.port, "password": "ClueCon"}
    control = open_control({**given, **settings}, around)
    try:
        yield server, control
    finally:
        await control.close()
        await server.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()

    asyncio.run(whole())


def masked(server: FakeFreeSwitch) -> dict[str, bool]:
    return {file: on for leg in server.legs.values() for file, on in leg.recordings.items()}


def test_every_recording_of_the_call_is_masked_and_nobody_elses() -> None:
    async def test() -> None:
        async with pbx() as (server, control):
            answer = await control.mask(CALL, "card")
            assert (answer.verdict, answer.detail) == (
                "confirmed",
                "The PBX has masked 1 recording of this call.",
            )
            assert masked(server) == {"/rec/a b.wav": True, "/rec/stranger.wav": False}
            assert (await control.unmask(CALL, "card")).verdict == "confirmed"
            assert not any(masked(server).values())

    run(test)


def test_a_recording_that_starts_meanwhile_is_masked_before_the_answer() -> None:
    async def test() -> None:
        async with pbx() as (server, control):
            server.starts_late = {"agent": "/rec/late.wav"}
            assert (await control.mask(CALL, "card")).verdict == "confirmed"
            assert masked(server)["/rec/late.wav"]

    run(test)


@pytest.mark.parametrize("expects", [True, False])
def test_where_nothing_records_policy_decides(expects: bool) -> None:
    async def test() -> None:
        async with pbx(expects_recording=expects) as (server, control):
            server.legs["caller"].recordings.clear()
            assert (await control.mask(CALL, "card")).verdict == ("failed" if expects else "confirmed")
            beside_it = await control.mask(CALL, beside("card"))
            assert beside_it.verdict == "confirmed", "a recording is expected of the customer's call only"

    run(test)


def test_a_refusal_an_unknown_call_and_a_wrong_password_are_failures_in_words() -> None:
    async def test() -> None:
        async with pbx() as (server, control):
            server.refuse = {"/rec/a b.wav"}
            refused = await control.mask(CALL, "card")
            assert (refused.verdict, refused.detail) == ("failed", "The PBX refused to mask a recording.")
            assert "no call" in (await control.mask("nobody", "card")).detail
            assert (await control.mask("", "card")).verdict == "failed"
        async with pbx(password="wrong") as (_, control):
            assert "password" in (await control.mask(CALL, "card")).detail

    run(test)


def test_a_silent_pbx_fails_in_time_and_a_broken_connection_is_made_anew() -> None:
    async def test() -> None:
        async with pbx() as (server, control):
            assert (await control.mask(CALL, "card")).verdict == "confirmed"
            server.cut()
            assert (await control.mask(CALL, "card")).verdict == "confirmed", "nobody asked meanwhile"
            server.mute = True
            assert "did not answer within 0.8 s" in (await control.mask(CALL, "card")).detail
            server.mute = False
            assert (await control.mask(CALL, "card")).verdict == "confirmed"

    run(test)


def test_a_name_that_would_be_a_second_command_is_never_sent() -> None:
    async def test() -> None:
        async with pbx() as (server, control):
            server.legs["caller"].recordings = {"/rec/x\n\napi shutdown": False}
            assert (await control.mask(CALL, "card")).verdict == "failed"
            assert not any("shutdown" in command for command in server.commands)

    run(test)
