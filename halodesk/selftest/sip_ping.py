"""Does SIP answer there, and how fast: one OPTIONS request (RFC 3261, 11) on a socket of its own.

Any answer counts, a refusal too: it says that a PBX or a phone is there and how long the way is.
"""

from __future__ import annotations

import re
import secrets
import socket
import time

import msgspec

TIMEOUT_S = 3.0
_AGAIN_S = 0.5
"""The first wait of a datagram for its answer; doubled each time (RFC 3261, 17.1.2.2)."""
_LARGEST = 65_535
_URI = re.compile(
    r"(?:<?\s*sips?:)?(?:[^@]*@)?(?P<host>\[[0-9a-fA-F:.]+\]|[^:;?>\s]+)(?::(?P<port>\d{1,5}))?(?:[;?>].*)?"
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `who` is its Server or User-Agent header, where it has one."""

    status: int
    who: str
    rtt_ms: float


def host_port(uri: str, default: int = 5060) -> tuple[str, int]:
    """Where a SIP URI leads, with or without its scheme. Host "" where there is none."""
    found = _URI.fullmatch(uri.strip())
    if found is None:
        return "", default
    return found["host"].strip("[]"), int(found["port"] or default)


def ping(
    host: str, port: int, *, transport: str = "udp", bind: str = "", timeout_s: float = TIMEOUT_S
) -> Answer | None:
    """One OPTIONS; None where nothing that speaks SIP answers in time. Raises `OSError`."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    stream = transport != "udp"
    kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    with socket.socket(family, kind) as link:
        if bind:
            link.bind((bind, 0))
        link.settimeout(timeout_s)
        link.connect(address)
        mine = link.getsockname()
        request, call = _options(host, port, mine[0], mine[1], "TCP" if stream else "UDP")
        return _exchange(link, request, call, stream, timeout_s)


def _exchange(
    link: socket.socket, request: bytes, call: str, stream: bool, timeout_s: float
) -> Answer | None:
    begun = time.perf_counter()
    deadline, wait, heard = begun + timeout_s, _AGAIN_S, b""
    link.sendall(request)
    while (left := deadline - time.perf_counter()) > 0:
        link.settimeout(left if stream else min(left, wait))
        try:
            data = link.recv(_LARGEST)
        except TimeoutError:
            if not stream:
                link.sendall(request)
                wait *= 2
            continue
        except ConnectionError:
            return None
        if stream and not data:
            return None
        heard = heard + data if stream else data
        answer = _answer(heard, call, (time.perf_counter() - begun) * 1e3)
        if answer is not None:
            return answer
        if len(heard) > _LARGEST:
            return None
    return None


def _answer(data: bytes, call: str, rtt_ms: float) -> Answer | None:
    head, end, _ = data.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    first = re.match(r"SIP/2\.0 (\d{3})", lines[0])
    if not end or first is None or int(first[1]) < 200:
        return None
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines[1:])
    }
    if headers.get("call-id", headers.get("i", "")) != call:
        return None
    who = headers.get("server") or headers.get("user-agent") or ""
    return Answer(status=int(first[1]), who=who, rtt_ms=rtt_ms)


def _options(host: str, port: int, mine: str, my_port: int, transport: str) -> tuple[bytes, str]:
    there, here = (f"[{name}]" if ":" in name else name for name in (host, mine))
    call = f"{secrets.token_hex(8)}@{here}"
    lines = [
        f"OPTIONS sip:{there}:{port} SIP/2.0",
        f"Via: SIP/2.0/{transport} {here}:{my_port};rport;branch=z9hG4bK{secrets.token_hex(8)}",
        "Max-Forwards: 70",
        f"From: <sip:doctor@{here}>;tag={secrets.token_hex(4)}",
        f"To: <sip:{there}:{port}>",
        f"Call-ID: {call}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:doctor@{here}:{my_port}>",
        "User-Agent: HaloDesk doctor",
        "Accept: application/sdp",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode(), call
