"""Settings of a seat: one JSON file, checked word by word."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.protocol.phone_link import DtmfMethod, Srtp, Transport
from halodesk.runtime.agent_settings import (
    AgentRules,
    Directory,
    Queues,
    Voicemail,
    check_lamps,
    check_queues,
)
from halodesk.runtime.desktop_settings import Desktop

MOST_ACCOUNTS = 7
"""pjsua2 has room for eight; one is kept for strangers."""


class FlowAgentLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flow agent of this seat (`answers`: its name) that takes the calls of a line."""

    answers: str
    when: Literal["always", "nobody_ready"] = "nobody_ready"
    """`nobody_ready`: only while the agent's state is another than ready."""


class SipAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SIP account. Without `registrar` only calls of `allowed_peers` come in.

    What the fields mean beyond this: `protocol.phone_link.Account`, which has the same names.
    """

    name: str = ""
    """What the agent calls it; empty: its address is shown."""
    uri: str
    registrar: str = ""
    username: str = ""
    password: str = ""
    transport: Transport = "udp"
    ca_file: str = ""
    srtp: Srtp = "off"
    proxy: str = ""
    expires_s: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = 300
    keep_alive_s: Annotated[int, msgspec.Meta(ge=0, le=600)] = 15
    outbound: bool = True
    rewrite_contact: bool = True
    stun: tuple[str, ...] = ()
    ice: bool = False
    turn: str = ""
    turn_username: str = ""
    turn_password: str = ""
    allowed_peers: tuple[str, ...] = ()
    dtmf: DtmfMethod = "auto"
    """How keypad tones travel: as events (RFC 4733), as SIP INFO, or as tones in the sound (`inband`).
    `auto`: as events where the other side has agreed to them, else in the sound."""
    auto_answer: bool = False
    """A call whose header asks for it (`Call-Info: …;answer-after=0`, say) is answered by itself."""
    flow_agent: FlowAgentLine | None = None
    """A flow agent answers the calls of this line, with the agent beside it."""


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What firewalls and switches between this seat and the PBX want to know."""

    rtp_port: Annotated[int, msgspec.Meta(ge=0, le=65_000)] = 0
    """First UDP port of the sound; 0: any free one."""
    rtp_ports: Annotated[int, msgspec.Meta(ge=16, le=10_000)] = 200
    """How many ports from `rtp_port` on."""
    dscp_sound: Annotated[int, msgspec.Meta(ge=0, le=63)] = 46
    dscp_signalling: Annotated[int, msgspec.Meta(ge=0, le=63)] = 24
    codecs: tuple[Literal["pcma", "pcmu", "g722"], ...] = ("pcma", "pcmu")
    """Codecs of the sound, the preferred first; `g722` is wideband."""
    trace: bool = False
    """Write every SIP message, redacted, to `logs/sip-trace.log`. For finding faults only."""


class Ami(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asterisk manager of the PBX whose recordings must be masked: short for a recorder `ami`."""

    host: str
    port: int = 5038
    username: str = ""
    secret: str = ""
    expects_recording: bool = True
    """The PBX is known to record these calls: finding nothing to mask is a failure."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment gateway. `provider` names a module of `connectors.payments`.

    `api_key` and `client_key`: the key itself, `env:VARIABLE`, or `keyring:ENTRY`.
    """

    name: str = "default"
    provider: str
    url: str = ""
    """Empty: where the provider's live gateway is."""
    api_key: str = ""
    login: str = ""
    """Public part of the log-in: API login ID (Authorize.Net), public key (Braintree)."""
    client_key: str = ""
    """Authorize.Net: the public client key, which only makes tokens."""
    merchant_account: str = ""
    """Braintree: which of the merchant's accounts is charged."""
    currency: str = "USD"
    """Braintree: the currency of that account."""
    timeout_s: float = 15.0


class Sound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sound devices by the system's ids; they count until the agent chooses others in the window."""

    devices: Literal["auto", "none"] = "auto"
    """`none`: the phone is silent and says so; for machines that only test."""
    microphone: str = ""
    speaker: str = ""
    ringer: str = ""
    """Where incoming calls ring; empty: as the system chooses."""
    cancel_echo: bool = False
    """Take out of the microphone what the loudspeaker plays. For loudspeakers; headsets do without."""
    echo_number: str = ""
    """A number of the PBX that sends back what it hears: the test call. Empty: there is none."""


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long recordings are kept, in days after the end of their session; 0: for ever.

    The rule of a disposition goes before that of a flow, and that before `days`.
    """

    days: Annotated[int, msgspec.Meta(ge=0)] = 0
    by_disposition: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = {}
    by_flow: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = {}
    without_session_days: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of calls that no session was opened for; counted from the end of the call."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a seat needs to know. `flows`: files or folders of `*.flow.json`."""

    agent: str = "Agent"
    roles: tuple[str, ...] = ()
    """What the agent may do beyond an agent's work: a cart override names the role it needs."""
    lock_after_s: float = 900.0
    """Where people sign in, a window nobody works in is locked after so long; 0: never by itself."""
    account: SipAccount | None = None
    """Short for `accounts` with this one."""
    accounts: tuple[SipAccount, ...] = ()
    """All lines of this seat; calls go out by the first, unless another is asked for."""
    flows: tuple[str, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    connections: tuple[dict[str, Any], ...] = ()
    """Outside systems that flows call (`connectors.http_call.HttpConnection`)."""
    mail: tuple[dict[str, Any], ...] = ()
    """Accounts that mails are sent from (`connectors.email.provider.MailAccount`)."""
    data: tuple[dict[str, Any], ...] = ()
    """Files and databases that flows read lists from (`connectors.data_sources.DataConnection`)."""
    llm: tuple[dict[str, Any], ...] = ()
    """Models of flow agents, the fallback chain in its order (`connectors.llm.provider.LlmAccount`)."""
    speech: dict[str, Any] = {}
    """Ear and mouth of flow agents on a call (`voice.provider.SpeechSettings`); empty: offline."""
    copilot: bool | None = None
    """Whether the co-pilot listens to each call from its beginning; unset: when the agent asks for it.
    False: there is none."""
    tool_hosts: tuple[dict[str, Any], ...] = ()
    """Where webhook tools of flow agents may call (`connectors.webhook_tools.ToolHost`)."""
    ami: Ami | None = None
    recorders: tuple[dict[str, Any], ...] = ()
    """Every recorder besides our own: `control` names a module of `recording`, the rest is that module's."""
    theme: Literal["light", "dark", "system"] = "system"
    browser_proxy: str = ""
    """Proxy of the network for web pages in a flow: `http://host:port`; empty: they are reached directly."""
    sip_bind: str = ""
    """Local address of the phone; empty: the one that leads to the registrar."""
    sip_port: int = 0
    """Local SIP port; 0: any free one."""
    orphan_after_s: float = 60.0
    """How long a phone without a window keeps its calls."""
    mask_longest_s: float = 900.0
    unconfirmed_unlocks: bool = False
    """A recorder that acknowledges without proof counts as masked, if the server's policy agrees."""
    call_waiting: bool = True
    """A second call rings while the agent speaks; else its caller hears that the line is busy."""
    blind_transfer: Literal["watched", "pbx"] = "watched"
    """`watched`: rung from here, and the caller comes back when nobody answers. `pbx`: left to the PBX."""
    emergency_numbers: tuple[str, ...] | None = None
    """Dialled at once, whatever the agent is doing, and never masked; unset: those of `country`."""
    country: Annotated[str, msgspec.Meta(pattern="^([A-Za-z]{2})?$")] = ""
    """Where this seat is (ISO 3166, `US` say); empty: as this computer is set."""
    recordings: Retention = Retention()
    sound: Sound = Sound()
    network: Network = Network()
    agent_state: AgentRules = AgentRules()
    queues: Queues | None = None
    directory: Directory = Directory()
    voicemail: Voicemail | None = None
    desktop: Desktop = Desktop()

    @property
    def lines(self) -> tuple[SipAccount, ...]:
        """Every account, the short form spelled out."""
        return (*(() if self.account is None else (self.account,)), *self.accounts)

    @property
    def controls(self) -> tuple[dict[str, Any], ...]:
        """Every recorder control, the short form spelled out."""
        short = () if self.ami is None else ({"control": "ami", **msgspec.structs.asdict(self.ami)},)
        return (*short, *self.recorders)


def load(path: Path) -> Settings:
    """Settings of a file. Raises `SettingsError` naming the wrong key."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Name an existing file.") from None
    try:
        found = msgspec.json.decode(data, type=Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path.name}: {error}.", "See docs/it.md for every setting.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path.name} is not JSON: {error}.", "Check brackets, commas and quotes."
        ) from None
    _check_accounts(path.name, found)
    check_lamps(found.directory)
    if found.queues is not None:
        check_queues(found.queues)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077 and _has_secret(found):
        raise SettingsError(
            f"{path.name} holds passwords and can be read by others.", f"Run: chmod 600 {path.name}"
        )
    return found


def _check_accounts(name: str, found: Settings) -> None:
    if found.account is not None and found.accounts:
        raise SettingsError(
            f"{name} has `account` and `accounts`.", "Move the one account to the front of `accounts`."
        )
    if len(found.lines) > MOST_ACCOUNTS:
        raise SettingsError(
            f"{name} has {len(found.lines)} accounts.", f"A phone holds {MOST_ACCOUNTS} at most."
        )
    uris = [line.uri for line in found.lines]
    twice = next((uri for uri in uris if uris.count(uri) > 1), "")
    if twice:
        raise SettingsError(f"{name} has the account {twice} twice.", "Leave one of them out.")
    for line in found.lines:
        if line.turn and not line.ice:
            raise SettingsError(
                f"{name}: `turn` of {line.uri} needs `ice`.", 'Add "ice": true, or leave `turn` out.'
            )


def save(path: Path, settings: Settings) -> None:
    """Write settings, readable by this person only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(path.name + ".new")
    handle = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)


def _has_secret(settings: Settings) -> bool:
    ami = settings.ami
    return bool(
        any(line.password or line.turn_password for line in settings.lines)
        or (ami and ami.secret)
        or (settings.queues and settings.queues.ami and settings.queues.ami.secret)
        or "@" in settings.browser_proxy
        or any(gateway.api_key for gateway in settings.gateways)
        or settings.recorders
        or settings.connections
        or settings.mail
        or settings.data
        or settings.llm
        or settings.speech
        or settings.tool_hosts
    )
