"""Hotkeys with real keys under an X server; on Windows through the same seam as user32."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
from collections.abc import Iterator

import pytest
from Xlib import X
from Xlib.display import Display

from halodesk.connectors.desktop.hotkeys_windows import WindowsHotkeys, system_keys, virtual_key
from halodesk.connectors.desktop.hotkeys_x11 import X11Hotkeys
from halodesk.engine.errors import DesktopError
from halodesk.runtime.desktop_settings import Action, Hotkeys, combination
from tests.desktop.x_window import OtherProgram
from tests.e2e.xseat import x_server

WANTED = Hotkeys().combinations()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with x_server() as found:
        yield found


def keys(display: str, *names: str) -> None:
    subprocess.run(["xdotool", "key", *names], env={**os.environ, "DISPLAY": display}, check=True, timeout=20)


def test_a_key_reaches_us_while_another_program_has_the_keyboard(display: str) -> None:
    pressed: queue.Queue[Action] = queue.Queue()
    other = OtherProgram(display)

    async def work() -> None:
        hotkeys = X11Hotkeys(display, pressed.put)
        assert await hotkeys.start(WANTED) == []
        keys(display, "ctrl+shift+F2", "F2", "ctrl+F4", "ctrl+shift+F7")
        assert [pressed.get(timeout=10), pressed.get(timeout=10)] == ["answer", "mute"]
        # Ctrl, Shift and the keys that are not ours are the other program's.
        assert other.heard() >= 2
        keys(display, "Num_Lock", "Caps_Lock", "ctrl+shift+F4", "Num_Lock", "Caps_Lock")
        assert pressed.get(timeout=10) == "hang_up"
        await hotkeys.close()
        keys(display, "ctrl+shift+F2")

    asyncio.run(work())
    assert pressed.empty()
    other.close()


def test_a_key_that_is_held_down_counts_once(display: str) -> None:
    pressed: queue.Queue[Action] = queue.Queue()

    def x(*arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env={**os.environ, "DISPLAY": display}, check=True)

    async def work() -> None:
        hotkeys = X11Hotkeys(display, pressed.put)
        await hotkeys.start(WANTED)
        x("keydown", "ctrl", "keydown", "shift", "keydown", "F2", "sleep", "1.2", "keyup", "F2", "key", "F7")
        x("keyup", "shift", "keyup", "ctrl")
        assert [pressed.get(timeout=10), pressed.get(timeout=10)] == ["answer", "mute"]
        await hotkeys.close()

    asyncio.run(work())
    assert pressed.empty()


def test_a_key_of_another_program_is_named_and_the_others_work(display: str) -> None:
    pressed: queue.Queue[Action] = queue.Queue()
    other = Display(display)
    code = other.keysym_to_keycode(0xFFC1)  # F4
    held = X.ControlMask | X.ShiftMask
    other.screen().root.grab_key(code, held, True, X.GrabModeAsync, X.GrabModeAsync)
    other.sync()

    async def work() -> None:
        hotkeys = X11Hotkeys(display, pressed.put)
        words = await hotkeys.start(WANTED)
        assert words == [
            "Ctrl+Shift+F4 is taken by another program and does not hang up from outside the window."
        ]
        keys(display, "ctrl+shift+F7")
        assert pressed.get(timeout=10) == "mute"
        await hotkeys.close()

    asyncio.run(work())
    other.close()


# python-xlib leaves the sockets of a display it cannot reach to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_screen_that_is_not_there_is_said() -> None:
    async def work() -> None:
        hotkeys = X11Hotkeys(":4711", lambda action: None)
        (words,) = await hotkeys.start(WANTED)
        assert "The screen :4711 gives no keys" in words
        await hotkeys.close()

    asyncio.run(work())


class FakeKeys:
    """user32: a queue of pressed numbers; `taken` are other programs'."""

    def __init__(self, *taken: int) -> None:
        self.taken = taken
        self.mine: dict[int, tuple[int, int]] = {}
        self.messages: queue.Queue[int | None] = queue.Queue()
        self.begun = False

    def begin(self) -> None:
        self.begun = True

    def register(self, number: int, modifiers: int, key: int) -> bool:
        assert self.begun
        if key in self.taken:
            return False
        self.mine[number] = (modifiers, key)
        return True

    def unregister(self, number: int) -> None:
        del self.mine[number]

    def next(self) -> int | None:
        return self.messages.get(timeout=20)

    def quit(self) -> None:
        self.messages.put(None)


def test_windows_registers_tells_and_lets_go() -> None:
    pressed: list[Action] = []
    fake = FakeKeys(0x73)

    async def work() -> None:
        hotkeys = WindowsHotkeys(fake, pressed.append)
        (words,) = await hotkeys.start(WANTED)
        assert words.startswith("Ctrl+Shift+F4 is taken")
        assert fake.mine == {1: (0x4006, 0x71), 3: (0x4006, 0x76)}
        for number in (3, 9, 1):
            fake.messages.put(number)
        await hotkeys.close()

    asyncio.run(work())
    assert pressed == ["mute", "answer"]
    assert fake.mine == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [("Ctrl+A", 0x41), ("Ctrl+9", 0x39), ("F24", 0x87), ("Pause", 0x13), ("Alt+Space", 0x20)],
)
def test_windows_codes(text: str, code: int) -> None:
    assert virtual_key(combination(text)) == code


@pytest.mark.skipif(os.name == "nt", reason="says what is not Windows")
def test_windows_keys_are_of_windows() -> None:
    with pytest.raises(DesktopError):
        system_keys()
