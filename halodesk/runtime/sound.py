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
    CallChanged,
    CancelEcho,
    ChooseDevice,
    Meters,
    Notice,
    QualityChanged,
    ReadMeters,
    Reply,
    Request,
    SetRinging,
    SoundChanged,
    SoundSide,
    SoundState,
    SoundUse,
    TestSound,
)
from halodesk.protocol.phone_sound import CallQuality, SoundTest
from halodesk.runtime.desk_face import DeskFace
from halodesk.runtime.ports import DeskNotice, PhonePort, Topic, Unsubscribe
from halodesk.runtime.threads import Post


class SoundDesk:
    """See `halodesk.runtime.ports.SoundPort`."""

    def __init__(
        self,
        desk: DeskFace,
        phone: PhonePort,
        post: Post,
        *,
        echo_number: str = "",
        dial: Callable[[str], None] | None = None,
    ) -> None:
        """`dial` makes the test call to `echo_number`; without either there is none."""
        self._desk, self._phone, self._post = desk, phone, post
        self._echo_number, self._dial = echo_number if dial is not None else "", dial
        self._qualities: dict[str, CallQuality] = {}
        self._metering = False
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

    @property
    def echo_number(self) -> str:
        """The number of the test call."""
        return self._echo_number

    def choose(self, side: SoundSide, device: str) -> None:
        """Speak or hear through this device; empty: follow the system."""
        self._ask(ChooseDevice(side=side, device=device))

    def test(self, test: SoundTest) -> None:
        """Hear oneself, or end that."""
        self._ask(TestSound(test=test))

    def set_ringing(self, volume: int, headset_too: bool) -> None:
        """How calls ring."""
        self._ask(SetRinging(volume=volume, headset_too=headset_too))

    def cancel_echo(self, on: bool) -> None:
        """Take the loudspeaker out of the microphone."""
        self._ask(CancelEcho(on=on))

    def call_echo(self) -> None:
        """The test call."""
        if self._dial is not None and self._echo_number:
            self._dial(self._echo_number)

    def quality(self, call: str) -> CallQuality | None:
        """What the phone last said of that call."""
        return self._qualities.get(call)

    def read_meters(self, done: Callable[[Meters], None]) -> None:
        """One question at a time: a phone that is slow is not asked faster."""
        if self._metering:
            return
        self._metering = True

        def answered(future: Future[Reply]) -> None:
            meters = None if future.exception() is not None else future.result()
            self._post(lambda: self._metered(meters, done))

        self._phone.send(ReadMeters()).add_done_callback(answered)

    def _metered(self, meters: Reply | None, done: Callable[[Meters], None]) -> None:
        self._metering = False
        if isinstance(meters, Meters):
            done(meters)

    def _ask(self, request: Request) -> None:
        self._phone.send(request).add_done_callback(self._chosen)

    def take(self, state: SoundState) -> None:
        """The phone is attached and tells how its sound stands."""
        self._state = state
        self._tell_agent()
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def phone_notice(self, notice: Notice) -> None:
        """One message of the phone; all but some kinds concern others."""
        match notice:
            case SoundChanged(sound=sound):
                self.take(sound)
            case QualityChanged(quality=quality):
                self._qualities[quality.call] = quality
                self._tell()
            case CallChanged(call=call) if call.state == "ended":
                self._qualities.pop(call.key, None)
            case _:
                pass

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
        self._tell()  # a list shows again what is so

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
