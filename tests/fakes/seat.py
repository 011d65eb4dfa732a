"""One life of a seat: the desk with fakes at every port; its main thread is the test."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.flow import Flow
from halodesk.protocol import envelope as envelopes
from halodesk.protocol import phone_link as link
from halodesk.runtime.desk import Desk
from halodesk.runtime.effects import Effects
from halodesk.runtime.lease import MaskLeases
from halodesk.runtime.log import SessionLog
from halodesk.runtime.masking import Masking
from halodesk.runtime.payment_ports import ChargeVerdict
from halodesk.runtime.secret_entry import SecretEntry
from halodesk.runtime.threads import IoThread, SystemClock
from halodesk.runtime.vault import Vault
from tests.fakes.gateway import FakeGateway
from tests.fakes.order import ADDRESS, CALLER, CARD, sample
from tests.fakes.phone import FakePhone, active, ringing
from tests.fakes.recorder import FakeRecorder
from tests.fakes.store import FakeStore

PATIENCE_S = 15.0


class Counting:
    """The sample's one function."""

    async def evaluate(self, expression: str, variables: Mapping[str, Any], *, timeout_ms: int = 200) -> Any:
        """`FunctionRunner`."""
        return variables["attempts"] + 1


class Seat:
    """One life of a desk. Its main thread is the test: `until` runs what was posted."""

    def __init__(
        self,
        store: FakeStore,
        recorder: FakeRecorder,
        gateway: FakeGateway,
        flow: Flow | None = None,
        **ports: Any,
    ) -> None:
        """`flow`: another one than the sample; `ports`: of the outside, as `Effects` takes them."""
        self.store, self.recorder, self.gateway = store, recorder, gateway
        self.phone = FakePhone()
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.io = IoThread()
        self.vault = Vault(lambda: 0.0)
        clock = SystemClock()
        self.leases = MaskLeases(clock, period_s=0.02, answer_s=5.0)
        masking = Masking(leases=self.leases, recorders=lambda: [self.recorder], vault=self.vault, io=self.io)
        effects = Effects(
            functions=Counting(),
            gateways={"default": gateway},
            vault=self.vault,
            settle=lambda session, answer: self.posted.put(lambda: self.desk.settled(session, answer)),
            **ports,
        )
        self.topics: list[str] = []
        self.desk = Desk(
            agent="Ann",
            account="sip:1001@example.com",
            seat="seat-1",
            flows=[flow or sample()],
            store=store,
            phone=self.phone,
            masking=masking,
            secret_entry=SecretEntry(self.vault, lambda: date(2026, 6, 15)),
            effects=effects,
            io=self.io,
            post=self.posted.put,
            clock=clock,
        )
        self.desk.subscribe(self.topics.append)

    def until(self, condition: Callable[[], Any]) -> None:
        """Run the main thread until something holds."""
        while not condition():
            try:
                self.posted.get(timeout=PATIENCE_S)()
            except queue.Empty:
                pytest.fail("it never happened")

    def turn(self) -> None:
        """One turn of the io thread; nothing is run here."""
        self.io.submit(_nothing()).result(PATIENCE_S)

    def still(self) -> None:
        """Run what is posted by work that the io thread has begun."""
        for _ in range(3):
            self.turn()
            while not self.posted.empty():
                self.posted.get()()

    def take(self, **more: Any) -> None:
        """A call comes in and is answered."""
        for call in (ringing(**more), active(**more)):
            self.desk.phone_notice(link.CallChanged(call=call))

    def do(self, command: c.Command) -> None:
        refused = self.desk.do(command)
        assert refused is None, refused

    def to_payment(self) -> None:
        """The payment page, masked."""
        self.take()
        self.do(c.Submit(choice="call_type=order"))
        for name, raw in CALLER.items():
            self.do(c.Answer(field=name, raw=raw))
        self.do(c.Submit())
        self.do(c.Submit(choice="offer_response=yes"))
        self.do(c.Submit(choice="journal=false"))
        self.do(c.Answer(field="billing_address", raw=ADDRESS))
        self.do(c.Submit())
        assert self.at == "payment"
        self.until(lambda: self.mask == "held")

    def type_card(self) -> None:
        for field, digits in (("card_number", CARD), ("card_expiry", "1230"), ("card_cvv", "123")):
            for digit in digits:
                self.desk.type_secret(field, digit)
            assert self.desk.secret(field).complete

    @property
    def at(self) -> str:
        page = self.desk.page
        return page.step if page is not None else ""

    @property
    def mask(self) -> str:
        session = self.desk.session
        return session.state.mask.phase if session is not None else ""

    @property
    def events(self) -> list[e.AnyEvent]:
        return self.store.events(self.desk.session_id)

    def crash(self) -> None:
        """The process dies: nothing more is written or sent."""
        self.io.close()


async def _nothing() -> None:
    return None


class Found:
    """What the composition root finds of an open session."""

    def __init__(self, store: FakeStore, session: str = "") -> None:
        """`session`: one of several; empty: the only one."""
        rows = [row for row in store.rows if session in ("", row.session)]
        self.flow: Flow = sample()
        self.log = SessionLog(
            session=rows[0].session, seat="seat-1", clock=SystemClock(), seq=rows[-1].seq, head=rows[-1].head
        )
        self.events: Sequence[e.AnyEvent] = store.events(rows[0].session)
        self.drafts = {
            (step, field): raw for (owner, step, field), raw in store.drafts.items() if session in ("", owner)
        }
        self.asked = {
            event.id: envelopes.decode(row.envelope).wall
            for row, event in zip(rows, self.events, strict=True)
            if isinstance(event, e.EffectRequested)
        }


@contextmanager
def one_seat() -> Iterator[Callable[..., Seat]]:
    """Lives of a seat over one disk, one recorder and one gateway, whose script the arguments go on."""
    store, recorder, gateway = FakeStore(), FakeRecorder(), FakeGateway()
    begun: list[Seat] = []

    def begin(*script: ChargeVerdict) -> Seat:
        gateway.script.extend(script)
        begun.append(Seat(store, recorder, gateway))
        return begun[-1]

    yield begin
    for seat in begun:
        if not seat.io.loop.is_closed():
            seat.io.close()
