"""A phone for tests: takes requests, and does what the test tells it to."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, TypeVar

from msgspec.structs import replace

from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.protocol import phone_link as link

Wanted = TypeVar("Wanted", bound=link.Request)


class FakePhone:
    """`PhonePort`; `refuse` answers every request with a refusal, `away` with silence at once."""

    def __init__(self) -> None:
        self.requests: list[link.Request] = []
        self.leases: tuple[str, ...] = ()
        self.refuse = False
        self.away = False

    def send(self, request: link.Request) -> Future[link.Reply]:
        """Done at once."""
        self.requests.append(request)
        future: Future[link.Reply] = Future()
        if self.away:
            future.set_exception(PhoneAwayError("The phone is away.", "Wait."))
        elif self.refuse:
            future.set_exception(PhoneRefusedError("Not now.", "Try again."))
        else:
            future.set_result(link.Done(rid=request.rid))
        return future

    def of(self, kind: type[Wanted]) -> list[Wanted]:
        """All requests of a kind."""
        return [request for request in self.requests if isinstance(request, kind)]


def ringing(**more: Any) -> link.CallInfo:
    """An incoming call of the sample's number."""
    call = link.CallInfo(
        key="k1",
        sip_call_id="sip-1",
        account="main",
        direction="in",
        state="incoming",
        remote_number="+12025550143",
        called="1001",
    )
    return replace(call, **more)


def active(**more: Any) -> link.CallInfo:
    """The same, answered."""
    return ringing(state="active", answered_at=1.0, **more)


def ended(**more: Any) -> link.CallInfo:
    """The same, over."""
    return ringing(state="ended", answered_at=1.0, ended_at=2.0, reason="The caller hung up.", **more)
