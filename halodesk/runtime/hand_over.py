"""One hand-over of a caller, from the wish to its answer.

Rules:
- Main thread only.
- blind: the phone does it all, and says so at the caller's call.
- attended: somebody is called beside the caller; the agent speaks, and completes or cancels.
- conference: the same, and all three are brought together as soon as he answers.
- It is answered once. What fails before the caller has left brings him back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future

from halodesk.engine.effects import TransferCall
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol import phone_link as link
from halodesk.runtime.effect_ports import TransferAnswer
from halodesk.runtime.threads import IoThread, Post

GIVEN_UP = "The transfer was given up."
BACK_WITH_YOU = "The caller is back with you."

Told = Callable[[TransferAnswer], None]


class HandOver:
    """`answer` is None until it is known how it went."""

    def __init__(
        self,
        wish: TransferCall,
        call: link.CallInfo,
        headers: dict[str, str],
        told: Told,
        settled: Callable[[], None],
        *,
        watched: bool,
        send: Callable[[link.Request], Future[link.Reply]],
        io: IoThread,
        post: Post,
    ) -> None:
        """`settled` is called when the answer comes outside of `heard`."""
        self.wish, self.told, self._settled = wish, told, settled
        self.answer: TransferAnswer | None = None
        self.leg = secrets.token_hex(8)
        """Key of the call to whoever takes the caller."""
        self._call, self._headers, self._watched = call, headers, watched
        self._send, self._io, self._post = send, io, post
        self._merging = self._answered = False

    @property
    def by_agent(self) -> bool:
        """The agent completes or cancels it."""
        return self.wish.mode != "blind"

    def begin(self) -> None:
        """Asks the phone."""
        key, wish = self._call.key, self.wish
        if not self.by_agent:
            leg = self.leg if self._watched else ""
            self._ask(
                link.Transfer(call=key, to=wish.to, leg=leg, headers=self._headers, ring_s=wish.ring_seconds)
            )
            return
        self._ask(
            link.Dial(
                call=self.leg, account=self._call.account, to=wish.to, headers=self._headers, beside=key
            )
        )
        late = lambda: self._post(self._late)  # noqa: E731  # read from the inside out
        self._io.call(self._io.loop.call_later, float(max(1, wish.ring_seconds)), late)

    def complete(self) -> None:
        """The agent has spoken with him: join them."""
        if self.by_agent and self._answered:
            self._ask(link.CompleteTransfer(call=self._call.key, leg=self.leg), final=False)

    def heard(self, call: link.CallInfo) -> None:
        """A call has changed."""
        if call.key == self._call.key:
            if call.transfer == "done":
                self.answer = self.answer or TransferAnswer(done=True)
            elif call.transfer == "failed" and not self.by_agent:
                self.settle(call.transfer_reason)
            elif call.state == "ended":
                self.settle("The caller hung up.")
            elif call.conference and self._merging:
                self.answer = self.answer or TransferAnswer(done=True)
        elif call.key == self.leg and self.by_agent:
            self._heard_leg(call)

    def settle(self, reason: str) -> None:
        """It has failed, unless it was answered before."""
        if self.answer is None:
            self.answer = _no(reason)

    def _heard_leg(self, leg: link.CallInfo) -> None:
        if leg.state == "active" and not self._answered:
            self._answered = True
            if self.wish.mode == "conference":
                self._merging = True
                self._ask(link.Merge(calls=(self._call.key, self.leg)))
        elif leg.state == "ended" and leg.transfer != "done":
            self.settle(f"{self.wish.to}: {leg.reason}")

    def _late(self) -> None:
        if not self._answered and self.answer is None:
            self._ask(link.HangUp(call=self.leg), final=False)

    def _ask(self, request: link.Request, *, final: bool = True) -> None:
        def answered(future: Future[link.Reply]) -> None:
            error = future.exception()
            if final and isinstance(error, HaloDeskError):
                self._post(lambda: self._refused(error.message))

        self._send(request).add_done_callback(answered)

    def _refused(self, message: str) -> None:
        if self.answer is None:
            self.settle(message)
            self._settled()


def _no(reason: str) -> TransferAnswer:
    return TransferAnswer(done=False, reason=reason)
