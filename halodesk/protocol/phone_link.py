"""Messages between the seat and the phone process (version 1).

One msgpack frame is one message, over `multiprocessing.connection` bytes. Every request
carries `rid`, a number the seat chooses; the phone answers it with exactly one reply
bearing the same `rid` (`Done`, `Refusal` or what was asked for) and sends notices
(`rid` 0) at any time. Only plain values cross: no pj object, no exception, no traceback.

Masking is counted by lease name and belongs to the phone process, not to a connection:
a seat that dies leaves the mask on. A recorder that starts while a lease is held starts
masked.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from halodesk.protocol.phone_frame import Message
from halodesk.protocol.phone_sound import (
    SILENT_DB,
    CallQuality,
    SoundTest,
)
from halodesk.protocol.phone_state import (
    Account as Account,
)
from halodesk.protocol.phone_state import (
    CallInfo as CallInfo,
)
from halodesk.protocol.phone_state import (
    CallState as CallState,
)
from halodesk.protocol.phone_state import (
    Capabilities as Capabilities,
)
from halodesk.protocol.phone_state import (
    DtmfMethod as DtmfMethod,
)
from halodesk.protocol.phone_state import (
    HeardBy as HeardBy,
)
from halodesk.protocol.phone_state import (
    HoldState as HoldState,
)
from halodesk.protocol.phone_state import (
    MaskWindow as MaskWindow,
)
from halodesk.protocol.phone_state import (
    NewsKind as NewsKind,
)
from halodesk.protocol.phone_state import (
    Recording as Recording,
)
from halodesk.protocol.phone_state import (
    Registration as Registration,
)
from halodesk.protocol.phone_state import (
    RegistrationState as RegistrationState,
)
from halodesk.protocol.phone_state import (
    Snapshot as Snapshot,
)
from halodesk.protocol.phone_state import (
    SoundDevice as SoundDevice,
)
from halodesk.protocol.phone_state import (
    SoundSide as SoundSide,
)
from halodesk.protocol.phone_state import (
    SoundState as SoundState,
)
from halodesk.protocol.phone_state import (
    SoundUse as SoundUse,
)
from halodesk.protocol.phone_state import (
    Srtp as Srtp,
)
from halodesk.protocol.phone_state import (
    StreamFigures as StreamFigures,
)
from halodesk.protocol.phone_state import (
    TransferState as TransferState,
)
from halodesk.protocol.phone_state import (
    Transport as Transport,
)
from halodesk.protocol.phone_voice import (
    FarSound as FarSound,
)
from halodesk.protocol.phone_voice import (
    HearCall as HearCall,
)
from halodesk.protocol.phone_voice import (
    LendVoice as LendVoice,
)
from halodesk.protocol.phone_voice import (
    NearSound as NearSound,
)
from halodesk.protocol.phone_voice import (
    ReturnVoice as ReturnVoice,
)
from halodesk.protocol.phone_voice import (
    Speak as Speak,
)
from halodesk.protocol.phone_voice import (
    SpeechEnded as SpeechEnded,
)
from halodesk.protocol.phone_voice import (
    SpeechStarted as SpeechStarted,
)
from halodesk.protocol.phone_voice import (
    StopHearing as StopHearing,
)
from halodesk.protocol.phone_voice import (
    StopSpeech as StopSpeech,
)

PROTOCOL_VERSION = 1
"""Raised when a message changes its meaning; new optional keys do not raise it."""

RESTART_LEASE = "restart"
"""Held by a phone started masked, until the seat gives it back."""


# requests, seat to phone


class Attach(Message, frozen=True, tag="attach"):
    protocol: int = PROTOCOL_VERSION
    client: str = "seat"


class Register(Message, frozen=True, tag="register"):
    account: Account


class Unregister(Message, frozen=True, tag="unregister"):
    account: str


class Dial(Message, frozen=True, tag="dial"):
    call: str
    """Key the seat chooses for the new call."""
    account: str
    to: str
    """Number or SIP URI."""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    beside: str = ""
    """Key of a call for whose sake this one is made: it is recorded in that call's file."""
    emergency: bool = False
    """At once, whatever else is up; never masked."""


class AnswerCall(Message, frozen=True, tag="answer_call"):
    """Take an incoming call. One leg speaks at a time: as with `Dial` and `Unhold` others are held."""

    call: str


class HangUp(Message, frozen=True, tag="hang_up"):
    call: str
    code: int = 0


class Hold(Message, frozen=True, tag="hold"):
    """Put the call on hold; "on" in `CallInfo.hold` when the other side has agreed."""

    call: str


class Unhold(Message, frozen=True, tag="unhold"):
    call: str


class SetMicrophone(Message, frozen=True, tag="set_microphone"):
    """Whether the other side hears the agent. Done at once, in this process."""

    call: str
    muted: bool


class SendDtmf(Message, frozen=True, tag="send_dtmf"):
    """Keypad tones: digits, `*`, `#` and A to D."""

    call: str
    digits: str
    method: DtmfMethod | Literal[""] = ""
    """Empty: as the call's account wants it."""
    code: bool = False
    """A feature code of the PBX: it is kept apart from keys that a person presses."""


class Transfer(Message, frozen=True, tag="transfer"):
    """Hand the far end of `call` over to `to`, with the call on hold meanwhile.

    With `leg`, a key for a new call, the phone rings `to` itself and hands over once it has
    answered; within `ring_s` or never. Without, the PBX is told to (REFER) and may lose the caller.
    Done means begun; `CallInfo.transfer` says how it went.
    """

    call: str
    to: str
    leg: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    """Of the new INVITE: ours, or the one the PBX is asked to send."""
    ring_s: int = 30


class CompleteTransfer(Message, frozen=True, tag="complete_transfer"):
    """Join the far ends of two calls and leave (REFER with Replaces, RFC 3891)."""

    call: str
    leg: str


class CancelTransfer(Message, frozen=True, tag="cancel_transfer"):
    """Give a transfer up, or a leg made for it: the far end of `call` is taken back."""

    call: str


class Merge(Message, frozen=True, tag="merge"):
    """A conference of three: the far ends of both calls hear each other and the agent."""

    calls: tuple[str, str]


class Split(Message, frozen=True, tag="split"):
    """Take the conference apart: the agent goes on with `keep`, the other is put on hold."""

    keep: str


class Rescue(Message, frozen=True, tag="rescue"):
    """Take over a call of a phone that has died: INVITE with Replaces (RFC 3891).

    `call` is the last that was heard of it; the call goes on under its key, with a new Call-ID
    and a new recording. Where the PBX refuses, it comes back "ended" with the PBX's `code`.
    """

    call: CallInfo


class Mask(Message, frozen=True, tag="mask"):
    """Silence every recorder of ours from this very frame on; answered by `MaskState`."""

    lease: str


class Unmask(Message, frozen=True, tag="unmask"):
    lease: str


class ReadMask(Message, frozen=True, tag="read_mask"):
    pass


class ChooseDevice(Message, frozen=True, tag="choose_device"):
    """Speak or hear through this device, now and whenever it is there; answered by `SoundChanged`."""

    side: SoundSide
    device: str = ""
    """Id; empty: follow the system's own choice."""


class ReadSound(Message, frozen=True, tag="read_sound"):
    """Answered by `SoundChanged`."""


class ReadSoundFigures(Message, frozen=True, tag="read_sound_figures"):
    """Answered by `SoundFigures`."""

    reset: bool = False
    """Count anew from here on."""


class ReadMeters(Message, frozen=True, tag="read_meters"):
    """Answered by `Meters`."""


class TestSound(Message, frozen=True, tag="test_sound"):
    """Hear oneself, without a call: `hear`, `record` or `off`; answered by `SoundChanged`."""

    test: SoundTest


class SetRinging(Message, frozen=True, tag="set_ringing"):
    """How incoming calls ring, from now on and at each start; answered by `SoundChanged`."""

    volume: int
    headset_too: bool = False


class CancelEcho(Message, frozen=True, tag="cancel_echo"):
    """Take the loudspeaker out of the microphone, now and at each start; answered by `SoundChanged`."""

    on: bool


class Ping(Message, frozen=True, tag="ping"):
    pass


class Quit(Message, frozen=True, tag="quit"):
    """End all calls, close the files, leave."""


# replies and notices, phone to seat


class Attached(Message, frozen=True, tag="attached"):
    protocol: int
    pid: int
    capabilities: Capabilities
    snapshot: Snapshot


class Done(Message, frozen=True, tag="done"):
    pass


class Refusal(Message, frozen=True, tag="refusal"):
    code: str
    message: str
    todo: str = ""


class MaskState(Message, frozen=True, tag="mask_state"):
    masked: bool
    leases: tuple[str, ...]
    positions: dict[str, int] = msgspec.field(default_factory=dict)
    """Call key to the sample of its file at which this state took hold."""


class RegistrationChanged(Message, frozen=True, tag="registration_changed"):
    registration: Registration


class CallChanged(Message, frozen=True, tag="call_changed"):
    call: CallInfo


class SoundChanged(Message, frozen=True, tag="sound_changed"):
    """How the sound stands; also the reply to `ChooseDevice` and `ReadSound`."""

    sound: SoundState


class SoundFigures(Message, frozen=True, tag="sound_figures"):
    """Since the phone started, or since they were last reset."""

    microphone: StreamFigures
    speaker: StreamFigures
    frames: int = 0
    """20 ms frames that came from calls."""
    gap_p99_ms: float = 0.0
    gap_max_ms: float = 0.0
    """Time between one frame of a call and the next: 20 ms when nothing is in the way."""


class Meters(Message, frozen=True, tag="meters"):
    """How loud it was since this was last asked: dB below full scale, `SILENT_DB` for nothing."""

    microphone_db: float = SILENT_DB
    speaker_db: float = SILENT_DB


class QualityChanged(Message, frozen=True, tag="quality_changed"):
    """How a call sounds; every two seconds while it does."""

    quality: CallQuality


class NetworkNews(Message, frozen=True, tag="network_news"):
    """This computer woke, or its network is another now: whoever keeps a connection tries it again."""

    kind: NewsKind


class Fault(Message, frozen=True, tag="fault"):
    """Something went wrong that no request asked for (a recording disk that is full, say)."""

    code: str
    message: str
    todo: str = ""


Request = (
    Attach
    | Register
    | Unregister
    | Dial
    | AnswerCall
    | HangUp
    | Hold
    | Unhold
    | SetMicrophone
    | SendDtmf
    | Transfer
    | CompleteTransfer
    | CancelTransfer
    | Merge
    | Split
    | Rescue
    | Mask
    | Unmask
    | ReadMask
    | ChooseDevice
    | ReadSound
    | ReadSoundFigures
    | ReadMeters
    | TestSound
    | SetRinging
    | CancelEcho
    | LendVoice
    | ReturnVoice
    | Speak
    | StopSpeech
    | HearCall
    | StopHearing
    | Ping
    | Quit
)
Reply = Attached | Done | Refusal | MaskState | SoundChanged | SoundFigures | Meters
Notice = (
    RegistrationChanged
    | CallChanged
    | MaskState
    | SoundChanged
    | QualityChanged
    | NetworkNews
    | FarSound
    | NearSound
    | SpeechStarted
    | SpeechEnded
    | Fault
)

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_answers: msgspec.msgpack.Decoder[Reply | Notice] = msgspec.msgpack.Decoder(Reply | Notice)


def encode(message: Request | Reply | Notice) -> bytes:
    """One message as one msgpack frame."""
    return _encoder.encode(message)


def decode_request(frame: bytes) -> Request:
    """Raises `msgspec.DecodeError` (also for a wrong shape) on a frame that is no request."""
    return _requests.decode(frame)


def decode_answer(frame: bytes) -> Reply | Notice:
    """Raises `msgspec.DecodeError` (also for a wrong shape) on a frame that is no answer."""
    return _answers.decode(frame)
