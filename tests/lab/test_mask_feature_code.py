"""The control `feature_code` against a real Asterisk: codes of its features.conf, pressed on a real call.

The manager user that proves may do nothing: `read = call`, `write = reporting`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from halodesk.protocol.phone_link import CallInfo, SendDtmf
from halodesk.recording import feature_code, open_control
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.runtime.lease import LeaseState, MaskLeases
from halodesk.sip.code_keys import CodeKeys
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat
from tests.lab.test_mask_pbx import SILENT_DB, SystemClock, levels, sound

pytestmark = [pytest.mark.lab]

HELD_S = 2.3
"""Two renewals of the lease."""


class Desk:
    """The agent's lease on the call in hand, by the code; what was pressed and what was said."""

    def __init__(self, pbx: Pbx, agent: Seat, **settings: Any) -> None:
        self._agent = agent
        self.codes: list[str] = []
        self.said: list[LeaseState] = []
        self._news = asyncio.Event()
        self.leases = MaskLeases(SystemClock())
        ami = {"host": HOST, "port": pbx.ami_port, "username": "proof", "secret": pbx.secret}
        around = Surroundings(on_changed=self._changed, line=no_server, press=self._press)
        self.control: Control = open_control({"control": "feature_code", "ami": ami, **settings}, around)

    async def _press(self, sip_call_id: str, code: str) -> None:
        keys = CodeKeys(lambda: self._agent.client)
        await asyncio.to_thread(self._agent.run, keys(sip_call_id, code))
        self.codes.append(code)

    def _changed(self, sip_call_id: str, answer: Any) -> None:
        self.leases.recorder_changed(self.control.name, sip_call_id, answer)

    def _heard(self, state: LeaseState) -> None:
        self.said.append(state)
        self._news.set()

    async def ready(self) -> None:
        self.control.start()
        async with asyncio.timeout(20):
            while "not connected" in (await self.control.mask("none", "probe")).detail:  # noqa: ASYNC110  # the control tells nobody that it is connected
                await asyncio.sleep(0.05)

    async def holds(self, call: CallInfo) -> None:
        """Hold the lease and wait until it is held."""
        self.ask(call)
        await self.comes("held")

    def ask(self, call: CallInfo) -> None:
        """Ask for the lease."""
        self.said.clear()
        self.leases.hold("card", call.sip_call_id, [self.control], self._heard)

    async def comes(self, phase: str) -> None:
        """Wait until this is the last word on the lease."""
        await self.until(lambda: bool(self.said) and self.said[-1].state == phase)

    async def until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not found():
                self._news.clear()
                await self._news.wait()

    async def lets_go(self) -> None:
        self.leases.release("card")
        await self.comes("open")

    async def close(self) -> None:
        await self.leases.close()
        await self.control.close()


Scene = Callable[[Desk, CallInfo], Coroutine[Any, Any, None]]


@pytest.fixture
def play(pbx: Pbx, agent: Seat, caller: Seat) -> Callable[..., None]:
    """Plays a scene during a call of the caller to `number`."""

    def run(scene: Scene, number: str, **settings: Any) -> None:
        agent.forget()
        caller.forget()

        async def all_of_it() -> None:
            desk = Desk(pbx, agent, **settings)
            try:
                await desk.ready()  # before the call: it must see the recording begin
                await asyncio.to_thread(caller.dial, number, key="coded", account="1002")
                call = await asyncio.to_thread(agent.answer)
                try:
                    await sound(0.5)  # the two are bridged a moment after the answer
                    await scene(desk, call)
                finally:
                    await asyncio.to_thread(agent.hang_up, call.key)
                    await asyncio.to_thread(caller.call, "ended", "coded")
            finally:
                await desk.close()

        asyncio.run(all_of_it())

    return run


def test_the_pbxs_recording_is_stopped_by_a_code_proven_and_started_again(
    play: Callable[..., None], pbx: Pbx, caller: Seat
) -> None:
    before = set(pbx.recordings.iterdir())

    def new(kind: str) -> list[Any]:
        return [file for file in pbx.recordings.glob(f"{kind}-*.wav") if file not in before]

    async def scene(desk: Desk, call: CallInfo) -> None:
        await sound(0.7)
        await desk.holds(call)
        await sound(0.3)  # MixMonitor writes its last block after it has said that it stops
        (file,) = new("rec")
        size = file.stat().st_size
        assert size > 10_000, "it did record"
        await sound(HELD_S)
        assert file.stat().st_size == size, "nothing is written while the lease is held"
        assert (desk.codes, new("feature")) == (["*8"], []), "renewals press nothing"
        await desk.lets_go()
        await sound(1.0)
        assert desk.codes == ["*8", "*9"]

    play(scene, "91001", pause="*8", resume="*9")
    (rest,) = new("feature")
    assert (levels(rest) > SILENT_DB).sum() > 25, "and it records again"
    assert caller.call("ended", "coded").keys_heard == "", "the PBX keeps its codes from the other side"


@pytest.mark.slow
def test_a_toggle_is_pressed_by_what_the_pbx_tells(play: Callable[..., None], agent: Seat) -> None:
    async def scene(desk: Desk, call: CallInfo) -> None:
        await desk.holds(call)
        assert desk.codes == [], "nothing records yet: the code would start it"
        by_hand = SendDtmf(call=call.key, digits="*1")
        await asyncio.to_thread(agent.ask, by_hand)  # the agent starts a recording, on a masked page
        await desk.comes("lost")
        await desk.comes("held")
        await sound(HELD_S)
        assert desk.codes == ["*1"]
        assert {state.state for state in desk.said[-1:]} == {"held"}
        await sound(1.0)  # a toggle is not pressed before the last one has settled
        await desk.lets_go()
        assert desk.codes == ["*1", "*1"]

    play(scene, "1001", toggle="*1", expects_recording=False)


def test_a_wrong_code_is_told_and_goes_to_the_other_side_no_more_than_twice(
    play: Callable[..., None], caller: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_code, "SETTLE_S", 1.0)

    async def scene(desk: Desk, call: CallInfo) -> None:
        desk.ask(call)
        await desk.until(lambda: any("does not follow" in state.message for state in desk.said))
        assert {state.state for state in desk.said} == {"wanted", "lost"}
        assert desk.codes == ["*7", "*7"]

    play(scene, "91001", pause="*7", resume="*9")
    assert caller.call("ended", "coded").keys_heard == "*7*7"
