"""Hotkeys on Wayland: org.freedesktop.portal.GlobalShortcuts, version 1 and later.

The desktop asks the person once which keys he allows and may choose others; what it bound is what
counts. A desktop without the portal (the compositor decides) has no way for a program to hear a key
outside its window, and that is said.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from halodesk.connectors.desktop.hotkeys import DOES, Pressed
from halodesk.connectors.desktop.session_bus import SessionBus
from halodesk.engine.errors import DesktopError
from halodesk.runtime.desktop_settings import ACTIONS, Action, Combination

if TYPE_CHECKING:
    from dbus_fast import Message

PORTAL, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
_REQUEST, _SESSION = "org.freedesktop.portal.Request", "org.freedesktop.portal.Session"
_ASKED_S = 120.0
"""How long a person may think about the portal's question."""
_HELD = {"Ctrl": "CTRL", "Alt": "ALT", "Shift": "SHIFT", "Meta": "LOGO"}
_KEYS = {"PageUp": "Page_Up", "PageDown": "Page_Down", "Space": "space", "ScrollLock": "Scroll_Lock"}
_log = structlog.get_logger("desktop")


def trigger(combination: Combination) -> str:
    """In the words of the XDG shortcuts specification."""
    key = combination.key
    key = _KEYS.get(key, key.lower() if len(key) == 1 else key)
    return "+".join((*(_HELD[name] for name in combination.modifiers), key))


class PortalHotkeys:
    """`pressed` is called on the io thread."""

    def __init__(self, bus: SessionBus, pressed: Pressed) -> None:
        self._bus, self._pressed = bus, pressed
        self._session = self._owner = ""

    async def start(self, wanted: Mapping[Action, Combination]) -> list[str]:
        """Ask the desktop for them. Never raises."""
        try:
            return await self._bind(wanted)
        except DesktopError as error:
            _log.info("hotkeys_no_portal", reason=error.message)
            return [f"This desktop gives no keys to programs (Wayland): {error.message} Hotkeys do not work."]

    async def close(self) -> None:
        """End the session of the portal: the keys are free."""
        session, self._session = self._session, ""
        if session:
            try:
                await self._bus.call(PORTAL, session, f"{_SESSION}.Close")
            except DesktopError as error:
                _log.info("hotkeys_portal_gone", reason=error.message)

    async def _bind(self, wanted: Mapping[Action, Combination]) -> list[str]:
        from dbus_fast import Variant

        await self._bus.listen(f"type='signal',interface='{SHORTCUTS}',path='{PATH}'", self._heard)
        token = Variant("s", f"halodesk_{secrets.token_hex(8)}")
        made = await self._ask("CreateSession", "a{sv}", [{"session_handle_token": token}])
        handle = made.get("session_handle")
        if handle is None:
            raise DesktopError("The portal gave no session.")
        self._session = str(handle.value)
        shortcuts = [
            [
                action,
                {
                    "description": Variant("s", f"HaloDesk: {DOES[action]}"),
                    "preferred_trigger": Variant("s", trigger(found)),
                },
            ]
            for action, found in wanted.items()
        ]
        bound = await self._ask(
            "BindShortcuts", "oa(sa{sv})sa{sv}", [self._session, shortcuts, "", {}], within_s=_ASKED_S
        )
        listed = bound.get("shortcuts")
        given = {str(one[0]) for one in (listed.value if listed is not None else [])}
        return [
            f"The desktop did not allow a key to {DOES[action]} from outside the window."
            for action in wanted
            if action not in given
        ]

    async def _ask(
        self, method: str, signature: str, body: list[Any], *, within_s: float = 20.0
    ) -> dict[str, Any]:
        """A method of the portal whose answer comes as a signal of a Request object."""
        from dbus_fast import Variant

        bus = await self._bus.connect()
        token = f"halodesk_{secrets.token_hex(8)}"
        sender = (bus.unique_name or "").lstrip(":").replace(".", "_")
        path = f"{PATH}/request/{sender}/{token}"
        answered: asyncio.Future[tuple[str, list[Any]]] = asyncio.get_running_loop().create_future()

        def heard(message: Message) -> None:
            if message.path == path and message.member == "Response" and not answered.done():
                answered.set_result((message.sender or "", list(message.body)))

        # Before the call: a portal may answer before its reply is read.
        await self._bus.listen(f"type='signal',interface='{_REQUEST}',path='{path}'", heard)
        body[-1]["handle_token"] = Variant("s", token)
        reply = await self._bus.call(PORTAL, PATH, f"{SHORTCUTS}.{method}", signature, body)
        self._owner = reply.sender or ""
        try:
            who, (code, results) = await asyncio.wait_for(answered, within_s)
        except TimeoutError:
            raise DesktopError("The portal does not answer.") from None
        if who != self._owner or code != 0:
            raise DesktopError("The portal's question was not answered with yes.")
        return dict(results)

    def _heard(self, message: Message) -> None:
        if message.member != "Activated" or message.sender != self._owner or len(message.body) < 2:
            return
        session, name = message.body[:2]
        action = next((known for known in ACTIONS if known == name), None)
        if session == self._session and action is not None:
            _log.info("hotkey", kind=action)
            self._pressed(action)
