"""What a second start of HaloDesk says at the door of the first, and what it hears.

Without Qt: a click on a link that a running seat takes must not load a window system first. The rules
are those of `app.door`.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path

import msgspec

from halodesk.engine.errors import SettingsError

MOST = 8192
"""Bytes of a line, either way."""
_PATIENCE_S = 10.0


class Knock(msgspec.Struct, frozen=True, kw_only=True):
    """What a second start wants. `activation` lets the window come to the front (xdg-activation).

    `order`: name of a flow agent's call to make (`runtime.agent_order`).
    """

    key: str
    link: str = ""
    order: str = ""
    activation: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`refused`: why the link, or the order, is not used. `order`: the one that was taken."""

    order: str = ""
    refused: str = ""
    todo: str = ""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `door.json`: the socket, or named pipe, and the key."""

    address: str
    key: str


def sign_file(folder: Path) -> Path:
    """Where a running seat says how it is reached."""
    return folder / "door.json"


def write_sign(folder: Path, sign: Sign) -> None:
    """In one step, readable by this person only."""
    path = sign_file(folder)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=folder)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(sign))
    os.replace(name, path)


def hand_over(folder: Path, link: str = "", order: str = "") -> bool:
    """Whether a seat that runs took it. Raises `SettingsError` when it refuses the link or the order."""
    try:
        sign = msgspec.json.decode(sign_file(folder).read_bytes(), type=Sign)
        told = Knock(key=sign.key, link=link, order=order, activation=_activation())
        said = _exchange(sign.address, msgspec.json.encode(told) + b"\n")
        reply = msgspec.json.decode(said, type=Reply)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False  # none runs, or it is on its way out
    if reply.refused:
        raise SettingsError(reply.refused, reply.todo)
    return reply.order == order


def _exchange(address: str, line: bytes) -> bytes:
    if sys.platform == "win32":
        with open(address, "r+b", buffering=0) as pipe:
            pipe.write(line)
            return pipe.read(MOST)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line_out:
        line_out.settimeout(_PATIENCE_S)
        line_out.connect(address)
        line_out.sendall(line)
        said = b""
        while not said.endswith(b"\n") and len(said) <= MOST and (part := line_out.recv(MOST)):
            said += part
        return said


def _activation() -> str:
    """What the desktop gave whoever was clicked, so that the window may take the front."""
    found = os.environ.get("XDG_ACTIVATION_TOKEN") or os.environ.get("DESKTOP_STARTUP_ID") or ""
    return found if len(found) <= 256 and found.isascii() and found.isprintable() else ""
