"""Every error of HaloDesk, in one tree.

An error carries two sentences for the person who meets it: what happened (`message`)
and what to do about it (`todo`). A refusal is not an error: `decide` returns it
as a value (`halodesk.engine.commands.Refused`).

    HaloDeskError
    ├── DocumentError          a flow document cannot be read (names the place)
    ├── SessionFileError       a stored or exported session cannot be read or trusted
    ├── TemplateError          a script text does not parse or render
    ├── FunctionError          a JavaScript function failed, ran too long or grew too large
    ├── StoreError             the seat's database
    │   ├── StoreKeyError      the key does not open it
    │   └── StoreFullError     the disk is full or not writable
    ├── PhoneError             the phone process
    │   ├── PhoneAwayError     it does not answer or has died
    │   ├── PhoneRefusedError  it understood and said no
    │   └── SipFormError       what came is no SIP message, or what was to be sent would be none
    ├── RecorderError          a recording platform did not do as asked
    ├── GatewayError           a payment gateway
    │   ├── GatewayAwayError   nothing was sent, nothing can have been charged
    │   └── GatewayUnsureError it may have charged: query, never repeat
    ├── DesktopError           the desktop does not do what was asked
    ├── LinkError              a tel: or sip: link that is not used
    ├── SignInError            a person may not come in
    ├── SettingsError          a setting or a policy file is wrong
    │   └── AlreadyRunsError   a seat has this data folder already
    └── DemoError              the demo cannot run here
"""

from __future__ import annotations


class HaloDeskError(Exception):
    """Root of all errors; `str()` gives both sentences."""

    def __init__(self, message: str, todo: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.message} {self.todo}".strip()


class DocumentError(HaloDeskError):
    """A flow document cannot be read.

    `pointer` is the RFC 6901 JSON pointer of the place, `expected` says what belongs there.
    """

    def __init__(self, pointer: str, expected: str, fix: str) -> None:
        super().__init__(f"{pointer or '/'}: expected {expected}.", fix)
        self.pointer = pointer
        self.expected = expected
        self.fix = fix


class SessionFileError(HaloDeskError):
    """A stored or exported session cannot be read or its chain is broken."""


class TemplateError(HaloDeskError):
    """A script text does not parse or render."""


class FunctionError(HaloDeskError):
    """A JavaScript function failed, ran too long or grew too large."""


class StoreError(HaloDeskError):
    """The seat's database failed."""


class StoreKeyError(StoreError):
    """The key does not open the database."""


class StoreFullError(StoreError):
    """The disk is full or not writable; nothing queued is lost."""


class PhoneError(HaloDeskError):
    """The phone process failed."""


class PhoneAwayError(PhoneError):
    """The phone process does not answer or has died."""


class PhoneRefusedError(PhoneError):
    """The phone process understood and said no."""


class SipFormError(PhoneError):
    """What came is no SIP message, or what was to be sent would be none."""


class RecorderError(HaloDeskError):
    """A recording platform did not do as asked."""


class GatewayError(HaloDeskError):
    """A payment gateway failed."""


class GatewayAwayError(GatewayError):
    """The gateway was not reached: nothing was sent, nothing can have been charged."""


class GatewayUnsureError(GatewayError):
    """The request was sent and no answer came: it may have charged."""


class SignInError(HaloDeskError):
    """A person may not come in. `wrong`: because name or password do not fit."""

    def __init__(self, message: str, todo: str = "", *, wrong: bool = False) -> None:
        super().__init__(message, todo)
        self.wrong = wrong


class DesktopError(HaloDeskError):
    """The desktop (its bus, its keys, its list of programs) does not do what was asked."""


class LinkError(HaloDeskError):
    """A link to a telephone that is not used: it is no number, or asks for more than a call."""


class SettingsError(HaloDeskError):
    """A setting or a policy file is wrong."""


class AlreadyRunsError(SettingsError):
    """A seat has this data folder already."""


class DemoError(HaloDeskError):
    """The demo cannot run here."""
