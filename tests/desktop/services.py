"""Services of a desktop for tests: a notification server and the GlobalShortcuts portal, on a real bus."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusDict, DBusInt32, DBusObjectPath, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

_Strings = Annotated[list[str], DBusSignature("as")]


class NotificationServer(ServiceInterface):
    """org.freedesktop.Notifications, as much as a server must have."""

    def __init__(self, bus: MessageBus, capabilities: list[str]) -> None:
        super().__init__("org.freedesktop.Notifications")
        self._bus, self._capabilities = bus, capabilities
        self.shown: dict[int, dict[str, Any]] = {}
        self.closed: list[int] = []
        self.news = asyncio.Event()

    @dbus_method()
    def GetCapabilities(self) -> _Strings:  # names of the bus
        return self._capabilities

    @dbus_method()
    def Notify(
        self,
        app: DBusStr,
        replaces: DBusUInt32,
        icon: DBusStr,
        summary: DBusStr,
        body: DBusStr,
        actions: _Strings,
        hints: DBusDict,
        timeout: DBusInt32,
    ) -> DBusUInt32:
        number = replaces or len(self.shown) + len(self.closed) + 1
        self.shown[number] = {
            "summary": summary,
            "body": body,
            "actions": actions,
            "urgency": hints["urgency"].value,
            "timeout": timeout,
        }
        self.news.set()
        return number

    @dbus_method()
    def CloseNotification(self, number: DBusUInt32) -> Annotated[None, DBusSignature("")]:
        self.shown.pop(number)
        self.closed.append(number)
        self.news.set()

    @dbus_signal()
    def ActionInvoked(self, number: int, key: str) -> Annotated[list[Any], DBusSignature("us")]:
        return [number, key]

    @dbus_signal()
    def NotificationClosed(self, number: int, reason: int) -> Annotated[list[Any], DBusSignature("uu")]:
        return [number, reason]


async def notification_server(address: str, capabilities: list[str]) -> tuple[MessageBus, NotificationServer]:
    """One that runs."""
    bus = await MessageBus(bus_address=address).connect()
    server = NotificationServer(bus, capabilities)
    bus.export("/org/freedesktop/Notifications", server)
    await bus.request_name("org.freedesktop.Notifications")
    return bus, server


class Portal(ServiceInterface):
    """org.freedesktop.portal.GlobalShortcuts. `refuse`: the person says no; `withhold`: keys he keeps."""

    def __init__(self, bus: MessageBus, *, refuse: bool = False, withhold: tuple[str, ...] = ()) -> None:
        super().__init__("org.freedesktop.portal.GlobalShortcuts")
        self._bus, self._refuse, self._withhold = bus, refuse, withhold
        self.session = ""
        self.closed = False
        self.bound: dict[str, dict[str, str]] = {}
        bus.add_message_handler(self._session_call)

    @dbus_method()
    def CreateSession(self, options: DBusDict) -> DBusObjectPath:
        token = options["session_handle_token"].value
        self.session = f"/org/freedesktop/portal/desktop/session/test/{token}"
        return self._answer(options, {"session_handle": Variant("s", self.session)}, 0)

    @dbus_method()
    def BindShortcuts(
        self,
        session: DBusObjectPath,
        shortcuts: Annotated[list[Any], DBusSignature("a(sa{sv})")],
        parent: DBusStr,
        options: DBusDict,
    ) -> DBusObjectPath:
        given = {name: {key: found.value for key, found in told.items()} for name, told in shortcuts}
        self.bound = {name: told for name, told in given.items() if name not in self._withhold}
        back = [[name, {"trigger_description": Variant("s", "?")}] for name in self.bound]
        return self._answer(options, {"shortcuts": Variant("a(sa{sv})", back)}, int(self._refuse))

    @dbus_signal()
    def Activated(
        self, session: str, name: str, time: int, options: dict[str, Any]
    ) -> Annotated[list[Any], DBusSignature("osta{sv}")]:
        return [session, name, time, options]

    def _answer(self, options: dict[str, Any], results: dict[str, Any], code: int) -> str:
        # The real portal makes the request's path of the caller's name; ours knows one caller.
        path = f"/org/freedesktop/portal/desktop/request/{self.caller}/{options['handle_token'].value}"
        asyncio.get_running_loop().call_soon(
            self._bus.send,
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface="org.freedesktop.portal.Request",
                member="Response",
                signature="ua{sv}",
                body=[code, results],
            ),
        )
        return path

    caller = ""

    def _session_call(self, message: Message) -> Message | None:
        if message.message_type is MessageType.METHOD_CALL and message.sender:
            self.caller = message.sender.lstrip(":").replace(".", "_")
            if message.path == self.session and message.member == "Close":
                self.closed = True
                return Message.new_method_return(message)
        return None
