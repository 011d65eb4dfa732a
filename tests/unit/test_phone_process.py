"""The real phone process, without any PBX: start, end, files, strangers and torture."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.protocol.phone_link import (
    Account,
    CallChanged,
    Dial,
    Mask,
    MaskState,
    Notice,
    Ping,
    ReadMask,
    Register,
    Unmask,
    Unregister,
)
from halodesk.sip.client import PhoneClient, phone_argv
from halodesk.sip.link import ALREADY_RUNS, read_endpoint
from halodesk.sip.phone.endpoint import MAX_CALLS

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PEER = "127.0.0.3"
STRANGER = "127.0.0.2"


def run_phone(data_dir: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*phone_argv(data_dir, "--bind", HOST), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def start(data_dir: Path, *options: str, notices: list[Notice] | None = None) -> PhoneClient:
    heard = [] if notices is None else notices
    return await PhoneClient.attach_or_start(
        data_dir, argv=phone_argv(data_dir, "--bind", HOST, *options), on_notice=heard.append, on_away=print
    )


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A phone that is ready; killed if the test does not end it."""
    with run_phone(tmp_path / "data") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_its_files_are_private_and_gone_at_the_end(phone: subprocess.Popen[bytes], tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    endpoint = read_endpoint(data_dir)
    assert endpoint is not None
    assert endpoint.pid == phone.pid
    assert mode(data_dir / "phone.key") == mode(data_dir / "phone.json") == 0o600
    assert mode(Path(endpoint.address).parent) == 0o700
    assert mode(data_dir / "logs" / "phone.log") == 0o600
    limits = Path(f"/proc/{phone.pid}/limits")
    if limits.exists():
        (core,) = (line for line in limits.read_text().splitlines() if line.startswith("Max core"))
        assert core.split()[4:6] == ["0", "0"]
    phone.send_signal(signal.SIGTERM)
    assert phone.wait(10) == 0
    assert read_endpoint(data_dir) is None
    assert not Path(endpoint.address).exists()


def test_a_second_phone_on_the_same_folder_leaves(phone: subprocess.Popen[bytes], tmp_path: Path) -> None:
    with run_phone(tmp_path / "data") as second:
        assert second.wait(10) == ALREADY_RUNS
    endpoint = read_endpoint(tmp_path / "data")
    assert endpoint is not None
    assert endpoint.pid == phone.pid


def test_a_port_that_is_taken_is_told_in_words(tmp_path: Path) -> None:
    async def play() -> None:
        with pytest.raises(PhoneAwayError, match="cannot open its SIP port"):
            await start(tmp_path / "data", "--sip-port", str(taken.getsockname()[1]))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        asyncio.run(play())


def test_a_microphone_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")

    async def play() -> None:
        with pytest.raises(PhoneAwayError, match="cannot start"):
            await start(tmp_path / "data", "--microphone", str(tmp_path / "bad.wav"))

    asyncio.run(play())


def test_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 20) / ("path" * 20)

    async def play() -> None:
        client = await start(data_dir)
        endpoint = read_endpoint(data_dir)
        assert endpoint is not None
        address = Path(endpoint.address)
        assert len(endpoint.address) < 108
        assert data_dir not in address.parents
        assert mode(address.parent) == 0o700
        await client.quit()
        assert not address.parent.exists()

    asyncio.run(play())


def test_a_phone_started_masked_stays_so_until_told(tmp_path: Path) -> None:
    async def play() -> None:
        client = await start(tmp_path, "--start-masked")
        assert client.snapshot.leases == ("restart",)
        await client.request(Mask(lease="card"))
        await client.close()
        client = await start(tmp_path)
        assert client.snapshot.leases == ("restart", "card")
        state = await client.request(Unmask(lease="restart"))
        assert isinstance(state, MaskState)
        assert state.masked
        await client.request(Unmask(lease="card"))
        state = await client.request(ReadMask())
        assert isinstance(state, MaskState)
        assert not state.masked
        with pytest.raises(PhoneRefusedError, match="name of its lease"):
            await client.request(Mask(lease=""))
        await client.quit()

    asyncio.run(play())


def test_every_window_hears_of_a_mask_of_another(tmp_path: Path) -> None:
    async def play() -> None:
        notices: list[Notice] = []
        first = await start(tmp_path, notices=notices)
        second = await start(tmp_path)
        reply = await second.request(Mask(lease="card"))
        await first.request(Ping())  # notices come in order, before this reply
        assert isinstance(reply, MaskState)
        assert notices == [MaskState(masked=True, leases=("card",))]
        assert first.snapshot.leases == ("card",)
        await second.close()
        await first.quit()

    asyncio.run(play())


def test_a_phone_nobody_attaches_to_leaves(tmp_path: Path) -> None:
    with run_phone(tmp_path, "--orphan-after", "0.3") as process:
        assert process.wait(10) == 0
    assert '"orphaned"' in (tmp_path / "logs" / "phone.log").read_text()


def test_accounts_and_calls_that_are_not_there(tmp_path: Path) -> None:
    async def play() -> None:
        client = await start(tmp_path)
        with pytest.raises(PhoneRefusedError, match="no account"):
            await client.request(Unregister(account="x"))
        with pytest.raises(PhoneRefusedError, match="no account"):
            await client.request(Dial(call="c", account="x", to="1"))
        with pytest.raises(PhoneRefusedError, match="needs a key"):
            await client.request(Register(account=Account(key="", uri="")))
        await client.quit()

    asyncio.run(play())


def sdp(host: str) -> str:
    return "\r\n".join(
        [
            "v=0",
            f"o=- 1 1 IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            "m=audio 9 RTP/AVP 8 0",
            "a=rtpmap:8 PCMA/8000",
            "",
        ]
    )


def invite(
    source: tuple[str, int], target: tuple[str, int], body: str, chance: random.Random | None = None
) -> bytes:
    def unique() -> str:
        return f"{(chance or random).getrandbits(96):024x}"

    lines = [
        f"INVITE sip:desk@{target[0]}:{target[1]} SIP/2.0",
        f"Via: SIP/2.0/UDP {source[0]}:{source[1]};branch=z9hG4bK{unique()};rport",
        f'From: "Ann" <sip:ann@{source[0]}>;tag={unique()}',
        f"To: <sip:desk@{target[0]}>",
        f"Call-ID: {unique()}",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        f"Contact: <sip:ann@{source[0]}:{source[1]}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def mutated(message: bytes, chance: random.Random) -> bytes:
    """The same with some bytes changed, cut out or doubled."""
    data = bytearray(message)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 40)]
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 60)]
    return bytes(data)


def final_codes(sender: socket.socket, wanted: int) -> list[int]:
    """Codes of the first final answers that come."""
    codes: list[int] = []
    while len(codes) < wanted:
        first = sender.recv(65_535).split(b" ", 2)
        if first[0] == b"SIP/2.0" and int(first[1]) >= 200:
            codes.append(int(first[1]))
    return codes


@pytest.mark.parametrize("body", [sdp(STRANGER), ""], ids=["sdp", "no-sdp"])
@pytest.mark.parametrize("able", ["", "Supported: 100rel, timer\r\n"], ids=["plain", "able"])
def test_a_flood_of_strangers_fills_no_line(
    tmp_path: Path, body: str, able: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five hundred and never an ACK: each is refused, and all four lines are still the peer's."""
    count = 500

    def flood(target: tuple[str, int]) -> float:
        with udp(STRANGER) as stranger:
            begun = time.perf_counter()
            for _ in range(count):
                junk = invite(stranger.getsockname(), target, body)
                stranger.sendto(junk.replace(b"Content-Type", f"{able}Content-Type".encode(), 1), target)
                assert final_codes(stranger, 1)[0] in (421, 488, 500)
            return time.perf_counter() - begun

    async def play() -> None:
        notices: list[Notice] = []
        client = await start(tmp_path, notices=notices)
        account = Account(key="desk", uri=f"sip:desk@{HOST}", allowed_peers=(PEER,))
        await client.request(Register(account=account))
        target = (HOST, phone_port(tmp_path))
        seconds = await asyncio.to_thread(flood, target)
        with capsys.disabled():
            print(f" [{count} strangers refused in {seconds:.2f} s]")
        assert not [notice for notice in notices if isinstance(notice, CallChanged)]
        with udp(PEER) as peer:
            for _ in range(MAX_CALLS):
                peer.sendto(invite(peer.getsockname(), target, sdp(PEER)), target)
                while b"180 Ringing" not in await asyncio.to_thread(peer.recv, 65_535):
                    pass
        await client.request(Ping())  # the notices are older than the ringing, but took another way
        told = [notice.call for notice in notices if isinstance(notice, CallChanged)]
        assert [(call.remote_name, call.called) for call in told] == [("Ann", "desk")] * MAX_CALLS
        await client.quit()

    asyncio.run(play())
    log = (tmp_path / "logs" / "phone.log").read_text()
    assert log.count("strangers_refused") == 1, "a flood does not fill the log"


def test_torture_messages_are_survived(tmp_path: Path) -> None:
    chance = random.Random(6)

    async def play() -> None:
        client = await start(tmp_path)
        account = Account(key="desk", uri=f"sip:desk@{HOST}", allowed_peers=(PEER,))
        await client.request(Register(account=account))
        target = (HOST, phone_port(tmp_path))
        with udp(PEER) as peer, udp(STRANGER) as stranger:
            for number in range(1000):
                sender = (peer, stranger)[number % 2]
                body = sdp(sender.getsockname()[0]) if number % 3 else ""
                sender.sendto(mutated(invite(sender.getsockname(), target, body, chance), chance), target)
                if number % 20 == 0:
                    await client.request(Ping())
        await client.request(Ping())
        pid = client.pid
        await client.close()
        client = await start(tmp_path)
        assert client.pid == pid
        await client.quit()

    asyncio.run(play())
    log = (tmp_path / "logs" / "phone.log").read_text()
    assert "callback_failed" not in log
    assert '"phone_left"' in log
    assert "Assertion" not in (tmp_path / "logs" / "phone.stderr").read_text()


def udp(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.settimeout(5)
    return made


def phone_port(data_dir: Path) -> int:
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (data_dir / "logs" / "phone.log").read_text().splitlines()
    ]
    return next(int(line["port"]) for line in reversed(lines) if line["event"] == "phone_started")
