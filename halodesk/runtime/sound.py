"""The sound as the window sees it: what the phone says of its devices, and what the agent is told.

Main thread only. Between calls trouble is a sign in the bar; while there is a call it is a notice,
which goes by itself when all is well again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from msgspec.structs import replace

from halodesk.engine.errors import HaloDeskError
from halodesk.protocol.phone_link import (
    ChooseDevice,
    Notice,
    Reply,
    SoundChanged,
    SoundSide,
    SoundState,
    SoundUse,
)
from halodesk.runtime.desk_face import DeskFace
from halodesk.runtime.ports import DeskNotice, PhonePort, Topic, Unsubscribe
from halodesk.runtime.threads import Post


class SoundDesk:
    """See `halodesk.runtime.ports.SoundPort`."""

    def __init__(self, desk: DeskFace, phone: PhonePort, post: Post) -> None:
        self._desk, self._phone, self._post = desk, phone, post
        self._state = SoundState()
        self._listeners: list[Callable[[], None]] = []
        self._told: dict[SoundSide, DeskNotice] = {}
        desk.subscribe(self._desk_changed)

    @property
    def state(self) -> SoundState:
        """What the phone last said."""
        return self._state

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Be told of changes."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def choose(self, side: SoundSide, device: str) -> None:
        """Speak or hear through this device; empty: follow the system."""
        self._phone.send(ChooseDevice(side=side, device=device)).add_done_callback(self._chosen)

    def take(self, state: SoundState) -> None:
        """The phone is attached and tells how its sound stands."""
        self._state = state
        self._tell_agent()
        for listener in tuple(self._listeners):
            listener()

    def phone_notice(self, notice: Notice) -> None:
        """One message of the phone; all but one kind concern others."""
        if isinstance(notice, SoundChanged):
            self.take(notice.sound)

    def _chosen(self, future: Future[Reply]) -> None:
        """On the io thread."""
        error = future.exception()
        if isinstance(error, HaloDeskError):
            found = DeskNotice(level="error", message=error.message, todo=error.todo)
            self._post(lambda: self._refused(found))
            return
        reply = future.result()
        if isinstance(reply, SoundChanged):
            state = reply.sound
            self._post(lambda: self.take(state))

    def _refused(self, notice: DeskNotice) -> None:
        self._desk.notice(notice)
        for listener in tuple(self._listeners):  # a list shows again what is so
            listener()

    def _desk_changed(self, topic: Topic) -> None:
        if topic == "call":
            self._tell_agent()

    def _tell_agent(self) -> None:
        call = self._desk.call
        up = call is not None and call.state != "ended"
        uses: tuple[tuple[SoundSide, SoundUse], ...] = (
            ("microphone", self._state.microphone),
            ("speaker", self._state.speaker),
        )
        for side, use in uses:
            now: DeskNotice | None = None
            if up and use.message:
                told = DeskNotice(level="error", message=use.message, todo=use.todo)
                now = replace(told, level="warning") if use.device else told
            before = self._told.pop(side, None)
            if now is not None:
                self._told[side] = now
            if now == before:
                continue
            if before is not None and before not in self._told.values():
                self._desk.dismiss(before)
            if now is not None:
                self._desk.notice(now)
