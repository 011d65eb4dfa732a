"""A call that is listened to, without sound: a test says what the recognisers understood."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic, sleep
from typing import Any

from halodesk.engine import events as e
from halodesk.engine import flow as flows
from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow_agent import inputs as i
from halodesk.protocol.phone_link import FarSound
from halodesk.runtime.call_hearing import Sound
from halodesk.runtime.flow_agent.copilot import Copilot
from halodesk.runtime.flow_agent.copilot_ear import Ear, Who
from halodesk.runtime.flow_agent_ports import ChatLLM, Expected
from halodesk.runtime.live_agent_port import Proposal
from halodesk.runtime.threads import IoThread, Post
from tests.ui.fake_desk import FakeDesk

FLOW: dict[str, Any] = {
    "key": "order",
    "name": "Order",
    "start": "ask",
    "steps": [
        {
            "key": "ask",
            "type": "script",
            "title": "The order",
            "config": {"body": "> How many boxes, and which size?"},
            "fields": [
                {"name": "boxes", "type": "number", "label": "Boxes", "config": {"min": 1, "max": 12}},
                {
                    "name": "size",
                    "type": "dropdown",
                    "label": "Size",
                    "options": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Extra large"}],
                },
                {"name": "name", "type": "text", "label": "Name", "config": {"max_length": 20}},
                {"name": "plan", "type": "text", "label": "Plan", "read_only": True, "default": "basic"},
            ],
            "fallback": "sure",
        },
        {
            "key": "sure",
            "type": "script",
            "title": "Sure?",
            "fields": [
                {
                    "name": "agreed",
                    "type": "boolean",
                    "label": "Agreed",
                    "required": True,
                    "config": {"buttons": True, "true_label": "Yes, order", "false_label": "No"},
                }
            ],
            "routes": [{"to": "secret", "when": [{"variable": "agreed", "value": True}]}],
            "fallback": "end",
        },
        {
            "key": "secret",
            "type": "script",
            "title": "Number",
            "fields": [
                {"name": "ssn", "type": "encrypted", "label": "SSN", "kind": "ssn", "retention": "sealed"},
                {"name": "colour", "type": "text", "label": "Colour"},
            ],
            "fallback": "end",
        },
        {"key": "end", "type": "end", "title": "End"},
    ],
}


def order_desk() -> FakeDesk:
    """On a call, at the first page of that flow."""
    made = FakeDesk(flows.from_builtins(FLOW))
    made.ring()
    made.answer_call()
    return made


def settled(desk: FakeDesk) -> list[e.ProposalSettled]:
    """What became of proposals, as the record has it."""
    return [event for event in desk.events if isinstance(event, e.ProposalSettled)]


def values(desk: FakeDesk) -> dict[str, Any]:
    """What stands on the pages."""
    assert desk.state is not None
    return dict(desk.state.values)


def heard(text: str) -> i.Heard:
    """A final utterance."""
    return i.Heard(text=text)


class FakeEar:
    """`STT` that hears what it is told to have heard."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[i.Heard | None] = asyncio.Queue()
        self.fed = 0
        self.closed = False
        self.cost = 0.0
        self.expected = Expected()

    def hear(self, heard: i.Heard) -> None:
        self.cost += 0.01
        self._news.put_nowait(heard)

    def feed(self, pcm: bytes) -> None:
        self.fed += len(pcm)

    def expect(self, expected: Expected) -> None:
        self.expected = expected

    async def final(self) -> i.Heard | None:
        return None

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        while (found := await self._news.get()) is not None:
            yield found

    async def close(self) -> None:
        self.closed = True
        self._news.put_nowait(None)


class FakeHearing:
    """`CallHearing` whose sound a test gives."""

    def __init__(self, call: str, near: bool) -> None:
        self.call, self.near = call, near
        self._sounds: asyncio.Queue[Sound | None] = asyncio.Queue()
        self.stopped = False

    async def start(self) -> None:
        """It hears."""

    async def stop(self) -> None:
        self.stopped = True
        self.end()

    def end(self) -> None:
        self._sounds.put_nowait(None)

    def give(self, sound: Sound) -> None:
        self._sounds.put_nowait(sound)

    async def sounds(self) -> AsyncIterator[Sound]:
        while (sound := await self._sounds.get()) is not None:
            yield sound


class Room:
    """A desk with a co-pilot; `until` runs what is posted to the main thread, unless `post` is another's."""

    def __init__(
        self,
        desk: FakeDesk,
        *,
        models: Callable[[], Sequence[ChatLLM]] | None = None,
        post: Post | None = None,
        away: bool = False,
        broken: HaloDeskError | None = None,
        **more: Any,
    ) -> None:
        self.desk = desk
        self.ears: list[FakeEar] = []
        self.hearings: list[FakeHearing] = []
        self._away, self.broken = away, broken
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.io = IoThread()
        self.copilot = Copilot(
            desk,
            io=self.io,
            post=post or self._calls.put,
            hearing=self._hear,
            open_ear=self._open,
            open_models=models or tuple,
            has_models=models is not None,
            **more,
        )

    def close(self) -> None:
        self.copilot.close()
        self.io.close()

    def _hear(self, call: str, near: bool) -> FakeHearing:
        self.hearings.append(FakeHearing(call, near))
        return self.hearings[-1]

    async def _open(self) -> Ear:
        if self.broken is not None:
            raise self.broken
        self.ears.append(FakeEar())
        return Ear(stt=self.ears[-1], away=self._away)

    def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        end = monotonic() + seconds
        while not holds():
            assert monotonic() < end, f"waited in vain; {self.copilot.view}"
            with contextlib.suppress(queue.Empty):
                self._calls.get(timeout=0.01)()  # what is waited for may happen without a post

    def begin(self) -> None:
        """The agent puts it on the call."""
        self.copilot.assist("")
        self.until(lambda: self.copilot.view.copilot.listening != "")

    def ear(self, who: Who = "caller") -> FakeEar:
        """The newest of this speaker: with two, the caller's is opened first."""
        live = [ear for ear in self.ears if not ear.closed]
        return live[0 if who == "caller" else 1]

    def say(self, text: str, who: Who = "caller", confidence: float = 0.9) -> None:
        """Until the co-pilot knows of it."""
        before = len(self.copilot.view.said)
        self.io.call(self.ear(who).hear, i.Heard(text=text, confidence=confidence))
        self.until(lambda: len(self.copilot.view.said) > before or self.copilot.view.mode == "")

    def posted(self, holds: Callable[[], bool] = lambda: True) -> None:
        """Until something has been posted, which is left lying."""
        end = monotonic() + 10
        while self._calls.empty() or not holds():
            assert monotonic() < end, "nothing was posted"
            sleep(0.005)

    def give_sound(self) -> None:
        self.io.call(self.hearings[-1].give, FarSound(call="call-1", pcm=bytes(640)))

    def settle(self) -> None:
        """Until everything that was on its way through the io loop has arrived."""
        done: list[bool] = []
        self.io.call(
            lambda: self.io.loop.call_later(0.02, lambda: self._calls.put(lambda: done.append(True)))
        )
        self.until(lambda: bool(done))

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        return self.copilot.view.proposals

    @property
    def shown(self) -> list[str]:
        """What stands, in the words of the page."""
        return [f"{one.title}: {one.shown}" if one.shown else one.title for one in self.proposals]
