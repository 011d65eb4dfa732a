"""The seat's side of the phone link.

Rules:

1. The client belongs to one asyncio loop (the seat's io loop). A reader thread of its own
   blocks on the socket and hands every message to the loop with `call_soon_threadsafe`.
2. Requests are written by the loop itself: they are small, the phone always reads, and at
   most `MAX_PENDING` may be unanswered, which is far less than a socket's buffer holds. So a
   phone that hangs cannot block the loop.
3. Notices come in order. `snapshot` follows them, so it is always the present state.
4. The phone is a process of its own session: it outlives the window, its terminal and
   its signals.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from halodesk.engine.errors import PhoneAwayError, PhoneError, PhoneRefusedError
from halodesk.protocol.phone_link import (
    Attach,
    Attached,
    CallChanged,
    CallInfo,
    Capabilities,
    MaskState,
    Notice,
    Quit,
    Refusal,
    Registration,
    RegistrationChanged,
    Reply,
    Request,
    Snapshot,
    SoundChanged,
    SoundState,
    decode_answer,
    encode,
)
from halodesk.sip.link import (
    ALREADY_RUNS,
    MAX_FRAME,
    READY_LINE,
    read_endpoint,
    read_key,
    sever,
    shake_hands,
)

MAX_PENDING = 256
"""Requests without an answer at a time."""

REQUEST_TIMEOUT_S = 5.0
START_TIMEOUT_S = 15.0

OnNotice = Callable[[Notice], None]
OnAway = Callable[[PhoneAwayError], None]

_LATE = "The phone did not start in time."
_TODO = "Restart HaloDesk; calls that are up may be lost."


def phone_argv(data_dir: Path, *options: str) -> list[str]:
    """The command that starts the phone of `data_dir` with this Python."""
    return [sys.executable, "-m", "halodesk.sip.phone", "--data-dir", str(data_dir), *options]


class PhoneClient:
    """A window's hold on the phone process. Loop thread only."""

    def __init__(self, connection: Connection, on_notice: OnNotice, on_away: OnAway) -> None:
        """For `attach` and `attach_or_start`, which hand out a client that is attached."""
        self._connection = connection
        self._on_notice = on_notice
        self._on_away = on_away
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._numbers = itertools.count(1)
        self._closing = False
        self._away: PhoneAwayError | None = None
        self._attached: Attached | None = None
        self._registrations: dict[str, Registration] = {}
        self._calls: dict[str, CallInfo] = {}
        self._leases: tuple[str, ...] = ()
        self._sound = SoundState()
        self._gone = asyncio.Event()
        self._reader = threading.Thread(target=self._read, name="phone-link", daemon=True)

    @classmethod
    async def attach(
        cls, data_dir: Path, *, on_notice: OnNotice, on_away: OnAway, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> PhoneClient:
        """Attaches to the running phone of `data_dir`.

        Raises `PhoneAwayError` when none runs, `PhoneRefusedError` when it is of another version.
        """
        connection = await asyncio.to_thread(_dial_phone, data_dir, timeout_s)
        client = cls(connection, on_notice, on_away)
        client._reader.start()
        try:
            await client.request(Attach(), timeout_s=timeout_s)
        except PhoneError:
            await client.close()
            raise
        return client

    @classmethod
    async def attach_or_start(
        cls,
        data_dir: Path,
        *,
        argv: Sequence[str] | None = None,
        on_notice: OnNotice,
        on_away: OnAway,
        timeout_s: float = START_TIMEOUT_S,
    ) -> PhoneClient:
        """Attaches to the running phone, or starts one with `argv` (default: `phone_argv`).

        Raises `PhoneAwayError` with the phone's own words when it does not start, and
        `PhoneRefusedError` when one of another version runs.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            try:
                return await cls.attach(data_dir, on_notice=on_notice, on_away=on_away)
            except PhoneAwayError:
                pass  # none runs, or the one that ran has died: start one
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise PhoneAwayError(_LATE, _TODO)
            if not await asyncio.to_thread(_spawn, data_dir, argv or phone_argv(data_dir), left):
                await asyncio.sleep(_RETRY_S)  # another one is just starting or leaving

    @property
    def pid(self) -> int:
        """Process id of the phone."""
        return self._attached.pid if self._attached is not None else 0

    @property
    def capabilities(self) -> Capabilities:
        """What the phone's build of pjsua2 can do; raises `PhoneAwayError` before attaching."""
        if self._attached is None:
            raise PhoneAwayError("The phone is not attached.", _TODO)
        return self._attached.capabilities

    @property
    def snapshot(self) -> Snapshot:
        """Registrations, calls, leases and sound as they are now.

        Calls that ended while no window was attached are among them, in state "ended".
        """
        return Snapshot(
            registrations=tuple(self._registrations.values()),
            calls=tuple(self._calls.values()),
            leases=self._leases,
            sound=self._sound,
        )

    async def request(self, request: Request, *, timeout_s: float = REQUEST_TIMEOUT_S) -> Reply:
        """Sends a request (its `rid` is set here) and waits for the reply.

        Raises `PhoneRefusedError` when the phone says no, `PhoneAwayError` when it has died or
        does not answer in `timeout_s`; then the request may have been carried out or not.
        """
        if self._away is not None:
            raise PhoneAwayError(self._away.message, self._away.todo)
        if len(self._pending) >= MAX_PENDING:
            raise PhoneAwayError("The phone does not answer.", _TODO)
        rid = next(self._numbers)
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._pending[rid] = future
        try:
            self._connection.send_bytes(encode(msgspec.structs.replace(request, rid=rid)))
            async with asyncio.timeout(timeout_s):
                reply = await future
        except TimeoutError:
            raise PhoneAwayError("The phone does not answer.", _TODO) from None
        except OSError:
            raise PhoneAwayError("The connection to the phone is broken.", _TODO) from None
        finally:
            self._pending.pop(rid, None)
        if isinstance(reply, Refusal):
            raise PhoneRefusedError(reply.message, reply.todo)
        return reply

    async def close(self) -> None:
        """Detaches; phone, calls and masks go on."""
        self._closing = True
        sever(self._connection)
        if self._reader.is_alive():
            await self._gone.wait()
        self._connection.close()

    async def quit(self, *, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        """Asks the phone to end its calls and leave, and waits until it has.

        Notices of the calls that end so still come. Raises `PhoneAwayError` when it does not leave.
        """
        self._closing = True
        try:
            await self.request(Quit(), timeout_s=timeout_s)
            async with asyncio.timeout(timeout_s):
                await self._gone.wait()
        except TimeoutError:
            raise PhoneAwayError("The phone does not leave.", _TODO) from None
        finally:
            await self.close()

    def _welcome(self, attached: Attached) -> None:
        self._attached = attached
        snapshot = attached.snapshot
        self._registrations = {entry.account: entry for entry in snapshot.registrations}
        self._calls = {call.key: call for call in snapshot.calls}
        self._leases = snapshot.leases
        self._sound = snapshot.sound

    # reader thread

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                frame = self._connection.recv_bytes(MAX_FRAME)
                self._hand_over(self._take, frame)
        self._hand_over(self._lost)

    def _hand_over(self, step: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(step, *arguments)

    # loop thread

    def _take(self, frame: bytes) -> None:
        try:
            message = decode_answer(frame)
        except msgspec.DecodeError:
            return  # a notice of a newer phone; replies are those of our own requests
        if message.rid:
            if isinstance(message, Attached):
                self._welcome(message)
            if isinstance(message, MaskState):
                self._leases = message.leases
            if isinstance(message, SoundChanged):
                self._sound = message.sound
            future = self._pending.get(message.rid)
            if future is not None and not future.done() and isinstance(message, Reply):
                future.set_result(message)
        elif isinstance(message, Notice):
            self._note(message)
            self._on_notice(message)

    def _note(self, notice: Notice) -> None:
        match notice:
            case RegistrationChanged(registration=registration):
                self._registrations[registration.account] = registration
            case CallChanged(call=call) if call.state == "ended":
                self._calls.pop(call.key, None)
            case CallChanged(call=call):
                self._calls[call.key] = call
            case MaskState(leases=leases):
                self._leases = leases
            case SoundChanged(sound=sound):
                self._sound = sound
            case _:
                pass  # a fault, the sound of a program's call: told, not kept

    def _lost(self) -> None:
        self._away = PhoneAwayError("The phone has ended.", _TODO)
        self._gone.set()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(PhoneAwayError(self._away.message, self._away.todo))
        if not self._closing:
            self._on_away(self._away)


_RETRY_S = 0.05


def _dial_phone(data_dir: Path, timeout_s: float) -> Connection:
    """A connection with its handshake done; blocks for `timeout_s` at most."""
    endpoint = read_endpoint(data_dir)
    if endpoint is None:
        raise PhoneAwayError("No phone runs here.", _TODO)
    try:
        key = read_key(data_dir)
        connection = connect(endpoint.address)
    except OSError:
        raise PhoneAwayError("The phone that ran here has ended.", _TODO) from None
    try:
        shake_hands(connection, key, listener=False, timeout_s=timeout_s)
    except (multiprocessing.AuthenticationError, EOFError, OSError):
        connection.close()
        raise PhoneAwayError("The phone does not accept this window.", _TODO) from None
    return connection


def _spawn(data_dir: Path, argv: Sequence[str], timeout_s: float) -> bool:
    """Starts a phone and blocks until it can be attached; False when another one runs.

    Raises `PhoneAwayError` when it ends before that, or takes longer than `timeout_s`.
    """
    folder = data_dir / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    errors = folder / "phone.stderr"  # an assertion of pjsua2 is told nowhere else
    with contextlib.suppress(FileNotFoundError):
        errors.replace(folder / "phone.stderr.1")  # why the last one died, perhaps
    with open(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stderr:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise PhoneAwayError(f"The phone cannot be started: {error.strerror}.", _TODO) from None
    assert process.stdout is not None  # noqa: S101 - asked for above
    late = threading.Event()

    def give_up() -> None:
        late.set()
        process.kill()

    overdue = threading.Timer(timeout_s, give_up)
    overdue.start()
    try:
        with process.stdout:
            ready = READY_LINE in process.stdout  # reads line by line, to the end if it never comes
        if ready:
            threading.Thread(target=process.wait, name="phone-reaper", daemon=True).start()
            return True
        if process.wait() == ALREADY_RUNS:
            return False
    finally:
        overdue.cancel()
    if late.is_set():
        raise PhoneAwayError(_LATE, _TODO)
    told = errors.read_text(errors="replace").strip().splitlines()
    raise PhoneAwayError(told[-1] if told else "The phone ended at once.", _TODO)
