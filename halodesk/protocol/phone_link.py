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

PROTOCOL_VERSION = 1
"""Raised when a message changes its meaning; new optional keys do not raise it."""

RESTART_LEASE = "restart"
"""Held by a phone started masked, until the seat gives it back."""

CallState = Literal["incoming", "outgoing", "early", "connecting", "active", "ended"]
HoldState = Literal["off", "pending", "on"]
"""`pending`: asked for, and not answered by the other side yet."""
DtmfMethod = Literal["rfc4733", "info"]
"""As events in the media stream (RFC 4733), or in SIP INFO requests."""
Transport = Literal["udp", "tcp", "tls"]
Srtp = Literal["off", "offered", "required"]
"""Encryption of the sound: never, where the other side agrees, or no call without it."""
TransferState = Literal["", "asked", "failed", "done"]
"""`failed`: the other side is back with the agent, or was never let go."""
RegistrationState = Literal["unregistered", "registering", "registered", "failed"]
NewsKind = Literal["woke", "changed"]
SoundSide = Literal["microphone", "speaker"]


class _Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    rid: int = 0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP account. `registrar` empty means: no registration, direct calls only."""

    key: str
    name: str = ""
    """What a person calls it; empty: its address is shown."""
    uri: str
    registrar: str = ""
    username: str = ""
    password: str = ""
    transport: Transport = "udp"
    """`tls`: nothing else is tried, and the server's certificate is always verified."""
    ca_file: str = ""
    """PEM file of the authorities believed for `tls`; empty: those of the operating system."""
    srtp: Srtp = "off"
    proxy: str = ""
    """Host, or host and port, everything is sent to first (RFC 3261, 8.1.2)."""
    expires_s: int = 300
    keep_alive_s: int = 15
    """Seconds between packets that keep a NAT open for UDP; 0: none. Half of the usual 30 s."""
    outbound: bool = True
    """RFC 5626: the PBX answers on the connection we opened. TCP and TLS only."""
    rewrite_contact: bool = True
    """Register the address the PBX sees us at, not the one behind the NAT."""
    stun: tuple[str, ...] = ()
    """Servers, host or host and port, that tell the address of our sound (RFC 8489)."""
    ice: bool = False
    """RFC 8445: try all ways for the sound with the other side."""
    turn: str = ""
    """Host and port of a relay (RFC 8656); used with `ice` only."""
    turn_username: str = ""
    turn_password: str = ""
    allowed_peers: tuple[str, ...] = ()
    """Hosts besides the registrar whose INVITEs are taken; all others get no line."""


class MaskWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of silence in the recording file, in samples of its timeline."""

    from_sample: int
    to_sample: int | None = None
    """None while the window is open."""
    leases: tuple[str, ...] = ()


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The stereo file of a call: left the agent, right the caller."""

    path: str
    sample_rate: int
    samples: int
    windows: tuple[MaskWindow, ...] = ()
    lost_frames: int = 0
    """20 ms frames the disk could not take; they are silence in the file."""


class CallInfo(msgspec.Struct, frozen=True, kw_only=True):
    """All the seat knows of one call. Times are Unix seconds."""

    key: str
    sip_call_id: str
    account: str
    direction: Literal["in", "out"]
    state: CallState
    remote_uri: str = ""
    remote_number: str = ""
    remote_name: str = ""
    called: str = ""
    """User part the caller dialled (To, then request URI): the DID."""
    headers: dict[str, str] = {}
    """`X-*`, `Diversion`, `P-Asserted-Identity`, `Call-Info`, `Alert-Info` of the INVITE."""
    codec: str = ""
    setup_ms: float | None = None
    """INVITE to answered media, measured at this phone."""
    begun_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    code: int = 0
    reason: str = ""
    """In words a person understands; `code` is the SIP status."""
    recording: Recording | None = None
    local_tag: str = ""
    remote_tag: str = ""
    remote_target: str = ""
    """With the Call-ID these name the dialogue (RFC 3261, 12); set once the call is answered."""
    hold: HoldState = "off"
    """Whether we keep the other side on hold."""
    microphone_muted: bool = False
    """The agent cannot be heard. Has nothing to do with masks: those concern recorders."""
    rescued_from: str = ""
    """Call-ID under which a phone that died held this call (`Rescue`)."""
    secured: bool = False
    """The sound is encrypted (SRTP), and its keys went through an encrypted connection (TLS)."""
    beside: str = ""
    """Key of the call for whose sake this leg exists; it is recorded in that call's file."""
    emergency: bool = False
    conference: bool = False
    """The far ends of all such calls hear each other."""
    transfer: TransferState = ""
    transfer_to: str = ""
    transfer_reason: str = ""
    """Why a transfer failed, in words a person understands."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """State of one account at its registrar."""

    account: str
    name: str = ""
    """What a person calls the account."""
    state: RegistrationState
    code: int = 0
    message: str = ""
    todo: str = ""
    next_try_s: float | None = None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What the installed pjsua2 build can do, found at start-up."""

    version: str
    tls: bool
    srtp: bool
    codecs: tuple[str, ...]
    sound_devices: int
    max_calls: int


class SoundDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A microphone or a speaker the system offers."""

    id: str
    """The system's own name for it: the same whenever it is plugged in."""
    name: str
    side: SoundSide
    default: bool = False
    """The system would take it."""


class SoundUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a call hears or speaks through."""

    preferred: str = ""
    """Id of the device that was chosen; empty: the system's own choice is followed."""
    preferred_name: str = ""
    device: str = ""
    """Id of the device a call uses, or would use now; empty: there is none."""
    name: str = ""
    open: bool = False
    """Sound goes through it at this moment: only during calls."""
    message: str = ""
    """What is not as it should be, in words a person understands; empty when all is well."""
    todo: str = ""


class SoundState(msgspec.Struct, frozen=True, kw_only=True):
    """The sound of the phone."""

    backend: str = ""
    """Name of the sound library; empty while it is loading, and where there is none."""
    silent: bool = False
    """Wanted so: by setting, or because a sound file stands for the microphone."""
    devices: tuple[SoundDevice, ...] = ()
    microphone: SoundUse = SoundUse()
    speaker: SoundUse = SoundUse()


class StreamFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one direction has been through, all calls together. Levels are those of the call now up."""

    under_runs: int = 0
    """Breaks in the sound: nothing was there when it was due."""
    over_runs: int = 0
    """Times the oldest sound was thrown away because too much had gathered."""
    level_ms: float = 0.0
    target_ms: float = 0.0
    """Delay the elastic ring has, and aims at."""
    bent_samples: int = 0
    """Samples added or left out to follow the device's clock."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a newly attached window needs."""

    registrations: tuple[Registration, ...] = ()
    calls: tuple[CallInfo, ...] = ()
    leases: tuple[str, ...] = ()
    sound: SoundState = SoundState()


# requests, seat to phone


class Attach(_Message, frozen=True, tag="attach"):
    protocol: int = PROTOCOL_VERSION
    client: str = "seat"


class Register(_Message, frozen=True, tag="register"):
    account: Account


class Unregister(_Message, frozen=True, tag="unregister"):
    account: str


class Dial(_Message, frozen=True, tag="dial"):
    call: str
    """Key the seat chooses for the new call."""
    account: str
    to: str
    """Number or SIP URI."""
    headers: dict[str, str] = {}
    beside: str = ""
    """Key of a call for whose sake this one is made: it is recorded in that call's file."""
    emergency: bool = False
    """At once, whatever else is up; never masked."""


class AnswerCall(_Message, frozen=True, tag="answer_call"):
    """Take an incoming call. One leg speaks at a time: as with `Dial` and `Unhold` others are held."""

    call: str


class HangUp(_Message, frozen=True, tag="hang_up"):
    call: str
    code: int = 0


class Hold(_Message, frozen=True, tag="hold"):
    """Put the call on hold; "on" in `CallInfo.hold` when the other side has agreed."""

    call: str


class Unhold(_Message, frozen=True, tag="unhold"):
    call: str


class SetMicrophone(_Message, frozen=True, tag="set_microphone"):
    """Whether the other side hears the agent. Done at once, in this process."""

    call: str
    muted: bool


class SendDtmf(_Message, frozen=True, tag="send_dtmf"):
    """Keypad tones: digits, `*`, `#` and A to D."""

    call: str
    digits: str
    method: DtmfMethod = "rfc4733"


class Transfer(_Message, frozen=True, tag="transfer"):
    """Hand the far end of `call` over to `to`, with the call on hold meanwhile.

    With `leg`, a key for a new call, the phone rings `to` itself and hands over once it has
    answered; within `ring_s` or never. Without, the PBX is told to (REFER) and may lose the caller.
    Done means begun; `CallInfo.transfer` says how it went.
    """

    call: str
    to: str
    leg: str = ""
    headers: dict[str, str] = {}
    """Of the new INVITE: ours, or the one the PBX is asked to send."""
    ring_s: int = 30


class CompleteTransfer(_Message, frozen=True, tag="complete_transfer"):
    """Join the far ends of two calls and leave (REFER with Replaces, RFC 3891)."""

    call: str
    leg: str


class CancelTransfer(_Message, frozen=True, tag="cancel_transfer"):
    """Give a transfer up, or a leg made for it: the far end of `call` is taken back."""

    call: str


class Merge(_Message, frozen=True, tag="merge"):
    """A conference of three: the far ends of both calls hear each other and the agent."""

    calls: tuple[str, str]


class Split(_Message, frozen=True, tag="split"):
    """Take the conference apart: the agent goes on with `keep`, the other is put on hold."""

    keep: str


class Rescue(_Message, frozen=True, tag="rescue"):
    """Take over a call of a phone that has died: INVITE with Replaces (RFC 3891).

    `call` is the last that was heard of it; the call goes on under its key, with a new Call-ID
    and a new recording. Where the PBX refuses, it comes back "ended" with the PBX's `code`.
    """

    call: CallInfo


class Mask(_Message, frozen=True, tag="mask"):
    """Silence every recorder of ours from this very frame on; answered by `MaskState`."""

    lease: str


class Unmask(_Message, frozen=True, tag="unmask"):
    lease: str


class ReadMask(_Message, frozen=True, tag="read_mask"):
    pass


class ChooseDevice(_Message, frozen=True, tag="choose_device"):
    """Speak or hear through this device, now and whenever it is there; answered by `SoundChanged`."""

    side: SoundSide
    device: str = ""
    """Id; empty: follow the system's own choice."""


class ReadSound(_Message, frozen=True, tag="read_sound"):
    """Answered by `SoundChanged`."""


class ReadSoundFigures(_Message, frozen=True, tag="read_sound_figures"):
    """Answered by `SoundFigures`."""

    reset: bool = False
    """Count anew from here on."""


class Ping(_Message, frozen=True, tag="ping"):
    pass


class Quit(_Message, frozen=True, tag="quit"):
    """End all calls, close the files, leave."""


# replies and notices, phone to seat


class Attached(_Message, frozen=True, tag="attached"):
    protocol: int
    pid: int
    capabilities: Capabilities
    snapshot: Snapshot


class Done(_Message, frozen=True, tag="done"):
    pass


class Refusal(_Message, frozen=True, tag="refusal"):
    code: str
    message: str
    todo: str = ""


class MaskState(_Message, frozen=True, tag="mask_state"):
    masked: bool
    leases: tuple[str, ...]
    positions: dict[str, int] = {}
    """Call key to the sample of its file at which this state took hold."""


class RegistrationChanged(_Message, frozen=True, tag="registration_changed"):
    registration: Registration


class CallChanged(_Message, frozen=True, tag="call_changed"):
    call: CallInfo


class SoundChanged(_Message, frozen=True, tag="sound_changed"):
    """How the sound stands; also the reply to `ChooseDevice` and `ReadSound`."""

    sound: SoundState


class SoundFigures(_Message, frozen=True, tag="sound_figures"):
    """Since the phone started, or since they were last reset."""

    microphone: StreamFigures
    speaker: StreamFigures
    frames: int = 0
    """20 ms frames that came from calls."""
    gap_p99_ms: float = 0.0
    gap_max_ms: float = 0.0
    """Time between one frame of a call and the next: 20 ms when nothing is in the way."""


class NetworkNews(_Message, frozen=True, tag="network_news"):
    """This computer woke, or its network is another now: whoever keeps a connection tries it again."""

    kind: NewsKind


class Fault(_Message, frozen=True, tag="fault"):
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
    | Ping
    | Quit
)
Reply = Attached | Done | Refusal | MaskState | SoundChanged | SoundFigures
Notice = RegistrationChanged | CallChanged | MaskState | SoundChanged | NetworkNews | Fault

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
