"""What the phone tells of itself and of its calls: values inside the messages of `phone_link`."""

from __future__ import annotations

from typing import Literal

import msgspec

from halodesk.protocol.phone_sound import Ringing, SoundTest

CallState = Literal["incoming", "outgoing", "early", "connecting", "active", "ended"]
HoldState = Literal["off", "pending", "on"]
"""`pending`: asked for, and not answered by the other side yet."""
DtmfMethod = Literal["auto", "rfc4733", "info", "inband"]
"""As events in the media stream (RFC 4733), in SIP INFO requests, or as tones in the sound itself.
`auto`: as events where the other side has agreed to them, else in the sound."""
HeardBy = Literal["", "rfc4733", "info", "inband"]
Transport = Literal["udp", "tcp", "tls"]
Srtp = Literal["off", "offered", "required"]
"""Encryption of the sound: never, where the other side agrees, or no call without it."""
TransferState = Literal["", "asked", "failed", "done"]
"""`failed`: the other side is back with the agent, or was never let go."""
RegistrationState = Literal["unregistered", "registering", "registered", "failed"]
NewsKind = Literal["woke", "changed"]
SoundSide = Literal["microphone", "speaker", "ringer"]
"""`ringer`: where incoming calls ring; any device of the side `speaker`."""


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
    dtmf: DtmfMethod = "auto"
    """How keypad tones travel."""
    secured_only: bool = False
    """Policy: not used unless it speaks TLS and requires SRTP."""
    auto_answer: bool = False
    """The PBX and allowed peers may ask by header that a call be answered by itself."""


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
    held_by_other: bool = False
    """The other side keeps us on hold."""
    sent_on_to: str = ""
    """SIP address the PBX sent our call on to (3xx), the last where it did so more than once."""
    keys_heard: str = ""
    """The keys the other side pressed last; none that it pressed while the recording was masked."""
    keys_by: HeardBy = ""
    taken_elsewhere: bool = False
    """It rang here, and the PBX has said that another phone took it."""
    answer_after_s: float | None = None
    """The INVITE asks to be answered by itself after so long, and its account allows it."""


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
    next_try_at: float | None = None
    """Unix seconds."""


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
    ringer: SoundUse = SoundUse()
    ringing: Ringing = Ringing()
    test: SoundTest = "off"
    cancel_echo: bool = False
    """What the loudspeaker plays is taken out of what the microphone hears."""
    echo_trouble: str = ""
    """Why it is not, although it is wanted."""


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
