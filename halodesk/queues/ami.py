"""Queues of an Asterisk, over its manager interface.

Rules:
- What is shown is what `QueueStatus` says. After each request it is read again, and whenever an event
  names this member: a supervisor may pause an agent at the PBX, and then that is what is shown.
- A wish is carried out when it is new, when it is made again, and when the PBX comes back: a PBX that has
  restarted knows no dynamic members. Nobody is fought: what others change at the PBX stays so till then.
- A member of queues.conf cannot be taken out; he is paused instead ("Logged out").
- A refusal is said in the PBX's words; the state shown stays the PBX's own.

Loop thread only, but for `want`. Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Actions/
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from ssl import SSLContext

import structlog

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami import AmiAccess, AmiClient, Backoff
from halodesk.recording.ami_wire import AmiMessage
from halodesk.runtime.agent_ports import QueueMember, QueueView, QueueWish

ANSWER_S = 3.0
AWAY_S = 1.0
"""How often it is looked why the PBX is away."""
RETRY_S = 5.0
"""After a refusal or a silence, where nothing else happens sooner."""
LOGGED_OUT = "Logged out"
_CHANGES = frozenset(
    {
        "queuememberpause",
        "queuememberadded",
        "queuememberremoved",
        "queuememberpenalty",
        "queuememberringinuse",
    }
)
_log = structlog.get_logger("queues")


class AmiQueues:
    """One agent in some queues; `on_view` is called on the loop."""

    def __init__(
        self,
        access: AmiAccess,
        *,
        interface: str,
        name: str,
        queues: Sequence[str],
        on_view: Callable[[QueueView], None],
        loop: asyncio.AbstractEventLoop,
        penalty: int = 0,
        tls: SSLContext | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """`interface`: the member, `PJSIP/1001`, say; `name`: what the PBX's reports call it."""
        self._interface, self._name, self._queues = interface, name, tuple(queues)
        self._penalty, self._on_view, self._loop = penalty, on_view, loop
        self._client = AmiClient(access, self, tls=tls, backoff=backoff, events="agent")
        self._wish: QueueWish | None = None
        self._due = asyncio.Event()
        self._unmet = False
        """The wish has not been carried out yet."""
        self._resting: set[str] = set()
        """Queues whose member cannot be taken out, and is paused for good instead."""
        self._said: QueueView | None = None
        self._later: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect and stay connected."""
        self._client.start()
        if self._work is None:
            self._work = self._loop.create_task(self._serve())

    async def close(self, *, log_out: bool = False) -> None:
        """Stop; `log_out`: take the agent out of the queues first, as far as that goes."""
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
            self._work = None
        if self._later is not None:
            self._later.cancel()
        if log_out and self._client.up:
            self._wish = QueueWish(member=False, paused=False)
            try:
                await self._carry_out(self._wish)
            except RecorderError as error:
                _log.warning("queues_not_left", message=error.message)
        await self._client.close()

    def want(self, wish: QueueWish) -> None:
        """From any thread: from now on this."""
        self._loop.call_soon_threadsafe(self._wanted, wish)

    def _wanted(self, wish: QueueWish) -> None:
        self._wish, self._unmet = wish, True
        self._due.set()

    # what the client tells

    def ami_up(self) -> None:
        """Connected: whatever was wanted is wanted of this PBX."""
        self._unmet = self._wish is not None
        self._due.set()

    def ami_down(self, words: str) -> None:
        """Nothing is known any more."""
        self._say(QueueView(problem=f"The queues cannot be asked. {words}", todo=_WAIT))
        self._due.set()

    def ami_event(self, event: AmiMessage) -> None:
        """A member changed: look whether it is this one."""
        if event.event.lower() in _CHANGES and event.get("Interface") == self._interface:
            self._due.set()

    # work

    async def _serve(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            if not self._client.up:
                words = self._client.problem or "The PBX is away."
                self._say(QueueView(problem=f"The queues cannot be asked. {words}", todo=_WAIT))
                self._later = self._loop.call_later(AWAY_S, self._due.set)  # why may change: a refused login
                continue
            wish, self._unmet = (self._wish, False) if self._unmet else (None, False)
            problem: RecorderError | None = None
            if wish is not None:
                try:
                    await self._carry_out(wish)
                except RecorderError as error:
                    problem = error
            try:
                members = await self._read()
            except RecorderError as error:
                members, problem = (), problem or error
            if problem is not None:
                _log.warning("queues_refused", message=problem.message)
                self._later = self._loop.call_later(RETRY_S, self._try_again, wish)
            words, todo = (problem.message, problem.todo or _WAIT) if problem is not None else ("", "")
            self._say(QueueView(members=members, problem=words, todo=todo))

    def _say(self, view: QueueView) -> None:
        if view != self._said:
            self._said = view
            self._on_view(view)

    def _try_again(self, wish: QueueWish | None) -> None:
        if self._work is not None and (wish is None or wish == self._wish):
            self._unmet = self._unmet or wish is not None
            self._due.set()

    async def _carry_out(self, wish: QueueWish) -> None:
        for found in await self._read():
            await self._bring(found, wish)

    async def _bring(self, found: QueueMember, wish: QueueWish) -> None:
        where = [("Queue", found.queue), ("Interface", self._interface)]
        if wish.member and found.queue in self._resting:
            await self._pause(where, wish.paused, wish.reason)
        elif wish.member and not found.member:
            more = [
                ("Penalty", str(self._penalty)),
                ("MemberName", self._name),
                ("Paused", _flag(wish.paused)),
            ]
            await self._ask("QueueAdd", [*where, *more])
            if wish.paused:
                await self._pause(where, True, wish.reason)
        elif wish.member:
            if (found.paused, found.reason) != (wish.paused, wish.reason if wish.paused else ""):
                await self._pause(where, wish.paused, wish.reason)
        elif found.member:
            try:
                await self._ask("QueueRemove", where)
            except RecorderError as error:
                if "dynamic" not in error.message.lower():
                    raise
                await self._pause(where, True, LOGGED_OUT)

    async def _pause(self, where: Sequence[tuple[str, str]], paused: bool, reason: str) -> None:
        more = [("Paused", _flag(paused))]
        if paused and reason:
            more.append(("Reason", reason))
        await self._ask("QueuePause", [*where, *more])

    async def _ask(self, action: str, headers: Sequence[tuple[str, str]]) -> None:
        answer = await self._client.ask(action, headers, timeout_s=ANSWER_S)
        if not answer.success:
            raise _refused(answer.get("Message"))

    async def _read(self) -> tuple[QueueMember, ...]:
        found = []
        for queue in self._queues:
            headers = [("Queue", queue), ("Member", self._interface)]
            try:
                rows = await self._client.ask_list("QueueStatus", headers, timeout_s=ANSWER_S)
            except RecorderError as error:
                raise (_refused(error.message) if "permission" in error.message.lower() else error) from None
            if not any(row.event == "QueueParams" and row.get("Queue") == queue for row in rows):
                raise RecorderError(
                    f"The PBX has no queue “{queue}”.", "Tell IT: see `queues` in the settings."
                )
            mine = [
                row for row in rows if row.event == "QueueMember" and row.get("Location") == self._interface
            ]
            if not mine:
                found.append(QueueMember(queue=queue, member=False))
                continue
            paused, reason = mine[0].get("Paused") == "1", mine[0].get("PausedReason")
            out = paused and reason == LOGGED_OUT
            self._resting.discard(queue)
            if out:
                self._resting.add(queue)
            found.append(
                QueueMember(
                    queue=queue,
                    member=not out,
                    paused=paused and not out,
                    reason=reason if paused and not out else "",
                )
            )
        return tuple(found)


_WAIT = "HaloDesk tries again by itself."


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _refused(words: str) -> RecorderError:
    if "permission" in words.lower():
        return RecorderError(
            "The PBX does not let this seat change its queues.",
            "Tell IT: the manager user needs read = agent and write = agent.",
        )
    return RecorderError(
        f"The PBX says of the queues: {words or 'no reason given'}.", "Tell your supervisor."
    )
