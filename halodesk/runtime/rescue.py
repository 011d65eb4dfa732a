"""A call whose phone process died: from its death until the next phone has the call or it is given up.

Rules:
- Main thread only.
- Only an answered call whose dialogue is known can be fetched back (RFC 3891).
- The next phone is asked once it is registered: a PBX may take calls from nobody else.
- A phone that dies while it fetches the call leaves it to its own successor.
- Until a phone has been asked there is a time limit; after it the phone's own word comes for sure.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import structlog

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol import phone_link as link
from halodesk.runtime.ports import DeskNotice
from halodesk.runtime.threads import IoThread, Post

GIVE_UP_S = 20.0

FETCHING = DeskNotice(
    level="error",
    message="The phone stopped and is starting again. The call is still up and is being fetched back.",
    todo="Wait a moment: the caller cannot hear you now.",
)
BACK = DeskNotice(
    level="warning",
    message="The phone was restarted and the call is back. The caller heard a short gap.",
    todo="Ask the caller to repeat the last words.",
)

_log = structlog.get_logger("rescue")


class CallRescue:
    """At most one call at a time. `give_up` is called when no phone can be asked for it in time."""

    def __init__(
        self,
        send: Callable[[link.Request], Future[link.Reply]],
        io: IoThread,
        post: Post,
        give_up: Callable[[link.CallInfo], None],
        *,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self._send, self._io, self._post, self._give_up = send, io, post, give_up
        self._give_up_s = give_up_s
        self._asked = False
        self._round = 0
        self.call: link.CallInfo | None = None
        """The call that is being fetched back, as it was last heard of."""

    def begin(self, call: link.CallInfo) -> bool:
        """The phone died with this call; False when it cannot be fetched back."""
        if self.call is None:
            if call.state != "active" or not (call.local_tag and call.remote_tag):
                return False
            self.call = call
        _log.warning("call_to_rescue")
        self._asked = False
        self._round += 1
        limit = self._round
        expired = lambda: self._post(lambda: self._expired(limit))  # noqa: E731  # read from the inside out
        self._io.call(self._io.loop.call_later, self._give_up_s, expired)
        return True

    def attached(self, snapshot: link.Snapshot) -> bool:
        """A phone is attached. Whether it still has the call: then it never died, only the link broke."""
        mine = self.call
        if mine is None or not any(call.sip_call_id == mine.sip_call_id for call in snapshot.calls):
            return False
        self.settle()
        return True

    def registered(self, registration: link.Registration) -> None:
        """The account is registered, or has no registrar: ask for the call."""
        call = self.call
        if call is None or self._asked or registration.account != call.account:
            return
        if registration.state not in ("registered", "unregistered"):
            return
        self._asked = True
        _log.info("rescue_asked")
        self._send(link.Rescue(call=call)).add_done_callback(self._answered)

    def settle(self) -> None:
        """The call is back, or lost for good."""
        self.call = None

    def _answered(self, future: Future[link.Reply]) -> None:
        if isinstance(future.exception(), PhoneRefusedError):
            self._post(self._refused)

    def _refused(self) -> None:
        if self.call is not None:
            self._give_up(self.call)

    def _expired(self, limit: int) -> None:
        if self.call is not None and limit == self._round and not self._asked:
            self._give_up(self.call)
