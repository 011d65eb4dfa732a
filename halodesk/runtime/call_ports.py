"""What the window needs of the desk for its calls: those that are up, and wishes for them."""

from __future__ import annotations

from typing import Protocol

from halodesk.protocol.phone_link import CallInfo


class CallsPort(Protocol):
    """The calls of the seat. Main thread only."""

    @property
    def legs(self) -> tuple[CallInfo, ...]:
        """All calls that are up, the one in hand first."""
        ...

    @property
    def hand(self) -> CallInfo | None:
        """The leg the agent speaks with or calls; hold, microphone and keypad are meant for it."""
        ...

    @property
    def waiting(self) -> CallInfo | None:
        """A second call that rings."""
        ...

    def answer_call(self) -> None:
        """Take the call that rings, or the one that waits; the one in hand is held."""
        ...

    def refuse_waiting(self) -> None: ...

    def hang_up(self) -> None: ...

    def hang_up_leg(self, key: str) -> None: ...

    def transfer(self, number: str, *, attended: bool = False) -> None:
        """Hand the caller over; `attended`: speak with the other one first."""
        ...

    def is_emergency(self, number: str) -> bool:
        """Whether this number is dialled at once, whatever is going on."""
        ...

    def complete_transfer(self) -> None:
        """The caller and the one who was asked are joined; the agent leaves."""
        ...

    def cancel_transfer(self) -> None:
        """The caller is back with the agent."""
        ...

    def swap(self) -> None:
        """Speak with the other one of two calls."""
        ...

    def merge(self) -> None:
        """A conference of both calls and the agent."""
        ...

    def split(self) -> None:
        """Take the conference apart."""
        ...

    def dial(self, number: str) -> None: ...

    @property
    def line(self) -> str:
        """Key of the account calls go out by."""
        ...

    def choose_line(self, account: str) -> None:
        """Calls go out by this account from now on; transfers stay on the line of their call."""
        ...

    def hold(self) -> None:
        """Keep the other side waiting; `call.hold` says when it does."""
        ...

    def unhold(self) -> None: ...

    def set_microphone(self, *, muted: bool) -> None:
        """Whether the other side hears the agent; `call.microphone_muted` says so."""
        ...

    def send_dtmf(self, digits: str) -> None:
        """Press keys of the telephone's keypad: digits, `*`, `#`."""
        ...
