"""What a recording control is to whoever uses one: the seat, or the central server.

Rules:
- A control is one module of this package that defines `CONTROL`. Settings name it by `CONTROL.key`;
  what else stands beside that name is the module's own, and parsed by it.
- `holders` is what a server trusts when a seat says "this call is mine": the accounts of the platform
  itself, never anything the seat or a SIP message says.
- Secrets of a control are in its settings, in the environment or in the keyring; never in a log, in an
  answer or in a `repr`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.protocol.mask import MaskAnswer, MaskAsk, MaskNews
from halodesk.runtime.ports import RecorderAnswer, RecorderControl

ANSWER_SECONDS = 0.8
"""Within this a control answers: the seat's lease waits 0.9 s for it."""

Changed = Callable[[str, RecorderAnswer], None]
Press = Callable[[str, str], Awaitable[None]]
"""Presses keys on the call with this SIP Call-ID, all of them or none. Raises `RecorderError`: nothing was
pressed, or nobody can say."""
Shape = TypeVar("Shape")


class Control(RecorderControl, Protocol):
    """A recorder control with a life. All of it belongs to one event loop."""

    def start(self) -> None:
        """Connect and stay connected."""
        ...

    async def close(self) -> None:
        """Stop. What is masked stays masked."""
        ...

    @property
    def tells_holders(self) -> bool:
        """Whether `holders` can be asked at all."""
        ...

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """Accounts of the platform whose legs carry this SIP Call-ID; empty where there is no such call.

        Raises `RecorderError`: it cannot tell (now).
        """
        ...


class MaskListener(Protocol):
    """Who hears of the line to the central server. Called on the loop; must not block or raise."""

    def line_up(self) -> None: ...

    def line_lost(self, words: str) -> None: ...

    def news(self, news: MaskNews) -> None: ...


class MaskServer(Protocol):
    """The line to the central server, as the control `central` needs it."""

    def start(self, listener: MaskListener) -> None:
        """Connect and stay connected."""
        ...

    async def close(self) -> None: ...

    async def ask(self, asked: MaskAsk, *, timeout_s: float) -> MaskAnswer:
        """Ask once; the number in `asked` is set by the line. Raises `ServerAwayError`: no answer."""
        ...


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a control finds where it runs.

    `on_changed(sip_call_id, answer)` hears what happened between requests. `line` gives the way to the
    central server; it raises `SettingsError` where there is none. `timeout_s` bounds a mask or unmask.
    `press` is the keypad of the desk's own calls; None where there is no phone.
    """

    on_changed: Changed
    line: Callable[[], MaskServer]
    timeout_s: float = ANSWER_SECONDS
    press: Press | None = None


class ControlType(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of control. `build(settings, surroundings)` raises `SettingsError` in words.

    `has_credentials`: its settings let whoever reads them act on the platform, so policy may keep it
    off desks. `peer(settings)`: host and port to look at when somebody asks whether it can be reached.
    """

    key: str
    build: Callable[[Mapping[str, Any], Surroundings], Control]
    peer: Callable[[Mapping[str, Any]], tuple[str, int] | None]
    has_credentials: bool = True


def parsed(key: str, settings: Mapping[str, Any], shape: type[Shape]) -> Shape:
    """The settings of one control, checked word by word. Raises `SettingsError`, never quoting a value."""
    try:
        return msgspec.convert(dict(settings), type=shape)
    except msgspec.ValidationError as error:
        raise SettingsError(f"Recorder “{key}”: {error}.", "See docs/it.md for every setting.") from None


def no_server() -> MaskServer:
    """For `Surroundings.line` where no server can be asked. Raises `SettingsError`."""
    raise SettingsError(
        "There is no server that could mask for this seat.", "Run: halodesk seat enroll URL TOKEN"
    )
