"""Queues of a PBX that takes feature codes: numbers that are dialled to log in, pause and log out.

Rules:
- One code after the other, and none while a call of the agent's is up: it would put that call on hold. So
  a pause for wrap-up is told when the call has ended, and not before.
- A PBX that answers has been told; one that refuses, or never answers, has not. No more is known, and the
  view says so: nothing can be read back.
- These calls are kept from the desk: no flow, no history, no wrap-up.

Main thread only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future

from halodesk.engine.errors import HaloDeskError
from halodesk.protocol import phone_link as link
from halodesk.runtime.agent_ports import QueueView, QueueWish
from halodesk.runtime.agent_settings import QueueCodes
from halodesk.runtime.threads import Post

ANSWER_S = 10.0
"""A PBX that takes a code answers at once."""
SPEAK_S = 4.0
"""What it says afterwards need not be heard to the end."""


class CodeQueues:
    """`QueueControl` and `OwnCalls`."""

    def __init__(
        self,
        codes: QueueCodes,
        *,
        account: str,
        send: Callable[[link.Request], Future[link.Reply]],
        post: Post,
        on_view: Callable[[QueueView], None],
    ) -> None:
        """`account`: key of the line the codes are dialled by."""
        self._codes, self._account, self._send, self._post, self._on_view = (
            codes,
            account,
            send,
            post,
            on_view,
        )
        self._wish: QueueWish | None = None
        self._told: QueueWish | None = None
        """What the PBX was told last; None: nothing yet."""
        self._call = ""
        self._code = ""
        self._after: QueueWish | None = None
        """What the PBX knows once this call is answered."""
        self._begun: float | None = None
        self._answered = False
        self._failed: QueueWish | None = None
        self._keys: set[str] = set()

    def want(self, wish: QueueWish) -> None:
        """From now on this; the same again is tried again."""
        self._wish, self._failed = wish, None

    def told(self, call: link.CallInfo) -> bool:
        """Whether this is a call of ours."""
        if call.key not in self._keys:
            return False
        if call.key == self._call:
            if call.answered_at is not None and not self._answered:
                self._answered, self._begun = True, None
            if call.state == "ended":
                self._over(call.reason)
        if call.state == "ended":
            self._keys.discard(call.key)
        return True

    def tick(self, now: float, *, busy: bool) -> None:
        """Once a second: dial what is due, and do not wait for ever."""
        if self._call:
            if self._begun is None:
                self._begun = now
            elif now - self._begun > (SPEAK_S if self._answered else ANSWER_S):
                self._send(link.HangUp(call=self._call))
                self._begun = now
            return
        wish = self._wish
        if wish is None or busy or wish == self._failed:
            return
        code, after = self._next(wish)
        if not code:
            if after != self._told:
                self._told = after
                self._on_view(QueueView(told=True))
            return
        self._call, self._code, self._after = secrets.token_hex(8), code, after
        self._begun, self._answered = now, False
        self._keys.add(self._call)
        self._send(link.Dial(call=self._call, account=self._account, to=code)).add_done_callback(self._asked)

    def _next(self, wish: QueueWish) -> tuple[str, QueueWish]:
        """The code that is due, empty for none, and what the PBX knows after it."""
        codes, told = self._codes, self._told or QueueWish(member=False, paused=False)
        if wish.member != told.member:
            after = QueueWish(member=wish.member, paused=False)
            return (codes.log_in if wish.member else codes.log_out), after
        if wish.member and wish.paused != told.paused:
            return (codes.pause if wish.paused else codes.unpause), wish
        return "", wish

    def _over(self, reason: str) -> None:
        code, after, answered = self._code, self._after, self._answered
        self._call, self._code, self._after = "", "", None
        if answered and after is not None:
            self._told = after
            self._on_view(QueueView(told=True))
        else:
            self._refused(f"The PBX did not take the code {code}: {reason or 'no answer'}")

    def _asked(self, future: Future[link.Reply]) -> None:
        error = future.exception()
        if isinstance(error, HaloDeskError):
            words = f"The code {self._code} was not dialled: {error.message}"
            self._post(lambda: self._not_dialled(words))

    def _not_dialled(self, words: str) -> None:
        self._keys.discard(self._call)
        self._call, self._code, self._after = "", "", None
        self._refused(words)

    def _refused(self, words: str) -> None:
        self._failed = self._wish
        self._on_view(
            QueueView(
                problem=words, todo="Choose your state again to try again.", told=self._told is not None
            )
        )
