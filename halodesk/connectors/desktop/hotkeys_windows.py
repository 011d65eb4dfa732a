"""Hotkeys on Windows: RegisterHotKey in a thread with a message queue of its own.

What is asked of user32 is behind `Keys`, so that everything else runs in tests on any system.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from halodesk.connectors.desktop.hotkeys import Pressed, taken_words
from halodesk.engine.errors import DesktopError
from halodesk.runtime.desktop_settings import Action, Combination

_log = structlog.get_logger("desktop")

# winuser.h
_HELD = {"Alt": 0x1, "Ctrl": 0x2, "Shift": 0x4, "Meta": 0x8}
_NO_REPEAT = 0x4000
_KEYS = {
    "Pause": 0x13, "Space": 0x20, "PageUp": 0x21, "PageDown": 0x22, "End": 0x23, "Home": 0x24,
    "Left": 0x25, "Up": 0x26, "Right": 0x27, "Down": 0x28, "Print": 0x2C, "Insert": 0x2D,
    "Delete": 0x2E, "Menu": 0x5D, "ScrollLock": 0x91,
}  # fmt: skip
_F1 = 0x70
_WM_QUIT, _WM_HOTKEY = 0x12, 0x312


def virtual_key(combination: Combination) -> int:
    """The code of a key (winuser.h): letters and digits are their own ASCII."""
    key = combination.key
    if len(key) == 1:
        return ord(key)
    return _KEYS[key] if key in _KEYS else _F1 + int(key[1:]) - 1


class Keys(Protocol):
    """What Windows offers. All but `quit` in the thread of the keys."""

    def register(self, number: int, modifiers: int, key: int) -> bool:
        """False where another program has it."""
        ...

    def unregister(self, number: int) -> None: ...

    def next(self) -> int | None:
        """Waits for a key; its number, or None when `quit` was called."""
        ...

    def begin(self) -> None:
        """In the thread, before anything else: from now on `quit` reaches it."""
        ...

    def quit(self) -> None: ...


class WindowsHotkeys:
    """`pressed` is called in the thread of the keys."""

    def __init__(self, keys: Keys, pressed: Pressed) -> None:
        self._keys, self._pressed = keys, pressed
        self._thread: threading.Thread | None = None

    async def start(self, wanted: Mapping[Action, Combination]) -> list[str]:
        """Register them; sentences about those another program has."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[list[str]] = loop.create_future()

        def tell(words: list[str]) -> None:
            loop.call_soon_threadsafe(lambda: None if told.done() else told.set_result(words))

        self._thread = threading.Thread(
            target=self._run, args=(dict(wanted), tell), name="hotkeys", daemon=True
        )
        self._thread.start()
        return await told

    async def close(self) -> None:
        """Let them go and end the thread."""
        if self._thread is not None:
            self._keys.quit()
            await asyncio.to_thread(self._thread.join, 5)

    def _run(self, wanted: dict[Action, Combination], tell: Any) -> None:
        self._keys.begin()
        words, mine = [], {}
        for number, (action, combination) in enumerate(wanted.items(), start=1):
            held = sum(_HELD[name] for name in combination.modifiers)
            if self._keys.register(number, held | _NO_REPEAT, virtual_key(combination)):
                mine[number] = action
            else:
                words.append(taken_words(combination, action))
        tell(words)
        while (number_pressed := self._keys.next()) is not None:
            if (pressed := mine.get(number_pressed)) is not None:
                _log.info("hotkey", kind=pressed)
                self._pressed(pressed)
        for number in mine:
            self._keys.unregister(number)


def system_keys() -> Keys:
    """Those of user32. Raises `DesktopError` elsewhere than on Windows."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        class User32:
            """See `Keys`."""

            def __init__(self) -> None:
                self._user32 = ctypes.WinDLL("user32", use_last_error=True)
                self._kernel32 = ctypes.WinDLL("kernel32")
                self._thread = 0

            def begin(self) -> None:
                message = wintypes.MSG()
                self._user32.PeekMessageW(ctypes.byref(message), None, 0, 0, 0)  # makes the queue
                self._thread = self._kernel32.GetCurrentThreadId()

            def register(self, number: int, modifiers: int, key: int) -> bool:
                return bool(self._user32.RegisterHotKey(None, number, modifiers, key))

            def unregister(self, number: int) -> None:
                self._user32.UnregisterHotKey(None, number)

            def next(self) -> int | None:
                message = wintypes.MSG()
                while self._user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
                    if message.message == _WM_HOTKEY:
                        return int(message.wParam)
                return None

            def quit(self) -> None:
                self._user32.PostThreadMessageW(self._thread, _WM_QUIT, 0, 0)

        return User32()
    raise DesktopError("These keys are of Windows.")
