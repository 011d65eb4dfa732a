"""Keeps the subscriptions of a seat: one for its mailbox, one for each number whose lamp is in sight.

Rules:
- Loop thread only, but for `watch`.
- A lamp is "unknown" until its number has told something, and again as soon as that is not sure any more.
- Numbers that are out of sight keep their subscription for `LINGER_S`: lists are scrolled to and fro. At
  most `MOST` are kept.
- Requests over datagrams are sent again as RFC 3261 17.1.2 has it; over streams once. Not more than
  `AT_ONCE` are under way, so that a long list is no storm.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import secrets
from collections.abc import Callable, Sequence

import structlog

from halodesk.engine.errors import SipFormError
from halodesk.engine.patterns import full_match
from halodesk.protocol.phone_link import Account
from halodesk.runtime.agent_ports import Lamp, Mailbox
from halodesk.sip.watch.bodies import Dialogs, read_mailbox
from halodesk.sip.watch.connection import Connection, peer_of
from halodesk.sip.watch.message import Message, encode
from halodesk.sip.watch.subscription import Subscription, Who

MOST = 100
LINGER_S = 60.0
AT_ONCE = 8
T1_S = 0.5
T2_S = 4.0
TIMEOUT_S = 32.0
STREAM_TIMEOUT_S = 8.0
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;\s,]+)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9A-Za-z.+*#_-]{1,64}$")
_log = structlog.get_logger("watch")


class _Sent:
    """A request that waits for its answer."""

    def __init__(self, subscription: Subscription, data: bytes, now: float, *, stream: bool) -> None:
        self.subscription, self.data = subscription, data
        self.gives_up = now + (STREAM_TIMEOUT_S if stream else TIMEOUT_S)
        self.wait = T1_S
        self.due = self.gives_up if stream else now + T1_S


class Watcher:
    """`on_lamps` and `on_mailbox` are called on the loop, after a change."""

    def __init__(
        self,
        account: Account,
        *,
        loop: asyncio.AbstractEventLoop,
        on_lamps: Callable[[dict[str, Lamp]], None],
        on_mailbox: Callable[[Mailbox | None], None],
        lamps: str = "",
        mailbox: str | None = None,
    ) -> None:
        """`lamps`: pattern of numbers that have one. `mailbox`: its user; None: none is watched."""
        self._account, self._loop = account, loop
        self._on_lamps, self._on_mailbox = on_lamps, on_mailbox
        self._lamps = lamps
        self._mailbox = mailbox
        generator = random.SystemRandom()
        self._who = Who(
            uri=account.uri.partition(";")[0],
            user=account.username,
            password=account.password,
            fresh=lambda length: secrets.token_hex(length // 2),
            chance=generator.random,
        )
        self._connection = Connection(account, self._take, self._up, self._lost)
        self._numbers: dict[str, tuple[Subscription, Dialogs]] = {}
        self._unseen: dict[str, float] = {}
        """Since when a number is out of sight."""
        self._shown: dict[str, Lamp] = {}
        self._box: Subscription | None = None
        self._sent: dict[str, _Sent] = {}
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Connect, and watch the mailbox."""
        if self._mailbox is not None:
            box = "application/simple-message-summary"
            self._box = Subscription(self._who, self._uri(self._mailbox), "message-summary", box, self._now())
        self._tasks = [self._loop.create_task(work) for work in (self._connection.keep(), self._serve())]

    async def close(self) -> None:
        """Take the subscriptions back, without waiting for an answer, and disconnect."""
        for one in self._all():
            if one.told and self._connection.up:
                self._connection.send(one.request(self._via(secrets.token_hex(8)), expires=0))
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    def watch(self, numbers: Sequence[str]) -> None:
        """From any thread: whose lamps are in sight."""
        wanted = list(dict.fromkeys(filter(self.has_lamp, numbers)))[:MOST]
        self._loop.call_soon_threadsafe(self._want, wanted)

    def has_lamp(self, number: str) -> bool:
        """Whether this number is one of those that have a lamp."""
        return bool(self._lamps and _NUMBER.match(number) and full_match(self._lamps, number))

    def renew(self) -> None:
        """The PBX is back, or the network is another: it may have forgotten everything."""
        for one in self._all():
            one.again(self._now())
        self._sent.clear()
        self._due.set()

    def reconnect(self) -> None:
        """This computer woke, or is in another network: what was open leads nowhere."""
        if self._tasks:
            self._tasks[0].cancel()
            self._tasks[0] = self._loop.create_task(self._connection.keep())

    def _want(self, numbers: Sequence[str]) -> None:
        now = self._now()
        for number in numbers:
            self._unseen.pop(number, None)
            if number not in self._numbers:
                accept = "application/dialog-info+xml"
                made = Subscription(self._who, self._uri(number), "dialog", accept, now)
                self._numbers[number] = (made, Dialogs(made.call_id))
        for number in self._numbers.keys() - set(numbers):
            self._unseen.setdefault(number, now)
        while len(self._numbers) > MOST and self._unseen:
            self._forget(min(self._unseen, key=lambda number: self._unseen[number]))
        self._show()
        self._due.set()

    def _forget(self, number: str) -> None:
        subscription, _ = self._numbers.pop(number)
        self._unseen.pop(number, None)
        self._sent = {key: one for key, one in self._sent.items() if one.subscription is not subscription}
        if subscription.told and self._connection.up:
            self._connection.send(subscription.request(self._via(secrets.token_hex(8)), expires=0))

    # sending

    async def _serve(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait()):
                    await self._due.wait()
            self._due.clear()
            now = self._now()
            for number in [one for one, since in self._unseen.items() if now - since > LINGER_S]:
                self._forget(number)
            if self._connection.up:
                self._resend(now)
                self._send_due(now)
            self._show()

    def _wait(self) -> float:
        """Seconds until something is due."""
        times = [one.due for one in self._all() if one.due is not None] if len(self._sent) < AT_ONCE else []
        times += [one.due for one in self._sent.values()]
        times += [since + LINGER_S for since in self._unseen.values()]
        if not self._connection.up:
            return 60.0
        return max(0.01, min(times, default=self._now() + 60.0) - self._now())

    def _send_due(self, now: float) -> None:
        ready = sorted(
            (one.due, id(one), one) for one in self._all() if one.due is not None and one.due <= now
        )
        for _, _, one in ready[: max(0, AT_ONCE - len(self._sent))]:
            branch = secrets.token_hex(10)
            data = one.request(self._via(branch))
            self._sent[branch] = _Sent(one, data, now, stream=self._account.transport != "udp")
            self._connection.send(data)

    def _resend(self, now: float) -> None:
        for branch, sent in list(self._sent.items()):
            if now >= sent.gives_up:
                del self._sent[branch]
                sent.subscription.silent(now)
            elif now >= sent.due:
                self._connection.send(sent.data)
                sent.wait = min(sent.wait * 2, T2_S)
                sent.due = min(now + sent.wait, sent.gives_up)

    def _via(self, branch: str) -> str:
        transport = self._account.transport.upper()
        return f"SIP/2.0/{transport} {self._connection.address};rport;branch=z9hG4bK{branch}"

    def _uri(self, user: str) -> str:
        host, port = peer_of(self._account)
        if self._account.proxy:  # the proxy is only the way
            host, port = self._account.uri.rpartition("@")[2].partition(";")[0].partition(":")[0], 0
        name = f"[{host}]" if ":" in host else host
        where = f"{name}:{port}" if port else name
        more = "" if self._account.transport == "udp" else f";transport={self._account.transport}"
        return f"sip:{user}@{where}{more}"

    # what the connection tells

    def _up(self) -> None:
        user = self._account.username or "halodesk"
        more = "" if self._account.transport == "udp" else f";transport={self._account.transport}"
        self._who.contact = f"sip:{user}@{self._connection.address}{more}"
        self.renew()

    def _lost(self) -> None:
        self._sent.clear()
        for one in self._all():
            one.silent(self._now())
        self._show()

    def _take(self, message: Message) -> None:
        if message.status:
            branch = _BRANCH.search(message.get("via"))
            sent = self._sent.get(branch[1].removeprefix("z9hG4bK")) if branch else None
            if sent is None or message.method != "SUBSCRIBE" or message.status < 200 or branch is None:
                return
            del self._sent[branch[1].removeprefix("z9hG4bK")]
            sent.subscription.answered(message, self._now())
            if message.status >= 300 and message.status not in (401, 407):
                _log.info("subscription_refused", kind=sent.subscription.event, code=message.status)
        elif message.method == "NOTIFY":
            self._notified(message)
        elif message.method != "ACK":
            self._answer(message, 405)
        self._due.set()

    def _notified(self, message: Message) -> None:
        call_id, tag, now = message.get("call-id"), message.tag("to"), self._now()
        for number, (one, dialogs) in self._numbers.items():
            if (one.call_id, one.local_tag) == (call_id, tag):
                status, body = one.notified(message, now)
                self._answer(message, status)
                if dialogs.call_id != call_id:
                    dialogs = Dialogs(call_id)
                    self._numbers[number] = (one, dialogs)
                if body is not None and dialogs.told(body) is None:
                    _log.info("notification_unread", kind=one.event)
                return
        box = self._box
        if box is not None and (box.call_id, box.local_tag) == (call_id, tag):
            status, body = box.notified(message, now)
            self._answer(message, status)
            if body is not None and (found := read_mailbox(body)) is not None:
                self._on_mailbox(found)
            return
        self._answer(message, 481)

    def _answer(self, message: Message, status: int) -> None:
        words = {200: "OK", 405: "Method Not Allowed", 481: "Subscription Does Not Exist", 489: "Bad Event"}
        copied = ("via", "from", "to", "call-id", "cseq")
        names = {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
        headers = [(names[name], value) for name, value in message.headers if name in copied]
        with contextlib.suppress(SipFormError):
            self._connection.send(encode(f"SIP/2.0 {status} {words.get(status, 'Refused')}", headers))

    def _show(self) -> None:
        lamps: dict[str, Lamp] = {
            number: dialogs.lamp if one.told else "unknown"
            for number, (one, dialogs) in self._numbers.items()
        }
        if lamps != self._shown:
            self._shown = lamps
            self._on_lamps(dict(lamps))

    def _all(self) -> list[Subscription]:
        box = [self._box] if self._box is not None else []
        return [*box, *(one for one, _ in self._numbers.values())]

    def _now(self) -> float:
        return self._loop.time()
