"""What a sound library must be able to do for the phone, and what it tells.

Its streams call `Patch.take` and `Patch.give`; it asks nobody and decides nothing: which device
is used is said by `Sound`.
"""

from __future__ import annotations

from typing import Protocol

from halodesk.protocol.phone_link import SoundDevice, SoundSide


class Backend(Protocol):
    """One sound library, with a thread of its own."""

    name: str

    def start(self) -> None:
        """Begins to tell of devices."""

    def use(self, microphone: str, speaker: str) -> None:
        """Devices by id to speak and hear through from now on; empty: closed. Any thread; never waits."""

    def ring(self, devices: tuple[str, ...]) -> None:
        """Speakers by id the ring tone comes out of from now on, besides all else; any thread."""

    def cancel_echo(self, on: bool) -> None:
        """Takes the loudspeaker out of the microphone from now on (`Patch.cancel_echo`); any thread."""

    def stop(self) -> None:
        """Closes everything and ends the thread."""


class Listener(Protocol):
    """Hears from the library, on the library's thread."""

    def devices(self, found: tuple[SoundDevice, ...]) -> None:
        """All there are now: at the beginning, and whenever one comes or goes."""

    def opened(self, side: SoundSide, device: str) -> None:
        """Sound goes through it."""

    def failed(self, side: SoundSide, device: str, words: str) -> None:
        """It does not open, or has stopped; it is closed. `words` end a sentence about it."""

    def no_echo_canceller(self, words: str) -> None:
        """It cannot be loaded; `words` say why."""

    def ran_dry(self) -> None:
        """The speaker itself had nothing to play."""

    def beat(self) -> None:
        """About once a second while a device is in use."""
