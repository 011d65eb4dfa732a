"""The seat's client against a phone that is only a hub: replies, refusals, death, lateness."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.protocol.phone_link import (
    PROTOCOL_VERSION,
    Attach,
    Attached,
    CallChanged,
    CallInfo,
    Capabilities,
    Done,
    Fault,
    Mask,
    MaskState,
    Notice,
    Ping,
    Quit,
    ReadMask,
    Refusal,
    Registration,
    RegistrationChanged,
    Request,
    Snapshot,
    Unmask,
)
from halodesk.sip import client as client_module
from halodesk.sip.client import PhoneClient
from halodesk.sip.link import (
    ALREADY_RUNS,
    Endpoint,
    create_key,
    endpoint_file,
    new_address,
    publish_endpoint,
    withdraw_endpoint,
)
from halodesk.sip.phone.hub import Client, Hub
from halodesk.sip.phone.log import make_log

CALL = CallInfo(
    key="c1", sip_call_id="i", account="1001", direction="in", state="active", headers={"X-A": "ä"}
)
CAPABILITIES = Capabilities(
    version="2.15", tls=True, srtp=True, codecs=("PCMA/8000/1",), sound_devices=0, max_calls=4
)
SNAPSHOT = Snapshot(
    registrations=(Registration(account="1001", state="registered", code=200),),
    calls=(CALL,),
    leases=("card",),
)


class FakePhone:
    """A hub whose answers the tests choose."""

    def __init__(self, data_dir: Path) -> None:
        self.client: Client | None = None
        self.left = threading.Event()
        self.protocol = PROTOCOL_VERSION
        self._data_dir = data_dir
        address = new_address(data_dir)
        self.hub = Hub(address, create_key(data_dir), self, make_log(io.StringIO()))
        self.hub.start()
        self.endpoint = Endpoint(pid=os.getpid(), address=address, protocol=PROTOCOL_VERSION, started_at=1.0)
        publish_endpoint(data_dir, self.endpoint)

    def handle(self, request: Request, client: Client) -> None:
        self.client = client
        match request:
            case Attach(protocol=self.protocol):
                client.send(
                    Attached(
                        rid=request.rid,
                        protocol=PROTOCOL_VERSION,
                        pid=4711,
                        capabilities=CAPABILITIES,
                        snapshot=SNAPSHOT,
                    )
                )
            case Attach():
                client.send(
                    Refusal(rid=request.rid, code="protocol", message="Another version.", todo="Restart.")
                )
            case Mask(lease=lease):
                client.send(MaskState(rid=request.rid, masked=True, leases=(lease,), positions={"c1": 320}))
            case Unmask():
                client.send(Refusal(rid=request.rid, code="no", message="Not now.", todo="Wait."))
            case ReadMask():
                pass  # never answered
            case Quit():
                client.send(Done(rid=request.rid))
                threading.Thread(target=self.close).start()
            case _:
                client.send(Done(rid=request.rid))

    def gone(self, client: Client) -> None:
        self.left.set()

    def tell(self, notice: Notice) -> None:
        assert self.client is not None
        self.client.send(notice)

    def close(self) -> None:
        self.hub.close()
        withdraw_endpoint(self._data_dir, self.endpoint)


class Heard:
    """Collects what a client is told."""

    def __init__(self) -> None:
        self.notices: asyncio.Queue[Notice] = asyncio.Queue()
        self.away: asyncio.Queue[PhoneAwayError] = asyncio.Queue()


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[FakePhone]:
    fake = FakePhone(tmp_path)
    yield fake
    fake.close()


def with_client(data_dir: Path, scene: Callable[[PhoneClient, Heard], Awaitable[None]]) -> None:
    async def play() -> None:
        heard = Heard()
        client = await PhoneClient.attach(
            data_dir, on_notice=heard.notices.put_nowait, on_away=heard.away.put_nowait
        )
        try:
            async with asyncio.timeout(20):
                await scene(client, heard)
        finally:
            await client.close()
        assert heard.away.empty(), "who closes is not told that the phone is away"

    asyncio.run(play())


def test_attaching_gives_the_present_state(phone: FakePhone, tmp_path: Path) -> None:
    async def scene(client: PhoneClient, heard: Heard) -> None:
        assert client.pid == 4711
        assert client.capabilities == CAPABILITIES
        assert client.snapshot == SNAPSHOT

    with_client(tmp_path, scene)
    assert phone.left.wait(5)


def test_replies_and_refusals(phone: FakePhone, tmp_path: Path) -> None:
    async def scene(client: PhoneClient, heard: Heard) -> None:
        assert isinstance(await client.request(Ping()), Done)
        reply = await client.request(Mask(lease="id"))
        assert isinstance(reply, MaskState)
        assert reply.positions == {"c1": 320}
        assert client.snapshot.leases == ("id",)
        with pytest.raises(PhoneRefusedError) as refused:
            await client.request(Unmask(lease="id"))
        assert (refused.value.message, refused.value.todo) == ("Not now.", "Wait.")
        replies = await asyncio.gather(*(client.request(Ping()) for _ in range(100)))
        assert all(isinstance(reply, Done) for reply in replies)

    with_client(tmp_path, scene)


def test_the_snapshot_follows_the_notices(phone: FakePhone, tmp_path: Path) -> None:
    async def scene(client: PhoneClient, heard: Heard) -> None:
        second = msgspec.structs.replace(CALL, key="c2", state="incoming")
        failed = Registration(account="1001", state="failed", code=408)
        told: list[Notice] = [
            CallChanged(call=second),
            CallChanged(call=msgspec.structs.replace(CALL, state="ended")),
            RegistrationChanged(registration=failed),
            MaskState(masked=False, leases=()),
            Fault(code="disk", message="m"),
        ]
        for notice in told:
            phone.tell(notice)
        assert [await heard.notices.get() for _ in told] == told
        assert client.snapshot == Snapshot(registrations=(failed,), calls=(second,), leases=())

    with_client(tmp_path, scene)


def test_a_phone_that_does_not_answer_in_time(phone: FakePhone, tmp_path: Path) -> None:
    async def scene(client: PhoneClient, heard: Heard) -> None:
        with pytest.raises(PhoneAwayError, match="does not answer"):
            await client.request(ReadMask(), timeout_s=0.05)
        assert isinstance(await client.request(Ping()), Done), "a late phone is not a dead one"

    with_client(tmp_path, scene)


def test_too_many_open_requests_never_fill_the_socket(
    phone: FakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PENDING", 3)

    async def scene(client: PhoneClient, heard: Heard) -> None:
        waiting = [asyncio.ensure_future(client.request(ReadMask())) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(PhoneAwayError, match="does not answer"):
            await client.request(Ping())
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(await client.request(Ping()), Done)

    with_client(tmp_path, scene)


def test_a_phone_that_dies_is_told_once_and_fails_what_waits(phone: FakePhone, tmp_path: Path) -> None:
    async def play() -> None:
        heard = Heard()
        client = await PhoneClient.attach(
            tmp_path, on_notice=heard.notices.put_nowait, on_away=heard.away.put_nowait
        )
        waiting = asyncio.ensure_future(client.request(ReadMask()))
        await client.request(Ping())
        await asyncio.to_thread(phone.close)
        with pytest.raises(PhoneAwayError, match="has ended"):
            await waiting
        assert (await heard.away.get()).message == "The phone has ended."
        with pytest.raises(PhoneAwayError, match="has ended"):
            await client.request(Ping())
        await client.close()
        assert heard.away.empty()

    asyncio.run(play())


def test_quitting_waits_for_the_end(phone: FakePhone, tmp_path: Path) -> None:
    async def play() -> None:
        heard = Heard()
        client = await PhoneClient.attach(
            tmp_path, on_notice=heard.notices.put_nowait, on_away=heard.away.put_nowait
        )
        await client.quit()
        assert heard.away.empty()
        assert phone.left.wait(5)

    asyncio.run(play())


def test_another_version_is_refused(phone: FakePhone, tmp_path: Path) -> None:
    phone.protocol = PROTOCOL_VERSION + 1

    async def play() -> None:
        with pytest.raises(PhoneRefusedError, match="Another version"):
            await PhoneClient.attach(tmp_path, on_notice=print, on_away=print)

    asyncio.run(play())


def attach_or_start(data_dir: Path, *argv: str, timeout_s: float = 10) -> PhoneAwayError:
    """The error of a start that fails."""

    async def play() -> PhoneAwayError:
        with pytest.raises(PhoneAwayError) as away:
            await PhoneClient.attach_or_start(
                data_dir, argv=argv, on_notice=print, on_away=print, timeout_s=timeout_s
            )
        return away.value

    return asyncio.run(play())


def test_where_no_phone_runs_nothing_is_attached(tmp_path: Path) -> None:
    async def play() -> None:
        with pytest.raises(PhoneAwayError, match="No phone runs here"):
            await PhoneClient.attach(tmp_path, on_notice=print, on_away=print)

    asyncio.run(play())


def test_the_file_of_a_dead_phone_is_no_phone(phone: FakePhone, tmp_path: Path) -> None:
    phone.close()
    publish_endpoint(tmp_path, phone.endpoint)
    error = attach_or_start(tmp_path, sys.executable, "-c", "raise SystemExit('not today')")
    assert error.message == "not today"
    endpoint_file(tmp_path).write_bytes(b"{")
    assert attach_or_start(tmp_path, sys.executable, "-c", "").message == "The phone ended at once."


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be started" in attach_or_start(tmp_path, str(tmp_path / "nothing")).message


def test_a_phone_that_hangs_at_its_start_is_killed(tmp_path: Path) -> None:
    begin = time.monotonic()
    hang = "import time; print('not ready', flush=True); time.sleep(60)"
    error = attach_or_start(tmp_path, sys.executable, "-c", hang, timeout_s=0.5)
    assert error.message == "The phone did not start in time."
    assert time.monotonic() - begin < 10


def test_a_phone_that_finds_another_one_is_waited_for(tmp_path: Path) -> None:
    """The other one has its lock but is not ready yet: it is attached as soon as it is."""
    began = tmp_path / "began"
    code = f"import sys, pathlib; pathlib.Path({str(began)!r}).touch(); sys.exit({ALREADY_RUNS})"
    made: list[FakePhone] = []

    def other() -> None:
        while not began.exists():
            time.sleep(0.005)
        made.append(FakePhone(tmp_path))

    thread = threading.Thread(target=other)
    thread.start()

    async def play() -> None:
        client = await PhoneClient.attach_or_start(
            tmp_path, argv=[sys.executable, "-c", code], on_notice=print, on_away=print
        )
        assert client.pid == 4711
        await client.close()

    asyncio.run(play())
    thread.join()
    made[0].close()
    assert (
        "did not start in time"
        in attach_or_start(tmp_path, sys.executable, "-c", code, timeout_s=0.3).message
    )


def test_a_key_that_is_not_the_phones_is_not_accepted(phone: FakePhone, tmp_path: Path) -> None:
    (tmp_path / "phone.key").write_bytes(b"x" * 32)

    async def play() -> None:
        with pytest.raises(PhoneAwayError, match="does not accept this window"):
            await PhoneClient.attach(tmp_path, on_notice=print, on_away=print)

    asyncio.run(play())
