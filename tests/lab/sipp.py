"""sipp as the other side: scenes written in a few words, and runs of one or hundreds of calls.

A scene is a list of what sipp expects and sends. sipp itself judges: a run fails when anything else comes.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.lab.pbx import HOST

SDP = """v=0
o=sipp 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP {payload} 101
a=rtpmap:{payload} {codec}
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a={direction}"""
CODECS = {"PCMA/8000": 8, "PCMU/8000": 0, "G722/8000": 9}


def sdp(codec: str = "PCMA/8000", direction: str = "sendrecv", version: int = 1) -> str:
    """An offer or answer with one codec."""
    return SDP.format(codec=codec, payload=CODECS[codec], direction=direction, version=version)


def expect(request: str, *, optional: bool = False) -> str:
    """A request from the phone."""
    return f'<recv request="{request}" crlf="true" rrs="true"{_optional(optional)}/>'


def answered(code: int, *, optional: bool = False) -> str:
    """An answer from the phone to what sipp asked."""
    return f'<recv response="{code}" rrs="true"{_optional(optional)}/>'


def reply(status: str, *headers: str, body: str = "") -> str:
    """sipp's answer to the last request."""
    lines = [
        f"SIP/2.0 {status}",
        "[last_Via:]",
        "[last_From:]",
        "[last_To:];tag=[pid]Sipp[call_number]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:sipp@[local_ip]:[local_port]>",
        *headers,
    ]
    return _send(lines, body)


def reply_within(status: str, *headers: str, body: str = "") -> str:
    """sipp's answer to a request within the dialogue: To has its tag already."""
    lines = [f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]"]
    return _send([*lines, "[last_CSeq:]", "Contact: <sip:sipp@[local_ip]:[local_port]>", *headers], body)


def ask(
    method: str, *headers: str, body: str = "", number: int = 1, name: str = "sipp", within: bool = False
) -> str:
    """A request of sipp, who is the caller; `within` the dialogue."""
    to = "<sip:[service]@[remote_ip]:[remote_port]>" + ("[peer_tag_param]" if within else "")
    lines = [
        f"{method} {'[next_url]' if within else 'sip:[service]@[remote_ip]:[remote_port]'} SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        f"From: {name} <sip:5550143@[local_ip]:[local_port]>;tag=[pid]Sipp[call_number]",
        f"To: {to}",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:sipp@[local_ip]:[local_port]>",
        "Max-Forwards: 70",
        *headers,
    ]
    return _send(lines, body)


def acknowledge(*, number: int = 1, back: int = 0) -> str:
    """ACK; that of a refusal belongs to the transaction of the INVITE, `back` messages before."""
    if not back:
        return ask("ACK", number=number, within=True)
    text = ask("ACK", number=number, within=True).replace("[branch]", f"[branch-{back}]")
    return text.replace("ACK [next_url]", "ACK sip:[service]@[remote_ip]:[remote_port]")


def pause(milliseconds: int) -> str:
    """Nothing for so long."""
    return f'<pause milliseconds="{milliseconds}"/>'


def _optional(yes: bool) -> str:
    return ' optional="true"' if yes else ""


def _send(lines: list[str], body: str) -> str:
    length = "[len]" if body else "0"
    kind = (
        []
        if not body
        else []
        if any(line.startswith("Content-Type") for line in lines)
        else ["Content-Type: application/sdp"]
    )
    text = "\n".join([*lines, *kind, f"Content-Length: {length}", "", body])
    return f"<send><![CDATA[\n{text}\n]]></send>"


class Sipp:
    """One run of sipp; ended with the `with` block at the latest."""

    def __init__(self, folder: Path, *scene: str, to: str = "", calls: int = 1, **options: str) -> None:
        """`to`: host and port sipp calls; empty: it waits for calls. `options` without their dash."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.errors = folder / f"errors-{self.port}.txt"
        file = folder / f"scene-{self.port}.xml"
        body = "\n".join(scene)
        file.write_text(f'<?xml version="1.0"?>\n<scenario name="{folder.name}">\n{body}\n</scenario>\n')
        program = shutil.which("sipp")
        assert program is not None, "not installed: sipp (package sip-tester)"
        given = {"i": HOST, "mi": HOST, "p": str(self.port), "m": str(calls), "s": "1001"} | options
        given.setdefault("mp", str(random.randrange(40_000, 60_000, 4)))
        argv = [program, *([to] if to else []), "-sf", str(file), "-nostdin"]
        argv += ["-trace_err", "-error_file", str(self.errors), "-timeout", "120s"]
        for name, value in given.items():
            argv += [f"-{name}", *([value] if value else [])]
        self._output = open(folder / f"screen-{self.port}.txt", "wb")  # noqa: SIM115 - closed in __exit__
        self.process = subprocess.Popen(argv, stdout=self._output, stderr=subprocess.STDOUT, cwd=folder)
        while self.process.poll() is None and not _bound(self.port):
            time.sleep(0.005)

    def __enter__(self) -> Sipp:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._output.close()

    def wait(self, timeout_s: float = 60.0) -> None:
        """Until all calls are over; raises `AssertionError` with sipp's complaint when one went wrong."""
        code = self.process.wait(timeout_s)
        said = self.errors.read_text(errors="replace")[-2000:] if self.errors.exists() else ""
        assert code == 0, f"sipp ended with {code}: {said}"


def _bound(port: int) -> bool:
    """Whether somebody has opened this UDP port."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)


def free_port() -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
