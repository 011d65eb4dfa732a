"""A whole seat inside the test: the real window on the offscreen platform, worked by its widgets.

For what must be read off the window itself. Everything behind it is real, too: phone process,
store, recorders, gateway.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtWidgets import QLabel, QLineEdit, QTextEdit, QWidget
from pytestqt.qtbot import QtBot

from halodesk.app import Seat
from halodesk.demo.driver import Hands
from halodesk.engine.page import Page
from halodesk.runtime.settings import Settings
from halodesk.ui.parts.secret_box import SecretBox
from tests.e2e.records import Records

PATIENCE_MS = 20_000
TEST_THREADS = ("tcp-proxy", "seat-io", "phone-link")
"""Of the caller and the proxy, which may come later than the seat."""
SECRETS = ("card_number", "card_expiry", "card_cvv")


class DeskSeat:
    """The seat, hands to work it, eyes to read it."""

    def __init__(self, bot: QtBot, settings: Settings, folder: Path) -> None:
        self.bot = bot
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        self.seat = Seat(settings, folder)
        self.hands = Hands(self.seat.window, self.seat.desk, folder)
        self.seat.start()
        self.records = Records(folder)

    @property
    def page(self) -> Page:
        """The page of the live session."""
        page = self.seat.desk.page
        assert page is not None, "there is no session"
        return page

    def until(self, what: str, holds: Callable[[], bool], timeout_ms: int = PATIENCE_MS) -> None:
        """Lets the window live until something holds."""

        def check() -> None:
            assert holds(), f"{what}; {self.hands.page_words()}; shown: {self.words()}"

        self.bot.waitUntil(check, timeout=timeout_ms)

    def registered(self) -> None:
        """Until the PBX knows this seat."""
        self.until("registered", lambda: _state(self.seat.desk.registration) == "registered")

    def answer(self) -> None:
        """Take the call that rings, or is about to."""
        self.until("a ringing call", lambda: self.hands.can_use("answer_call"))
        self.hands.click("answer_call")
        self.at("start")

    def at(self, step: str, visit: int | None = None) -> None:
        """Until the window shows a step."""

        def there() -> bool:
            page = self.seat.desk.page
            return page is not None and page.step == step and visit in (None, page.visit)

        self.until(f"the step {step}", there)

    def box(self, field: str) -> SecretBox:
        """A secure box that is shown."""
        found = self.hands.find(f"field:{field}")
        assert isinstance(found, SecretBox)
        return found

    def locked(self) -> bool:
        """All secure boxes are locked and blank."""
        return all(self.box(name).locked and not self.typed(name) for name in SECRETS)

    def unlocked(self) -> bool:
        """All secure boxes take digits."""
        return not any(self.box(name).locked for name in SECRETS)

    def typed(self, field: str) -> int:
        """How many digits the vault holds for a field."""
        return self.seat.desk.secret(field).length

    def card(self, number: str, expiry: str = "1230", cvv: str = "951") -> None:
        """Type a whole card."""
        self.until("the mask", self.unlocked)
        for name, digits in zip(SECRETS, (number, expiry, cvv), strict=True):
            self.hands.type(f"field:{name}", digits)

    def words(self) -> str:
        """All text a person can read in the window now, tips and accessible texts included."""
        found: list[str] = []
        for widget in (self.seat.window, *self.seat.window.findChildren(QWidget)):
            if widget.isVisible():
                texts = [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
                if isinstance(widget, QLabel | QLineEdit):
                    texts.append(widget.text())
                elif isinstance(widget, QTextEdit):
                    texts.append(widget.toPlainText().replace("\n", " "))
                found += [text for text in texts if text and text not in found]
        return " | ".join(found)

    def close(self) -> None:
        """End window, phone and threads."""
        self.records.close()
        self.seat.close()
        # One process, many windows: each that stays is styled again with every window to come.
        shiboken6.delete(self.seat.window)


@contextmanager
def desk_seat(bot: QtBot, settings: Settings, folder: Path) -> Iterator[DeskSeat]:
    """A seat for the length of a `with` block; fails when it leaves a thread behind."""
    interval = sys.getswitchinterval()
    before = set(threading.enumerate())
    made = DeskSeat(bot, settings, folder)
    try:
        yield made
    finally:
        made.close()
        sys.setswitchinterval(interval)
    own = [t for t in set(threading.enumerate()) - before if not t.name.startswith(TEST_THREADS)]
    for thread in own:
        thread.join(5)  # the phone's reaper ends with the phone
    left = [thread.name for thread in own if thread.is_alive()]
    assert not left, f"threads left behind: {left}"


def short_flow(sample: Path, target: Path) -> Path:
    """The sample with everything between the first page and the payment left out."""
    flow: dict[str, Any] = json.loads(sample.read_text(encoding="utf-8"))
    start = next(step for step in flow["steps"] if step["key"] == "start")
    start["routes"][0]["to"] = "payment"
    start["cart_actions"] = [{"action": "add_item", "args": {"item": "nap-enhancer", "quantity": 1}}]
    target.write_text(json.dumps(flow), encoding="utf-8")
    return target


def _state(registration: object) -> str:
    return str(getattr(registration, "state", ""))
