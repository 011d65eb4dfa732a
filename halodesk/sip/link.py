"""Where seat and phone process meet: endpoint file, key, socket address, handshake.

Rules:

1. `<data_dir>/phone.json` names the phone process of this data folder. A window that
   starts reads it and attaches; a file left by a dead process is harmless, because the
   connect or the handshake fails.
2. The key is 32 random bytes, new at each start of the phone, in a file of mode 0600.
   The socket lies in a folder of mode 0700. Both guards are needed: not every Unix
   checks the mode of the socket itself.
3. A Unix socket path holds at most 107 bytes (`sun_path`). A longer one moves to a private
   folder under the runtime or temporary folder; `phone.json` records where.
4. Only `send_bytes` and `recv_bytes` are used: `recv` unpickles, and so runs whatever the
   other side sends.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path

import msgspec

MAX_FRAME = 256 * 1024
"""Bytes of the largest message taken; a snapshot of four calls needs about 4 kB."""

HANDSHAKE_TIMEOUT_S = 3.0
"""A client that says nothing for this long is cut off."""

ALREADY_RUNS = 3
"""Exit status of a phone process that found another one on its data folder."""

READY_LINE = b"ready\n"
"""The one line the phone writes to its standard output, once it can be attached."""

_MAX_SOCKET_PATH = 100


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `phone.json`."""

    pid: int
    address: str
    protocol: int
    started_at: float
    """Unix seconds."""
    sip_port: int = 0
    """Read by the successor of a phone that died: the PBX still knows this one."""


def endpoint_file(data_dir: Path) -> Path:
    """The file that names the running phone of `data_dir`."""
    return data_dir / "phone.json"


def key_file(data_dir: Path) -> Path:
    """The file with the authentication key of the running phone."""
    return data_dir / "phone.key"


def read_endpoint(data_dir: Path) -> Endpoint | None:
    """The phone last published for `data_dir`; None when there is none or the file is damaged."""
    try:
        return msgspec.json.decode(endpoint_file(data_dir).read_bytes(), type=Endpoint)
    except (OSError, msgspec.DecodeError):
        return None


def publish_endpoint(data_dir: Path, endpoint: Endpoint) -> None:
    """Replaces `phone.json` in one step, so that no reader sees half a file."""
    _write_private(endpoint_file(data_dir), msgspec.json.encode(endpoint))


def withdraw_endpoint(data_dir: Path, endpoint: Endpoint) -> None:
    """Removes `phone.json` (unless another phone has published since) and the socket."""
    if read_endpoint(data_dir) == endpoint:
        endpoint_file(data_dir).unlink(missing_ok=True)
    if sys.platform == "win32":  # a named pipe goes with its process
        return
    Path(endpoint.address).unlink(missing_ok=True)
    folder = Path(endpoint.address).parent
    if folder != data_dir / "run":
        shutil.rmtree(folder, ignore_errors=True)


def create_key(data_dir: Path) -> bytes:
    """A new key, stored for the seat to read."""
    key = secrets.token_bytes(32)
    _write_private(key_file(data_dir), key)
    return key


def read_key(data_dir: Path) -> bytes:
    """The key of the running phone; raises `OSError` when it cannot be read."""
    return key_file(data_dir).read_bytes()


def new_address(data_dir: Path) -> str:
    """A free address for the phone's listener; a stale socket of a dead phone is removed."""
    if sys.platform == "win32":
        return rf"\\.\pipe\halodesk-phone-{os.getpid()}-{secrets.token_hex(8)}"
    folder = data_dir / "run"
    if len(os.fsencode(folder / "phone.sock")) > _MAX_SOCKET_PATH:
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        parent = runtime if 0 < len(runtime) < 60 and os.path.isdir(runtime) else None
        folder = Path(tempfile.mkdtemp(prefix="halodesk-", dir=parent))
        if len(os.fsencode(folder / "phone.sock")) > _MAX_SOCKET_PATH:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="halodesk-", dir="/tmp"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / "phone.sock"
    path.unlink(missing_ok=True)
    return str(path)


def shake_hands(
    connection: Connection, key: bytes, *, listener: bool, timeout_s: float = HANDSHAKE_TIMEOUT_S
) -> None:
    """Proves the key in both directions; blocks for `timeout_s` at most.

    Raises `multiprocessing.AuthenticationError`, `EOFError` or `OSError`.
    """
    timer = threading.Timer(timeout_s, sever, (connection,))
    timer.daemon = True
    timer.start()
    try:
        if listener:
            deliver_challenge(connection, key)
            answer_challenge(connection, key)
        else:
            answer_challenge(connection, key)
            deliver_challenge(connection, key)
    finally:
        timer.cancel()


def sever(connection: Connection) -> None:
    """Ends both directions, so that a thread blocked in a read or a write returns.

    Closing the descriptor would leave that thread blocked for ever.
    """
    if sys.platform == "win32":
        connection.close()
        return
    with contextlib.suppress(OSError):
        twin = socket.socket(fileno=os.dup(connection.fileno()))
        with twin:
            twin.shutdown(socket.SHUT_RDWR)


def _write_private(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(name, path)
