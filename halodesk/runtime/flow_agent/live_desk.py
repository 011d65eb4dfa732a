"""What flow agents on calls need of the Desk, and what of it keeps them off a call. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.ports import DeskNotice, Topic, Unsubscribe
from halodesk.runtime.session import LiveSession


class LiveDesk(Protocol):
    """What is needed of the Desk."""

    @property
    def agent(self) -> str: ...

    @property
    def call(self) -> CallInfo | None: ...

    @property
    def legs(self) -> tuple[CallInfo, ...]: ...

    @property
    def session(self) -> LiveSession | None: ...

    @property
    def phone_problem(self) -> DeskNotice | None: ...

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe: ...

    def notice(self, notice: DeskNotice) -> None: ...

    def set_microphone(self, *, muted: bool) -> None: ...


def hindrance(desk: LiveDesk, call: CallInfo | None) -> str:
    """Why no flow agent may speak on this call now; empty: it may."""
    session = desk.session
    if desk.phone_problem is not None:
        return "The phone was lost: you speak with the caller as soon as the call is back."
    if call is None or call.state != "active":
        return "There is no connected call."
    if call.emergency:
        return "No flow agent speaks on a call for help."
    if call.conference:
        return "The call is in a conference: you speak."
    if call.transfer == "asked":
        return "The call is being transferred: you speak."
    if call.hold != "off":
        return "The call is on hold: you speak with the caller when you take it back."
    if session is not None and session.state.mask.phase != "none":
        return "This page asks for what no flow agent may hear: you speak."
    return ""
