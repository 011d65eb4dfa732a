"""Hotkeys on X11: each one is grabbed (XGrabKey) on a connection of our own, in a thread of its own.

Rules:
- Only the keys we grab reach us: nothing else that is typed on this desk is seen.
- Caps Lock and Num Lock make no difference: each key is grabbed with and without them.
- A key held down counts once: X repeats it as release and press of the same moment.
- When the keyboard's layout changes the keys are grabbed anew where they are then.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from Xlib import XK, X, error
from Xlib.display import Display

from halodesk.connectors.desktop.hotkeys import Pressed, taken_words
from halodesk.runtime.desktop_settings import Action, Combination

_log = structlog.get_logger("desktop")

_HELD = {"Ctrl": X.ControlMask, "Alt": X.Mod1Mask, "Shift": X.ShiftMask, "Meta": X.Mod4Mask}
_KEYS = {
    "PageUp": "Page_Up",
    "PageDown": "Page_Down",
    "Space": "space",
    "ScrollLock": "Scroll_Lock",
}
_ALL = X.ControlMask | X.Mod1Mask | X.ShiftMask | X.Mod4Mask


def keysym(combination: Combination) -> int:
    """The X name of a key."""
    key = combination.key
    return int(XK.string_to_keysym(_KEYS.get(key, key.lower() if len(key) == 1 else key)))


class X11Hotkeys:
    """`pressed` is called in the thread of the grabs."""

    def __init__(self, display: str, pressed: Pressed) -> None:
        self._name, self._pressed = display, pressed
        self._thread: threading.Thread | None = None
        self._wanted: dict[Action, Combination] = {}
        self._grabbed: dict[tuple[int, int], Action] = {}
        self._released: tuple[int, int] = (0, 0)
        self._wake_read, self._wake = os.pipe()

    async def start(self, wanted: Mapping[Action, Combination]) -> list[str]:
        """Grab them; sentences about those another program has."""
        self._wanted = dict(wanted)
        loop = asyncio.get_running_loop()
        told: asyncio.Future[list[str]] = loop.create_future()

        def tell(words: list[str]) -> None:
            loop.call_soon_threadsafe(lambda: None if told.done() else told.set_result(words))

        self._thread = threading.Thread(target=self._run, args=(tell,), name="hotkeys", daemon=True)
        self._thread.start()
        return await told

    async def close(self) -> None:
        """Let the keys go and end the thread."""
        os.write(self._wake, b"x")
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5)
        for end in (self._wake_read, self._wake):
            os.close(end)

    def _run(self, tell: Any) -> None:
        try:
            display = Display(self._name)
        except (error.DisplayError, error.XauthError, OSError) as problem:
            _log.warning("hotkeys_no_display", error=type(problem).__name__)
            tell([f"The screen {self._name} gives no keys: hotkeys do not work."])
            return
        try:
            tell(self._grab(display))
            self._serve(display)
        except error.ConnectionClosedError:
            _log.warning("hotkeys_lost")
        finally:
            display.close()

    def _serve(self, display: Any) -> None:
        while True:
            while display.pending_events():
                self._hear(display, display.next_event())
            ready, _, _ = select.select([display.fileno(), self._wake_read], [], [])
            if self._wake_read in ready:
                self._let_go(display)
                return

    def _hear(self, display: Any, event: Any) -> None:
        if event.type == X.KeyRelease:
            self._released = (event.detail, event.time)
        elif event.type == X.KeyPress and (event.detail, event.time) != self._released:
            action = self._grabbed.get((event.detail, event.state & _ALL))
            if action is not None:
                _log.info("hotkey", kind=action)
                self._pressed(action)
        elif event.type == X.MappingNotify and event.request != X.MappingPointer:
            self._let_go(display)
            display.refresh_keyboard_mapping(event)
            self._grab(display)

    def _grab(self, display: Any) -> list[str]:
        words = []
        root = display.screen().root
        for action, wanted in self._wanted.items():
            code = display.keysym_to_keycode(keysym(wanted))
            if not code:
                words.append(f"This keyboard has no {wanted.key}: the hotkey {wanted} does not work.")
                continue
            held = sum(_HELD[name] for name in wanted.modifiers)
            refused = error.CatchError(error.BadAccess)
            for lock in _locks(display):
                root.grab_key(code, held | lock, True, X.GrabModeAsync, X.GrabModeAsync, onerror=refused)
            display.sync()
            if refused.get_error() is None:
                self._grabbed[code, held] = action
            else:
                words.append(taken_words(wanted, action))
                self._ungrab(display, code, held)
        return words

    def _let_go(self, display: Any) -> None:
        for code, held in self._grabbed:
            self._ungrab(display, code, held)
        self._grabbed.clear()
        display.sync()

    def _ungrab(self, display: Any, code: int, held: int) -> None:
        for lock in _locks(display):
            display.screen().root.ungrab_key(code, held | lock)


def _locks(display: Any) -> tuple[int, ...]:
    """Every state of Caps Lock and Num Lock; the latter's modifier differs from keyboard to keyboard."""
    number = display.keysym_to_keycode(XK.XK_Num_Lock)
    rows = display.get_modifier_mapping()
    num = next((1 << row for row, codes in enumerate(rows) if number and number in codes), 0)
    return tuple({0, X.LockMask, num, X.LockMask | num})
