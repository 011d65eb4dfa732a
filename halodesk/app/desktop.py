"""The desktop's services behind the habits, on the io thread: hotkeys, media keys, notifications.

Everything here is asked for and nothing is needed: what this desktop lacks is said once, in the log or
to the agent, and the seat works without it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from halodesk.connectors.desktop.hotkeys import HotkeyPort, open_hotkeys
from halodesk.connectors.desktop.notifications import Notifications
from halodesk.connectors.desktop.session_bus import SessionBus
from halodesk.engine.errors import DesktopError
from halodesk.runtime.desktop_settings import Action, Desktop
from halodesk.runtime.threads import IoThread, Post

if TYPE_CHECKING:
    from halodesk.connectors.desktop.media_keys import CallPhase, MediaKey, MediaKeys

_log = structlog.get_logger("desktop")


class DesktopServices:
    """Built on the main thread; its callbacks come there, too."""

    def __init__(
        self,
        settings: Desktop,
        io: IoThread,
        post: Post,
        environ: Mapping[str, str],
        *,
        hotkey: Callable[[Action], None],
        media_key: Callable[[MediaKey], None],
        acted: Callable[[str, str], None],
        told: Callable[[list[str]], None],
        platform: str = sys.platform,
    ) -> None:
        self._settings, self._io, self._post = settings, io, post
        self._told = told
        self._bus = SessionBus(environ)
        self._notes = Notifications(self._bus, lambda key, action: post(partial(acted, key, action)))
        self._has_notes: bool | None = None
        self._hotkeys: HotkeyPort | None = None
        if settings.hotkeys.combinations():
            self._hotkeys = open_hotkeys(
                platform, environ, self._bus, lambda action: post(partial(hotkey, action))
            )
        self._media: MediaKeys | None = None
        if settings.media_keys and platform.startswith("linux"):
            from halodesk.connectors.desktop.media_keys import MediaKeys

            self._media = MediaKeys(self._bus, lambda key: post(partial(media_key, key)))
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_order = asyncio.Lock()

    async def start(self) -> None:
        """Take what there is."""
        await self._start_notes()
        if self._hotkeys is not None:
            words = await self._hotkeys.start(self._settings.hotkeys.combinations())
            if words:
                self._post(partial(self._told, words))

    async def close(self) -> None:
        """Give it all back."""
        if self._hotkeys is not None:
            await self._hotkeys.close()
        await self._bus.close()

    def notify(
        self,
        key: str,
        title: str,
        body: str,
        actions: Sequence[tuple[str, str]],
        *,
        urgent: bool,
        otherwise: Callable[[], None],
    ) -> None:
        """Show a notification; `otherwise` is called on the main thread where there is no server."""

        async def show() -> None:
            if self._has_notes:
                await self._notes.show(key, title, body, actions, urgent=urgent)
            else:
                self._post(otherwise)

        self._later(show)

    def withdraw(self, key: str) -> None:
        """Take a notification away."""
        self._later(partial(self._notes.withdraw, key))

    def follow(self, phase: CallPhase) -> None:
        """What media keys mean now."""
        media = self._media
        if media is None:
            return

        async def tell() -> None:
            try:
                await media.follow(phase)
            except DesktopError as error:
                self._media = None
                _log.info("no_media_keys", reason=error.message)

        self._later(tell)

    def _later(self, work: Callable[[], object]) -> None:
        self._io.call(self._begin, work)

    def _begin(self, work: Callable[[], object]) -> None:
        async def run() -> None:
            async with self._in_order:  # shown, then withdrawn: never the other way round
                done = work()
                if asyncio.iscoroutine(done):
                    await done

        task = self._io.loop.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_notes(self) -> None:
        try:
            await self._notes.start()
        except DesktopError as error:
            self._has_notes = False
            _log.info("no_notifications", reason=error.message)
        else:
            self._has_notes = True
