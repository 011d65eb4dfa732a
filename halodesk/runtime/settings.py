"""Settings of a seat: one JSON file, checked word by word."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Literal

import msgspec

from halodesk.engine.errors import SettingsError


class SipAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The seat's SIP account. Without `registrar` only calls of `allowed_peers` come in."""

    uri: str
    registrar: str = ""
    username: str = ""
    password: str = ""
    transport: str = "udp"
    allowed_peers: tuple[str, ...] = ()
    dtmf: Literal["rfc4733", "info"] = "rfc4733"
    """How keypad tones travel: in the sound (RFC 4733) or as SIP INFO, as the PBX wants them."""


class Ami(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asterisk manager of the PBX whose recordings must be masked: short for a recorder `ami`."""

    host: str
    port: int = 5038
    username: str = ""
    secret: str = ""
    expects_recording: bool = True
    """The PBX is known to record these calls: finding nothing to mask is a failure."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment gateway. `provider` names a module of `connectors.payments`."""

    name: str = "default"
    provider: str
    url: str
    api_key: str = ""
    timeout_s: float = 15.0


class Sound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sound devices by the system's ids; they count until the agent chooses others in the window."""

    devices: Literal["auto", "none"] = "auto"
    """`none`: the phone is silent and says so; for machines that only test."""
    microphone: str = ""
    speaker: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a seat needs to know. `flows`: files or folders of `*.flow.json`."""

    agent: str = "Agent"
    roles: tuple[str, ...] = ()
    """What the agent may do beyond an agent's work: a cart override names the role it needs."""
    account: SipAccount | None = None
    flows: tuple[str, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    ami: Ami | None = None
    recorders: tuple[dict[str, Any], ...] = ()
    """Every recorder besides our own: `control` names a module of `recording`, the rest is that module's."""
    theme: Literal["light", "dark", "system"] = "system"
    sip_bind: str = ""
    """Local address of the phone; empty: the one that leads to the registrar."""
    sip_port: int = 0
    """Local SIP port; 0: any free one."""
    orphan_after_s: float = 60.0
    """How long a phone without a window keeps its calls."""
    mask_longest_s: float = 900.0
    call_waiting: bool = True
    """A second call rings while the agent speaks; else its caller hears that the line is busy."""
    blind_transfer: Literal["watched", "pbx"] = "watched"
    """`watched`: rung from here, and the caller comes back when nobody answers. `pbx`: left to the PBX."""
    emergency_numbers: tuple[str, ...] = ("112", "911", "999")
    """Dialled at once, whatever the agent is doing, and never masked."""
    sound: Sound = Sound()

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
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077 and _has_secret(found):
        raise SettingsError(
            f"{path.name} holds passwords and can be read by others.", f"Run: chmod 600 {path.name}"
        )
    return found


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
    account, ami = settings.account, settings.ami
    return bool(
        (account and account.password)
        or (ami and ami.secret)
        or any(gateway.api_key for gateway in settings.gateways)
        or settings.recorders
    )
