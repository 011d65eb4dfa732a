"""Messages by which a program speaks on a call instead of the agent, or only hears its far end.

Sound is 16-bit little-endian mono at 16 kHz. Notices go to the client that asked alone;
`FarSound` and `NearSound` are dropped where that client is behind, the others never are.
"""

from __future__ import annotations

from halodesk.protocol.phone_frame import Message

VOICE_RATE = 16_000


class LendVoice(Message, frozen=True, tag="lend_voice"):
    """From now on what is given by `Speak` is said on this call; the microphone is shut out.

    The agent goes on hearing both. It ends with `ReturnVoice`, with the call, and when the client
    that asked leaves: then the microphone speaks again. While a mask is held the program hears
    nothing.
    """

    call: str


class ReturnVoice(Message, frozen=True, tag="return_voice"):
    """The microphone speaks again; speeches that are not over are cut."""

    call: str


class Speak(Message, frozen=True, tag="speak"):
    """Some more sound of a speech, a second at most; `last` with (or after) its end.

    Speeches queue up in turn.
    """

    call: str
    speech: int
    pcm: bytes = b""
    last: bool = False


class StopSpeech(Message, frozen=True, tag="stop_speech"):
    """Silence within one frame (20 ms). `speeches` empty: all; more sound of them is thrown away."""

    call: str
    speeches: tuple[int, ...] = ()


class HearCall(Message, frozen=True, tag="hear_call"):
    """From now on the far end of this call is told by `FarSound`; whoever speaks on it goes on speaking.

    It ends with `StopHearing`, with `LendVoice` of the same client (which hears by itself), with the
    call, and when the client leaves. While a mask is held the program hears nothing. Refused where
    this client hears the call already, and without sound (before it is answered).

    `near`: what the agent's microphone sends is told, too, by `NearSound`; muted it is silence.
    """

    call: str
    near: bool = False


class StopHearing(Message, frozen=True, tag="stop_hearing"):
    """Hear no more; nothing where nothing was heard."""

    call: str


class FarSound(Message, frozen=True, tag="far_sound"):
    """What the far end said in the last 20 ms."""

    call: str
    pcm: bytes


class NearSound(Message, frozen=True, tag="near_sound"):
    """What our side said to the far end in the last 20 ms."""

    call: str
    pcm: bytes


class SpeechStarted(Message, frozen=True, tag="speech_started"):
    """Its first frame went out."""

    call: str
    speech: int


class SpeechEnded(Message, frozen=True, tag="speech_ended"):
    """`whole`: played to its end. `played_ms`: how much of it went out."""

    call: str
    speech: int
    played_ms: int
    whole: bool
