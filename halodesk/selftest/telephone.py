"""The doctor's lines about the telephone: phone build, devices, ports, PBX, its manager, gateways."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from halodesk.connectors.payments import providers
from halodesk.engine.errors import RecorderError
from halodesk.recording import control_type, feature_code, peer
from halodesk.recording.ami import AmiAccess, AmiClient
from halodesk.recording.ami_wire import AmiMessage
from halodesk.recording.asterisk_ami import AmiSettings
from halodesk.recording.control import parsed
from halodesk.runtime import settings as s
from halodesk.selftest import sip_ping
from halodesk.selftest.checks import Check, not_checked, ok, problem, warning
from halodesk.selftest.children import Devices, Probe, running_phone

CALLS = 4
SLOW_MS = 300.0
AMI_S = 6.0
AMI_NEEDS = ("BridgeList", "CoreShowChannels", "Getvar", "MixMonitorMute")
"""What masking asks of the manager (`recording.asterisk`, `recording.mixmonitor`)."""
AMI_PROOF_NEEDS = ("BridgeList", "CoreShowChannels", "Getvar")
"""What it takes to follow recordings (`recording.feature_watch`)."""

_ALONE = "A phone without a window holds this seat's line; asking it would take over what it keeps."


def phone(probe: Probe, given: s.Settings | None = None) -> Check:
    """What the phone build can do, and whether it is what the accounts demand."""
    found = probe.capabilities
    if found is None and probe.whose == "alone":
        return not_checked("phone", _ALONE, "Start HaloDesk: it takes the phone over.")
    if found is None:
        return problem("phone", probe.failure, probe.todo or "Install HaloDesk anew.")
    words = f"pjsua2 {found.version}, {found.max_calls} calls at a time, codecs {', '.join(found.codecs)}."
    lacks = [name for name, there in (("TLS", found.tls), ("SRTP", found.srtp)) if not there]
    lines = given.lines if given is not None else ()
    wanted = {
        "TLS": [line.uri for line in lines if line.transport == "tls"],
        "SRTP": [line.uri for line in lines if line.srtp == "required"],
    }
    refused = [f"{name} of {', '.join(wanted[name])}" for name in lacks if wanted[name]]
    if refused:
        todo = "Install a build with it: HaloDesk does not fall back to an open line."
        return problem("phone", f"{words} Demanded, and not in this build: {'; '.join(refused)}.", todo)
    open_keys = [line.uri for line in lines if line.srtp != "off" and line.transport != "tls"]
    if open_keys:
        return warning(
            "phone",
            f"{words} The keys of encrypted calls travel in the clear: {', '.join(open_keys)}.",
            'Set "transport": "tls" for the account, or calls are not called secured.',
        )
    if lacks:
        todo = "Install a build with it where calls or passwords cross a network that others share."
        return warning("phone", f"{words} Not in this build: {', '.join(lacks)}.", todo)
    return ok("phone", words)


def devices(given: s.Settings, look: Callable[[], Devices]) -> Check:
    """A microphone and a speaker; `look` lists what there is."""
    if given.sound.devices == "none":
        return not_checked("devices", "The settings say that this seat has no sound devices.")
    found = look()
    if found.missing:
        return problem(
            "devices", f"{found.missing} Calls are without sound.", "Install HaloDesk with its sound part."
        )
    lacks = [name for name, there in (("microphone", found.inputs), ("speaker", found.outputs)) if not there]
    if lacks:
        return problem(
            "devices", f"This computer has no {' and no '.join(lacks)}.", "Plug in a headset, and look again."
        )
    return ok("devices", f"Microphones: {', '.join(found.inputs)}. Speakers: {', '.join(found.outputs)}.")


def sip_port(folder: Path, given: s.Settings) -> Check:
    """The phone's own SIP port is free, or ours."""
    own = running_phone(folder)
    if own is not None and own.sip_port:
        return ok("sip_port", f"Port {own.sip_port} is in use by this seat's own phone.")
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        try:
            with _socket(given.sip_bind, kind) as probe:
                probe.bind((given.sip_bind, given.sip_port))
        except OSError as error:
            return _taken(given, kind, error)
    if not given.sip_port:
        return ok("sip_port", "The phone chooses a free port by itself at each start.")
    return ok("sip_port", f"Port {given.sip_port} is free for the phone.")


def rtp_ports(given: s.Settings) -> Check:
    """Ports for the sound of all calls: the phone takes them from the system's own range."""
    with ExitStack() as held:
        try:
            for _ in range(2 * CALLS):  # sound and its control (RTCP) for each call
                held.enter_context(_socket(given.sip_bind, socket.SOCK_DGRAM)).bind((given.sip_bind, 0))
        except OSError as error:
            return problem(
                "rtp_ports",
                f"There are not {2 * CALLS} free ports for the sound of {CALLS} calls: {error.strerror}.",
                "Check `sip_bind`, and what else uses the network on this computer.",
            )
    return ok("rtp_ports", f"Sound uses UDP ports {_system_range()}; {2 * CALLS} of them are free.")


def pbx(given: s.Settings, probe: Probe) -> Check:
    """The line: its registration, and how far the PBX is."""
    account = given.lines[0] if given.lines else None
    if account is None:
        return not_checked("pbx", "No SIP account is set.", "Fill `account` in the settings.")
    if not account.registrar:
        return not_checked("pbx", "Direct calls only: no registrar is set.")
    over_tls = account.transport == "tls"
    host, port = sip_ping.host_port(account.registrar, 5061 if over_tls else 5060)
    if not host:
        return problem("pbx", f"{account.registrar} is no SIP address.", "Write sip:HOST or sip:HOST:PORT.")
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        return problem("pbx", f"{host} is not known here.", "Check DNS and the name in `account.registrar`.")
    answer = None
    with suppress(OSError):
        if not over_tls:  # the phone itself looks whether the certificate is good
            answer = sip_ping.ping(host, port, transport=account.transport, bind=given.sip_bind)
    no_answer = "is not pinged over TLS" if over_tls else "answers no ping"
    far = f"{host}:{port} " + (f"answers in {answer.rtt_ms:.0f} ms" if answer else no_answer)
    registration = probe.registration
    if registration is None:
        return _without_registration(account, probe, far, answered=answer is not None)
    if registration.state != "registered":
        reason = registration.message or registration.state
        return problem(
            "pbx",
            f"{account.uri} is not registered: {reason}. {far[0].upper()}{far[1:]}.",
            registration.todo or "Check the network, or ask whether the PBX is running.",
        )
    how = "by the open window" if probe.whose == "window" else f"within {probe.registered_ms:.0f} ms"
    words = f"{account.uri} is registered {how}; {far}."
    if answer is not None and answer.rtt_ms > SLOW_MS:
        return warning(
            "pbx", words, "The way to the PBX is long: calls will be heard late. Check the network."
        )
    return ok("pbx", words)


def recorders(given: s.Settings) -> Check:
    """Every recorder of the settings can be reached; a PBX's manager may do what masking needs."""
    if not given.controls:
        todo = "Name in `recorders` whatever else records calls."
        return warning("recorders", "Only our own recorder is masked.", todo)
    said = []
    for wanted in given.controls:
        check = _recorder(wanted)
        if check.state not in ("ok", "not_checked"):
            return check
        said.append(check.message)
    return ok("recorders", " ".join(said))


def _recorder(wanted: Mapping[str, Any]) -> Check:
    key, where = control_type(wanted).key, peer(wanted)
    if where is None and key == feature_code.CONTROL.key:
        words = "Nothing proves what the code of the recorder feature_code does."
        return warning("recorders", words, "Name the PBX's manager in its `ami`: see docs/it.md.")
    if where is None:
        return not_checked("recorders", f"The recorder {key} is asked through the server, see its line.")
    reached = reach("recorders", *where, "The PBX's manager (AMI)" if key == "ami" else f"The recorder {key}")
    if reached.state == "ok" and key == feature_code.CONTROL.key:
        code = feature_code.manager_of(wanted)
        return asyncio.run(_manager(code, AMI_PROOF_NEEDS, "read = call and write = reporting"))
    if reached.state != "ok" or key != "ami":
        return reached
    own = {name: value for name, value in wanted.items() if name in AmiSettings.__struct_fields__}
    access = parsed(key, own, AmiSettings)
    return asyncio.run(_manager(access, AMI_NEEDS, "read = call and write = call,reporting"))


def gateways(given: s.Settings) -> Check:
    """Every payment gateway is known and answers."""
    if not given.gateways:
        return not_checked("gateway", "No payment gateway is set.")
    for found in given.gateways:
        if found.provider not in providers():
            names = ", ".join(sorted(providers()))
            return problem("gateway", f"No gateway is called {found.provider}.", f"Use one of: {names}.")
        parts = urlsplit(found.url or providers()[found.provider].live_url)
        check = reach("gateway", parts.hostname or "", parts.port or 443, f"The gateway {found.name}")
        if check.state != "ok":
            return check
    return ok("gateway", f"It answers: {', '.join(found.name for found in given.gateways)}.")


def reach(name: str, host: str, port: int, what: str) -> Check:
    """Whether a TCP connection comes about, and what is in its way."""
    where = f"{what} at {host}:{port}"
    try:
        socket.create_connection((host, port), timeout=3).close()
    except socket.gaierror:
        return problem(name, f"{host} is not known here.", "Check DNS and the name in the settings.")
    except TimeoutError:
        return problem(
            name, f"{where} does not answer.", "A firewall may be in the way, or the computer is off."
        )
    except ConnectionRefusedError:
        return problem(
            name, f"{where} is not there: the connection was refused.", "Start it, check the port."
        )
    except OSError as error:
        return problem(name, f"{where} cannot be reached: {error.strerror}.", "Check the network.")
    return ok(name, f"{where} answers.")


def _without_registration(account: s.SipAccount, probe: Probe, far: str, *, answered: bool) -> Check:
    if probe.whose == "alone":
        return not_checked("pbx", f"{_ALONE} {far[0].upper()}{far[1:]}.", "Start HaloDesk.")
    if probe.whose == "window":
        return problem("pbx", f"The open window has no line; {far}.", "Restart HaloDesk with these settings.")
    if probe.capabilities is None:  # told in the phone's own line
        return not_checked("pbx", f"No phone could try to register; {far}.")
    return problem("pbx", probe.failure or f"{account.uri} could not be tried.", probe.todo)


def _taken(given: s.Settings, kind: int, error: OSError) -> Check:
    where = f"{given.sip_bind or 'any address'} port {given.sip_port}"
    if error.errno == errno.EADDRNOTAVAIL:
        words = f"{given.sip_bind} is no address of this computer."
        return problem("sip_port", words, "Correct `sip_bind`, or leave it empty.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return problem(
            "sip_port", f"This person may not open {where}.", "Use a port above 1023, or 0 for any."
        )
    if error.errno != errno.EADDRINUSE:
        return problem("sip_port", f"{where} cannot be opened: {error.strerror}.", "Check `sip_bind`.")
    protocol = "udp" if kind == socket.SOCK_DGRAM else "tcp"
    return problem(
        "sip_port",
        f"{where} ({protocol.upper()}) is in use by {_who(given, protocol)}.",
        "End that program, or set `sip_port` to another port, or to 0 for any.",
    )


def _who(given: s.Settings, protocol: str) -> str:
    try:
        host = given.sip_bind or "127.0.0.1"
        answer = sip_ping.ping(host, given.sip_port, transport=protocol, timeout_s=1.5)
    except OSError:
        answer = None
    name = _owner(given.sip_port, protocol)
    if answer is not None:
        return f"another phone or a PBX, {answer.who or 'which does not say its name'}{name}"
    return f"a program that does not speak SIP{name}"


def _owner(port: int, protocol: str) -> str:
    """The program's name, where the system tells it to this person."""
    try:
        found = psutil.net_connections(protocol)
        pid = next(one.pid for one in found if one.laddr and one.laddr.port == port and one.pid)
        return f" ({psutil.Process(pid).name()}, process {pid})"
    except (psutil.Error, OSError, StopIteration):
        return ""


def _socket(bind: str, kind: int) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, kind)


def _system_range() -> str:
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return "that the system gives (usually 49152 to 65535)"
    return f"{low} to {high}"


class _Ears:
    """Hears when the manager connection is up or lost."""

    def __init__(self) -> None:
        self.up = asyncio.Event()

    def ami_up(self) -> None:
        self.up.set()

    def ami_down(self, words: str) -> None:
        """Told by the client's own `problem`."""

    def ami_event(self, event: AmiMessage) -> None:
        """Nothing is followed here."""


async def _manager(ami: AmiSettings | feature_code.CodeAmi, needs: Sequence[str], rights: str) -> Check:
    ears = _Ears()
    access = AmiAccess(host=ami.host, port=ami.port, username=ami.username, secret=ami.secret)
    client = AmiClient(access, ears, chance=lambda: 1.0)
    client.start()
    try:
        async with asyncio.timeout(AMI_S):
            # A refused login is not tried again: it would only count against this user.
            while not ears.up.is_set() and not client.problem.startswith(_REFUSED):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await ears.up.wait()
        if not ears.up.is_set():
            raise TimeoutError
        said = await client.ask("ListCommands", timeout_s=AMI_S)
        return _rights(f"{ami.username} at {ami.host}:{ami.port}", said, needs, rights)
    except TimeoutError:
        return problem(
            "recorders", client.problem, "Check `ami` in the settings and manager.conf of the PBX."
        )
    except RecorderError as error:
        return problem("recorders", error.message, error.todo or "Check manager.conf of the PBX.")
    finally:
        await client.close()


_LOOK_S = 0.1
_REFUSED = ("The PBX refuses the manager user", "The PBX offers no challenge login")


def _rights(user: str, said: AmiMessage, needs: Sequence[str], rights: str) -> Check:
    if not said.success:
        return ok("recorders", f"The manager user {user} is let in. What it may do was not told.")
    may = {name for name, _ in said.headers}
    lacks: Sequence[str] = [name for name in needs if name not in may]
    if lacks:
        return problem(
            "recorders",
            f"The manager user {user} is let in, but may not use {', '.join(lacks)}.",
            f"Give it {rights} in manager.conf.",
        )
    return ok("recorders", f"The manager user {user} is let in and may do what masking needs.")
