"""The seat's post: composes letters, sends them, and keeps those that must wait.

Rules:
- A letter is queued, then tried at once; `queued` is said only of what is on disk.
- One letter a key: what was sent is said to be sent, what waits to be waiting.
- Waiting letters are tried again after 1, 5, 15, then every 60 minutes, for three days; then it is
  told that they were given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from halodesk.connectors.email import open_mailer
from halodesk.connectors.email.message import Mail, compose
from halodesk.connectors.email.provider import Delivery, MailAccount
from halodesk.connectors.email.queue import MailQueue, Waiting
from halodesk.engine.errors import SettingsError
from halodesk.runtime.effect_ports import MailAnswer
from halodesk.runtime.ports import Clock

PAUSES = (60.0, 300.0, 900.0, 3600.0)
LONGEST_SECONDS = 3 * 86_400.0


class MailPost:
    """All mail accounts of a seat and their queue; used on one loop.

    `given_up(key, reason)` hears of each letter that waited and will not be sent. Raises
    `SettingsError` for an account that cannot be used.
    """

    def __init__(
        self,
        accounts: Sequence[MailAccount],
        queue: MailQueue,
        clock: Clock,
        *,
        given_up: Callable[[str, str], None] = lambda key, reason: None,
    ) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._mailers = {account.name: open_mailer(account) for account in accounts}
        if len(self._accounts) != len(accounts):
            raise SettingsError("Two mail accounts have the same name.", "Give each its own.")
        self._queue, self._clock, self._given_up = queue, clock, given_up
        self._turn = asyncio.Lock()

    async def send(self, mail: Mail, *, session: str, key: str) -> MailAnswer:
        """One mail a `session` and `key`; a second one is answered by what became of the first."""
        account = self._accounts.get(mail.provider)
        if account is None:
            return MailAnswer(verdict="failed", reason=f"This seat has no mail account “{mail.provider}”.")
        name = f"{session}\0{key}"
        async with self._turn:
            if self._queue.was_sent(name):
                return MailAnswer(verdict="sent")
            if self._queue.find(name) is not None:
                return MailAnswer(verdict="queued")
            now = self._clock.wall()
            try:
                letter = compose(mail, account, key=name, now=now)
                one = Waiting(key=name, account=account.name, letter=letter, since=now)
                self._queue.keep(one)
            except SettingsError as error:
                return MailAnswer(verdict="failed", reason=str(error))
            except OSError:
                return MailAnswer(
                    verdict="failed", reason="The disk is full or not writable; nothing was sent."
                )
            delivery = await self._try(one)
        verdict: Literal["sent", "queued", "failed"] = "queued"
        if delivery.verdict != "later":
            verdict = delivery.verdict
        return MailAnswer(verdict=verdict, reason=delivery.reason)

    async def deliver(self) -> int:
        """Try what is due again; how many letters still wait. Call it every minute."""
        async with self._turn:
            now = self._clock.wall()
            self._queue.forget_marks(now)
            for one in list(self._queue.waiting()):
                # A clock that was set back must not hold a letter for longer than the pause.
                if one.next_at > now and one.next_at - now <= PAUSES[-1]:
                    continue
                delivery = await self._try(one)
                if delivery.verdict == "failed":
                    self._given_up(one.key.partition("\0")[2], delivery.reason)
            return sum(1 for _ in self._queue.waiting())

    async def _try(self, one: Waiting) -> Delivery:
        mailer = self._mailers.get(one.account)
        if mailer is None:
            delivery = Delivery(verdict="failed", reason=f"The mail account “{one.account}” is gone.")
        else:
            delivery = await mailer.send(one.letter)
        now = self._clock.wall()
        if delivery.verdict == "later" and now - one.since >= LONGEST_SECONDS:
            delivery = Delivery(verdict="failed", reason=f"Tried for three days. {delivery.reason}")
        if delivery.verdict == "later":
            letter = one.letter
            if delivery.rest:
                letter = msgspec.structs.replace(letter, to=delivery.rest)
            pause = PAUSES[min(one.tries, len(PAUSES) - 1)]
            self._queue.keep(
                msgspec.structs.replace(one, letter=letter, tries=one.tries + 1, next_at=now + pause)
            )
        elif delivery.verdict == "sent":
            self._queue.mark_sent(one.key)
        else:
            self._queue.drop(one.key)
        return delivery
