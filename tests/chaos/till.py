"""A till: a process that takes one order after the other over the real engine, store and gateway.

`python -m tests.chaos.till FOLDER URL [--last]`. It may be killed at any moment. A new one on the same
folder first takes up what the one before left open, as a seat does; with `--last` it stops there.
It says `open` when that is done and `paid` after each order.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import structlog
from msgspec.structs import replace

from halodesk.connectors.payments import open_gateway
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.effects import BACKGROUND
from halodesk.engine.errors import FunctionError
from halodesk.engine.flow import Flow, load
from halodesk.protocol import envelope as envelopes
from halodesk.runtime.effects import Effects, base
from halodesk.runtime.log import SessionLog
from halodesk.runtime.secret_entry import handle_name, vault_handle
from halodesk.runtime.session import LiveSession
from halodesk.runtime.threads import SystemClock
from halodesk.runtime.vault import Vault
from halodesk.store.seat_store import SeatStore
from tests.fakes.carts import CATALOGUE
from tests.fakes.order import small

ATTEMPTS = 3
CARD = {"pan": "4242424242424242", "expiry": "1230", "cvv": "737"}
ANSWER_S = 0.5
API_KEY = "sandbox-gateway"
"""That of a sandbox gateway; not imported, as each till would load a server for it."""


def flow() -> Flow:
    """Goods, a payment form that charges by itself, the end."""
    fields = [
        {"name": name, "type": "encrypted", "kind": kind, "retention": "capture", "required": True}
        for name, kind in (("pan", "card_number"), ("expiry", "other"), ("cvv", "cvv"))
    ]
    made = small(
        {
            "key": "goods", "type": "script", "fallback": "pay",
            "cart_actions": [{"action": "add_item", "args": {"item": "nap", "quantity": 1}}],
        },
        {
            "key": "pay", "type": "payment_form", "fallback": "end", "fields": fields,
            "config": {name: name for name in ("expiry", "cvv")}
            | {"number": "pan", "mode": "sale", "attempts": ATTEMPTS},
        },
    )  # fmt: skip
    return replace(made, catalogue=CATALOGUE)


class NoFunctions:
    """The flow has none."""

    async def evaluate(self, expression: str, variables: Any, *, timeout_ms: int = 200) -> Any:
        raise FunctionError("There is no function here.", "")


class Till:
    """One process's life."""

    def __init__(self, folder: Path, url: str) -> None:
        self.store = SeatStore(folder)
        self.seat = self.store.seat()
        self.flow = flow()
        self.vault = Vault(lambda: 0.0)
        self.answers: list[c.Resolve] = []
        account = GatewayAccount(base_url=url, api_key=API_KEY, total_seconds=ANSWER_S)
        self.effects = Effects(
            functions=NoFunctions(),
            gateways={"default": open_gateway("sandbox", account)},
            vault=self.vault,
            settle=lambda session, answer: self.answers.append(answer),
        )
        self._asked: list[tuple[e.EffectRequested, Future[Any]]] = []

    async def take_up(self) -> None:
        """What was left open is finished: a charge is asked for, never made again."""
        for row in self.store.sessions.rows(status="open"):
            rows = self.store.sessions.events(row.id)
            log = SessionLog(
                session=row.id, seat=self.seat, clock=SystemClock(), seq=rows[-1].seq, head=rows[-1].head
            )
            made = load(self.store.sessions.flow_document(row.flow_hash))
            session = LiveSession(made, log, self.store, self._kept)
            session.restore([codec.decode(one.payload or b"") for one in rows], {})
            session.do(c.Restart())
            for ask in list(session.state.effects.values()):
                asked_at = next(
                    envelopes.decode(one.envelope).wall
                    for one in rows
                    if ask.id.encode() in (one.payload or b"")
                )
                await self._work(session, ask, again=True, asked_at=asked_at)
            await self._go_on(session)

    async def order(self) -> None:
        """One order, from hello to the receipt."""
        log = SessionLog(session=secrets.token_hex(12), seat=self.seat, clock=SystemClock())
        self.store.keep_flow(self.flow)
        session = LiveSession(self.flow, log, self.store, self._kept)
        session.do(c.Start(agent="Till"))
        await self._go_on(session)

    async def _go_on(self, session: LiveSession) -> None:
        while session.state.status == "running":
            await self._settled(session)
            match session.state.step:
                case "pay" if session.state.here is None:
                    self._type_card(session)
                    session.do(c.Submit())
                case "end":
                    sold = "done" if session.state.paid is not None else "lost"
                    session.do(c.Answer(field="disposition", raw=sold))
                    session.do(c.Submit())
                case _:
                    session.do(c.Submit())
        await self._settled(session)

    def _type_card(self, session: LiveSession) -> None:
        session.do(c.ReportMask(lease=session.state.mask.lease, phase="held", confirmed_by=("till",)))
        self.vault.unlock()
        for field, digits in CARD.items():
            name = handle_name("pay", field)
            handle = vault_handle(session.id, name)
            self.vault.open(handle, kind="other", max_digits=19)
            for digit in digits:
                self.vault.push(handle, digit)
            session.do(c.EnterSecret(field=field, handle=name))

    async def _settled(self, session: LiveSession) -> None:
        """Do what was asked for, once it is on disk."""
        while self._asked:
            ask, durable = self._asked.pop(0)
            await asyncio.wrap_future(durable)
            if ask.kind not in BACKGROUND:
                await self._work(session, ask)

    async def _work(self, session: LiveSession, ask: e.EffectRequested, **more: Any) -> None:
        await self.effects.run(session.id, ask, {}, **more)
        while self.answers:
            session.do(self.answers.pop(0))

    def _kept(self, session: LiveSession, events: Sequence[e.AnyEvent], durable: Future[Any]) -> None:
        self._asked += [(event, durable) for event in events if isinstance(event, e.EffectRequested)]


async def main(folder: Path, url: str, *, last: bool) -> None:
    """Until it is killed; with `last`, until nothing is open."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    base.QUERY_FIRST_S, base.QUERY_LONGEST_S = 0.3, 0.5
    till = Till(folder, url)
    await till.take_up()
    print("open", flush=True)
    while not last:
        await till.order()
        print("paid", flush=True)
    till.store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], last="--last" in sys.argv))
