"""The session bus of a Linux desktop (D-Bus), by `dbus-fast`, on the io thread's loop.

Rules:
- A bus is used where the environment names one or the login session has one; none is ever started.
- A signal is believed when it comes from whoever answered our calls, not from anybody who can send one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from halodesk.engine.errors import DesktopError

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

_PATIENCE_S = 10.0
_log = structlog.get_logger("desktop")


def bus_address(environ: Mapping[str, str]) -> str:
    """Where the session bus is; empty where there is none."""
    if named := environ.get("DBUS_SESSION_BUS_ADDRESS", ""):
        return named
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return f"unix:path={runtime}/bus" if runtime and os.path.exists(f"{runtime}/bus") else ""


class SessionBus:
    """One connection, made when first wanted."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = bus_address(environ)
        self._bus: MessageBus | None = None
        self._lock = asyncio.Lock()

    async def connect(self) -> MessageBus:
        """The connection. Raises `DesktopError` where there is no bus."""
        async with self._lock:
            if self._bus is None or not self._bus.connected:
                self._bus = await _connected(self._address)
            return self._bus

    async def call(
        self, name: str, path: str, member: str, signature: str = "", body: list[Any] | None = None
    ) -> Message:
        """Call `INTERFACE.Method` and give the reply. Raises `DesktopError` for an error or silence."""
        from dbus_fast import Message, MessageType

        bus = await self.connect()
        interface, _, method = member.rpartition(".")
        message = Message(
            destination=name,
            path=path,
            interface=interface,
            member=method,
            signature=signature,
            body=body or [],
        )
        try:
            reply = await asyncio.wait_for(bus.call(message), _PATIENCE_S)
        except (TimeoutError, EOFError, OSError) as error:
            raise DesktopError(f"{name} does not answer ({type(error).__name__}).") from None
        if reply.message_type is MessageType.ERROR:
            raise DesktopError(f"{name} refuses: {reply.error_name}.")
        return reply

    async def listen(self, rule: str, heard: Callable[[Message], None]) -> None:
        """Be told of signals by a match rule."""
        from dbus_fast import MessageType

        bus = await self.connect()

        def take(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL:
                heard(message)

        bus.add_message_handler(take)
        bus_name, bus_path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
        await self.call(bus_name, bus_path, f"{bus_name}.AddMatch", "s", [rule])

    async def has_name(self, name: str) -> bool:
        """Whether a program of this name runs."""
        bus_name, bus_path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
        reply = await self.call(bus_name, bus_path, f"{bus_name}.NameHasOwner", "s", [name])
        return bool(reply.body[0])

    async def close(self) -> None:
        """Leave the bus."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()


async def _connected(address: str) -> MessageBus:
    if not address:
        raise DesktopError("There is no session bus here.", "Start HaloDesk inside a desktop session.")
    try:
        from dbus_fast import errors
        from dbus_fast.aio import MessageBus
    except ImportError:
        raise DesktopError("This system has no D-Bus.") from None
    try:
        bus = MessageBus(bus_address=address)
        return await asyncio.wait_for(bus.connect(), _PATIENCE_S)
    except (OSError, EOFError, TimeoutError, errors.AuthError, errors.InvalidAddressError) as error:
        raise DesktopError(f"The session bus cannot be reached ({type(error).__name__}).") from None
