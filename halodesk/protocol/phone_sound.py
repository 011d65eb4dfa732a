"""What the phone tells of the sound beyond its devices: levels, quality of a call, tests, ringing."""

from __future__ import annotations

from typing import Literal

import msgspec

SoundTest = Literal["off", "hear", "record", "play"]
"""`hear`: the microphone in the speaker, a moment later. `record`, then `play` by itself."""

SILENT_DB = -96.0
"""Level of no sound at all, in dB below full scale of 16 bits."""


class CallQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How a call sounds, over the last ten seconds. `in`: what we hear, `out`: what the other side hears."""

    call: str
    loss_in: float = 0.0
    """0 to 1."""
    loss_out: float = 0.0
    jitter_in_ms: float = 0.0
    jitter_out_ms: float = 0.0
    round_trip_ms: float = 0.0
    mos_in: float = 0.0
    """Estimated mean opinion score, 1 to 4.5 (`sip.phone.rating`)."""
    mos_out: float = 0.0
    reported: bool = False
    """The other side reports what it hears (RTCP); else `out` is not known."""
    message: str = ""
    """What is wrong, in words a person understands; empty when all is well."""
    todo: str = ""


class Ringing(msgspec.Struct, frozen=True, kw_only=True):
    """How an incoming call is heard besides the device that rings."""

    volume: int = 80
    """0: it does not ring; 100: as loud as the device is."""
    headset_too: bool = False
    """Rings in the headset of the calls as well."""
