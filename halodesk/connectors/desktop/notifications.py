"""Notifications by the desktop's own server (Desktop Notifications Specification 1.2).

Rules:
- A caller chooses his name: it is shown as plain text. The body of a notification is markup where
  the server says so (`body-markup`): there it is escaped; control and direction signs go everywhere.
- Nothing of a session goes into a notification but who calls.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from halodesk.connectors.desktop.session_bus import SessionBus
from halodesk.engine.errors import DesktopError

if TYPE_CHECKING:
    from dbus_fast import Message

_NAME, _PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")
_MOST = 120
_URGENT, _NORMAL = 2, 1
_log = structlog.get_logger("desktop")


def plain(text: str) -> str:
    """A stranger's text in one short line without signs that are not seen."""
    text = _UNSEEN.sub(" ", text).strip()
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


class Notifications:
    """Those that are shown, by a key of ours. `acted` hears key and action, on the io thread."""

    def __init__(self, bus: SessionBus, acted: Callable[[str, str], None]) -> None:
        self._bus, self._acted = bus, acted
        self._capabilities: frozenset[str] = frozenset()
        self._server = ""
        self._shown: dict[str, int] = {}

    @property
    def has_actions(self) -> bool:
        """Whether the server shows buttons."""
        return "actions" in self._capabilities

    async def start(self) -> None:
        """Find the server. Raises `DesktopError` where there is none."""
        reply = await self._bus.call(_NAME, _PATH, f"{_NAME}.GetCapabilities")
        self._capabilities = frozenset(reply.body[0])
        self._server = reply.sender or ""
        await self._bus.listen(f"type='signal',interface='{_NAME}',path='{_PATH}'", self._heard)

    async def show(
        self,
        key: str,
        title: str,
        body: str,
        actions: Sequence[tuple[str, str]],
        *,
        urgent: bool,
    ) -> None:
        """Show it, in the place of one with the same key. `actions`: ids and words; `default` is a click."""
        from dbus_fast import Variant

        text = plain(body)
        text = html.escape(text, quote=False) if "body-markup" in self._capabilities else text
        listed = [part for action in actions for part in action] if self.has_actions else []
        hints = {
            "urgency": Variant("y", _URGENT if urgent else _NORMAL),
            "category": Variant("s", "call.incoming" if urgent else "call.unanswered"),
            "desktop-entry": Variant("s", "halodesk"),
        }
        replaces = self._shown.get(key, 0)
        wait_ms = 0 if urgent else -1  # a call is shown until it is withdrawn
        try:
            reply = await self._bus.call(
                _NAME,
                _PATH,
                f"{_NAME}.Notify",
                "susssasa{sv}i",
                ["HaloDesk", replaces, "halodesk", plain(title), text, listed, hints, wait_ms],
            )
        except DesktopError as error:
            _log.warning("notification_lost", reason=error.message)
            return
        self._server = reply.sender or self._server
        self._shown[key] = int(reply.body[0])

    async def withdraw(self, key: str) -> None:
        """Take it away, if it is still there."""
        number = self._shown.pop(key, None)
        if number is None:
            return
        try:
            await self._bus.call(_NAME, _PATH, f"{_NAME}.CloseNotification", "u", [number])
        except DesktopError:
            _log.info("notification_gone")

    def _heard(self, message: Message) -> None:
        if message.sender != self._server or message.interface != _NAME or not message.body:
            return
        key = next((key for key, number in self._shown.items() if number == message.body[0]), None)
        if key is None:
            return
        if message.member == "ActionInvoked":
            self._acted(key, str(message.body[1]))
        elif message.member == "NotificationClosed":
            self._shown.pop(key, None)
