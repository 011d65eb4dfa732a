"""The shipped program under an X server of its own, worked with real keys. Keyboard only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from halodesk.runtime import settings as s
from tests.e2e.records import Records, end_phone, log_lines, until

SCREEN = "1500x950x24"
START_S = 30.0


@contextmanager
def x_server() -> Iterator[str]:
    """A virtual screen on a free display; gives its name, `:3` say."""
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(10)


class XSeat:
    """One data folder and the windows that come and go on it."""

    def __init__(self, folder: Path, settings: s.Settings, display: str) -> None:
        self.folder = folder
        self._display = display
        self._process: subprocess.Popen[bytes] | None = None
        self._records: Records | None = None
        self._starts = 0
        folder.mkdir(mode=0o700)
        s.save(folder / "settings.json", settings)

    @property
    def records(self) -> Records:
        """The seat's store; there from the first start on."""
        assert self._records is not None
        return self._records

    @property
    def pid(self) -> int:
        """Process id of the window."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Opens the window, gives it the keyboard and waits until its phone is attached."""
        before = self._logged("phone_attached")
        self._starts += 1
        with (self.folder.parent / f"window-{self._starts}.stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "halodesk", "--data", str(self.folder)],
                env={**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": self._display},
                stdin=subprocess.DEVNULL,
                stderr=errors,
            )
        until("the window", self._focus, START_S)
        until("the phone", lambda: self._logged("phone_attached") > before or None, START_S)
        if self._records is None:
            self._records = Records(self.folder)

    def registered(self) -> None:
        """Waits until the PBX knows this seat."""
        log = self.folder / "logs" / "phone.log"

        def found() -> bool | None:
            states = [line.get("state") for line in log_lines(log) if line["event"] == "registration"]
            return states[-1:] == ["registered"] or None

        until("the registration", found)

    def answer(self) -> None:
        """F2, until the call that rings is taken and its session is on disk.

        Before the call has reached the window the key does nothing, so it may be pressed again.
        """

        def begun() -> bool | None:
            self.key("F2")
            return self.records.count() > before or None

        before = self.records.count()
        until("a session after F2", begun)

    def log(self) -> list[dict[str, object]]:
        """The seat's log so far."""
        return log_lines(self.folder / "logs" / "seat.log")

    def key(self, *names: str) -> None:
        """Presses keys one after the other: `F2`, `alt+1`, `Tab`, `ctrl+Return`."""
        self._x("key", "--delay", "15", *names)

    def type(self, text: str) -> None:
        """Types text into what has the keyboard."""
        self._x("type", "--delay", "15", text)

    def kill(self) -> None:
        """SIGKILL to the window: nothing of it may run any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def ended(self) -> int:
        """Waits until the window has ended by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(30)

    def has_window(self, title: str) -> bool:
        """Whether the program shows a window of this title."""
        found = self._x(
            "search", "--onlyvisible", "--pid", str(self.pid), "--name", f"^{title}$", check=False
        )
        return bool(found.split())

    def close(self) -> list[psutil.Process]:
        """Ends window and phone, whatever state they are in; the phone is still leaving then."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        if self._records is not None:
            self._records.close()
            self._records = None
        return end_phone(self.folder)

    def _focus(self) -> bool | None:
        assert self._process is not None
        assert self._process.poll() is None, self._last_words()
        window = self._window()
        if not window:
            return None
        # Without a window manager nobody else hands out the keyboard. A window that is just being
        # shown refuses it: asked again.
        self._x("windowfocus", window, check=False)
        return self._x("getwindowfocus", check=False).strip() == window or None

    def _window(self) -> str:
        done = self._x("search", "--onlyvisible", "--pid", str(self.pid), "--name", "^HaloDesk$", check=False)
        return done.split()[0] if done.split() else ""

    def _x(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env={**os.environ, "DISPLAY": self._display},
            capture_output=True,
            text=True,
            timeout=30,
            check=check,
        )
        return done.stdout

    def _logged(self, event: str) -> int:
        return sum(line["event"] == event for line in self.log())

    def _last_words(self) -> str:
        file = self.folder.parent / f"window-{self._starts}.stderr"
        return f"the window ended: {file.read_text(errors='replace')[-2000:]}"
