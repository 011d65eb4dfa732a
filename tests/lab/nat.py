"""A desk behind NAT: three network namespaces, a router that masquerades, a PBX and a TURN server in public.

    desk 192.168.77.2  |  router 192.168.77.1, 198.51.100.1  |  public 198.51.100.10 (PBX), .11 (STUN, TURN)

Needs root, `ip` and `iptables`; where they are missing the tests that ask for it are skipped and say so.
The router knows the way out only: nothing from outside reaches the desk but answers.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from halodesk.sip.client import PhoneClient, phone_argv
from tests.lab.pbx import RTP_PORTS, SCRIPT, SECRET, SHARED, LabError, Pbx
from tests.lab.phones import Seat

PBX = "198.51.100.10"
TURN = "198.51.100.11"
OUTSIDE = "198.51.100.1"
RTP_START = 20_000


def missing() -> str:
    """Why there can be no namespaces here; empty: there can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    lacks = [tool for tool in ("ip", "iptables") if shutil.which(tool) is None]
    if lacks:
        return f"not installed: {', '.join(lacks)}"
    probe = f"hd-{secrets.token_hex(3)}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "this machine allows no network namespaces"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return ""


def run(*argv: str) -> str:
    """A command that must work; its output."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


@dataclass(frozen=True)
class NatPbx(Pbx):
    """The PBX in the public namespace."""

    namespace: str = ""

    def cli(self, command: str) -> str:
        return run(*inside(self.namespace, self.environment), "cli", str(self.folder), command)


def inside(namespace: str, environment: dict[str, str]) -> tuple[str, ...]:
    """The lab script in a namespace."""
    given = (f"{key}={value}" for key, value in environment.items())
    return ("ip", "netns", "exec", namespace, "env", *given, "bash", str(SCRIPT))


class NatSeat(Seat):
    """A phone behind the router; its sockets are bound to no address, as on a desk."""

    def __init__(self, data_dir: Path, namespace: str, *options: str) -> None:
        self._namespace = namespace
        super().__init__(data_dir, *options)

    async def _open(self) -> PhoneClient:
        argv = phone_argv(self.data_dir, *self._options)
        return await PhoneClient.attach_or_start(
            self.data_dir,
            argv=["ip", "netns", "exec", self._namespace, *argv],
            on_notice=self._heard,
            on_away=self._lost,
        )


@dataclass(frozen=True)
class NatLab:
    """The three namespaces and what runs in them."""

    desk: str
    router: str
    public: str
    pbx: NatPbx

    def on_router(self, *rule: str) -> str:
        """An iptables command of the router; its output."""
        return run("ip", "netns", "exec", self.router, "iptables", *rule)

    def move_desk(self, old: str, new: str) -> None:
        """The desk gets another address, as with a VPN or another network."""
        at_desk = ("ip", "-n", self.desk)
        run(*at_desk, "addr", "del", f"{old}/24", "dev", "lan")
        run(*at_desk, "addr", "add", f"{new}/24", "dev", "lan")
        run(*at_desk, "route", "replace", "default", "via", "192.168.77.1")


@contextmanager
def nat_lab(folder: Path) -> Iterator[NatLab]:
    """Builds all of it and takes it down."""
    name = secrets.token_hex(3)
    desk, router, public = (f"hd-{name}-{part}" for part in ("desk", "router", "public"))
    with ExitStack() as undo:
        for space in (desk, router, public):
            run("ip", "netns", "add", space)
            undo.callback(run, "ip", "netns", "del", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        for end, peer, inner, outer in ((desk, router, "lan", "lan"), (public, router, "wan", "wan")):
            run("ip", "link", "add", inner, "netns", end, "type", "veth", "peer", outer, "netns", peer)
        for space, link, address in (
            (desk, "lan", "192.168.77.2"),
            (router, "lan", "192.168.77.1"),
            (router, "wan", OUTSIDE),
            (public, "wan", PBX),
            (public, "wan", TURN),
        ):
            run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", link)
            run("ip", "-n", space, "link", "set", link, "up")
        run("ip", "-n", desk, "route", "add", "default", "via", "192.168.77.1")
        run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        masquerade = ("-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE")
        run("ip", "netns", "exec", router, "iptables", *masquerade)
        pbx = undo.enter_context(_pbx(folder, public))
        yield NatLab(desk, router, public, pbx)


@contextmanager
def _pbx(folder: Path, namespace: str) -> Iterator[NatPbx]:
    ports = {"SIP": 5060, "TLS": 5061, "HTTP": 8088, "AMI": 5038}
    environment = {f"LAB_{key}_PORT": str(port) for key, port in ports.items()} | {
        "LAB_BIND": PBX,
        "LAB_SECRET": SECRET,
        "LAB_ROOT": str(SHARED / "root"),
        "LAB_RTP_START": str(RTP_START),
        "LAB_RTP_END": str(RTP_START + RTP_PORTS - 1),
    }
    run(*inside(namespace, environment), "up", str(folder))
    try:
        yield NatPbx(
            folder,
            environment,
            sip_port=5060,
            tls_port=5061,
            ami_port=5038,
            http_port=8088,
            version="",
            host=PBX,
            namespace=namespace,
        )
    finally:
        run(*inside(namespace, environment), "down", str(folder))


@contextmanager
def turn_server(lab: NatLab, folder: Path) -> Iterator[None]:
    """coturn at `TURN`: STUN for everybody, TURN for `desk` with `relay-pass`."""
    log = folder / "turn.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [
                *("ip", "netns", "exec", lab.public, "turnserver", "-n", "--listening-ip", TURN),
                *("--relay-ip", TURN, "--lt-cred-mech", "--user", "desk:relay-pass", "--realm", "lab"),
                *("--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--log-file", "stdout"),
                *("--pidfile", str(folder / "turn.pid"), "--db", str(folder / "turn.db")),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
