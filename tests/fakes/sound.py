"""Sound devices for tests of the window: a `SoundPort` that does as it is told."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from halodesk.protocol.phone_link import Meters, SoundDevice, SoundSide, SoundState, SoundUse
from halodesk.protocol.phone_sound import CallQuality, SoundTest
from halodesk.runtime.ports import Unsubscribe

DEVICES = (
    SoundDevice(id="headset_mic", name="Jabra Evolve2 65", side="microphone", default=True),
    SoundDevice(id="builtin_mic", name="Built-in microphone", side="microphone"),
    SoundDevice(id="headset", name="Jabra Evolve2 65", side="speaker", default=True),
    SoundDevice(id="builtin", name="Built-in speakers", side="speaker"),
)
ALL_WELL = SoundState(
    backend="Qt Multimedia",
    devices=DEVICES,
    microphone=SoundUse(device="headset_mic", name="Jabra Evolve2 65"),
    speaker=SoundUse(device="headset", name="Jabra Evolve2 65"),
    ringer=SoundUse(device="builtin", name="Built-in speakers"),
)
NO_MICROPHONE = replace(
    ALL_WELL,
    devices=DEVICES[2:],
    microphone=SoundUse(
        preferred="headset_mic",
        preferred_name="Jabra Evolve2 65",
        message="The microphone “Jabra Evolve2 65” was unplugged. There is no other, and the other side "
        "cannot hear you.",
        todo="Plug it in again, or choose another one under Sound (F9).",
    ),
)


class FakeSound:
    """See `SoundPort`."""

    def __init__(self) -> None:
        self.state = ALL_WELL
        self.chosen: list[tuple[SoundSide, str]] = []
        self.asked: list[tuple[object, ...]] = []
        self.echo_number = ""
        self.qualities: dict[str, CallQuality] = {}
        self.meters = Meters()
        self.listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Remembers the listener."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def choose(self, side: SoundSide, device: str) -> None:
        """Notes the wish."""
        self.chosen.append((side, device))

    def quality(self, call: str) -> CallQuality | None:
        """What a test has said of it."""
        return self.qualities.get(call)

    def read_meters(self, done: Callable[[Meters], None]) -> None:
        """At once."""
        done(self.meters)

    def test(self, test: SoundTest) -> None:
        """Notes the wish."""
        self.asked.append(("test", test))

    def set_ringing(self, volume: int, headset_too: bool) -> None:
        """Notes the wish."""
        self.asked.append(("ringing", volume, headset_too))

    def cancel_echo(self, on: bool) -> None:
        """Notes the wish."""
        self.asked.append(("echo", on))

    def call_echo(self) -> None:
        """Notes the wish."""
        self.asked.append(("call",))

    def show(self, state: SoundState) -> None:
        """The phone says something new."""
        self.state = state
        for listener in tuple(self.listeners):
            listener()
