"""A desk for tests: the real engine and a real flow behind `DeskPort`, outside work at once.

The mask is confirmed and the card charged in the same call, unless a test says otherwise
(`hold_mask`, `hold_effects`), so that a test sees each state as long as it wants to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import sealed
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.core import decide
from halodesk.engine.events import AnyEvent, CallFacts, EffectRequested, SecretsWiped
from halodesk.engine.evolve import fold
from halodesk.engine.flow import Flow, load
from halodesk.engine.page import Page, page
from halodesk.engine.session import Session
from halodesk.protocol.phone_link import CallInfo, Recording, Registration
from halodesk.runtime.ports import DeskNotice, SecretView, StorageState, SyncState, Topic, Unsubscribe

FLOWS = Path(__file__).resolve().parents[2] / "resources" / "flows"
GOOD_CARD, EXPIRY, CVV = "4242424242424242", "1230", "123"


def sample_flow() -> Flow:
    """The flow that ships."""
    return load((FLOWS / "supplement-order.flow.json").read_bytes())


class FakeDesk:
    """`DeskPort` without threads, phone or disk."""

    def __init__(self, flow: Flow | None = None, *, agent: str = "Ann Lee") -> None:
        self.flow = flow if flow is not None else sample_flow()
        self.agent = agent
        self.account = "sip:1001@pbx.example"
        self.registration: Registration | None = Registration(account="main", state="registered", code=200)
        self.registrations: tuple[Registration, ...] = ()
        self.phone_problem: DeskNotice | None = None
        self.call: CallInfo | None = None
        self.session_id = ""
        self.storage = StorageState()
        self.sync: SyncState | None = None
        self.notices: tuple[DeskNotice, ...] = ()
        self.state: Session | None = None
        self.events: list[AnyEvent] = []
        self.commands: list[c.Command] = []
        self.draft_calls: list[tuple[str, Any]] = []
        self.dialled: list[str] = []
        self.keys: list[str] = []
        self.beside: tuple[CallInfo, ...] = ()
        """Legs beside the call in hand."""
        self.wishes: list[tuple[Any, ...]] = []
        """What was asked for with legs."""
        self.attended = True
        self.hold_mask = False
        self.hold_effects = False
        self.declines: list[str] = []
        """Reasons of the next charges that are declined."""
        self.card_problem = ""
        self.lengths = {"number": 16, "expiry": 4, "cvv": 3, "ssn": 9, "medicare_id": 11, "other": 9}
        self.lengths["bank_account"] = 8
        self.moment = Moment()
        self.answers: Callable[[EffectRequested], c.Resolve | None] | None = None
        """What comes of outside work; None where it is still under way, or another's to answer."""
        self._drafts: dict[str, Any] = {}
        self._digits: dict[str, str] = {}
        self._listeners: list[Callable[[Topic], None]] = []
        self.strangers = 0
        """Listeners that are not the window's."""

    # values

    @property
    def page(self) -> Page | None:
        return page(self.flow, self.state, self.moment.roles) if self.state is not None else None

    @property
    def legs(self) -> tuple[CallInfo, ...]:
        mine = (self.call,) if self.call is not None and self.call.state != "ended" else ()
        return (*mine, *self.beside)

    @property
    def hand(self) -> CallInfo | None:
        speaking = [leg for leg in self.legs if leg.state == "active" and leg.hold == "off"]
        return speaking[0] if speaking else self.call

    @property
    def waiting(self) -> CallInfo | None:
        return next((leg for leg in self.beside if leg.state == "incoming"), None)

    @property
    def flow_name(self) -> str:
        return f"{self.flow.name} · version {self.flow.version}" if self.state is not None else ""

    @property
    def drafts(self) -> Mapping[str, Any]:
        return self._drafts

    @property
    def listeners(self) -> int:
        return len(self._listeners) - self.strangers

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # what a test makes happen

    def ring(self, name: str = "Robin Ortiz", number: str = "+12025550143") -> None:
        self.call = CallInfo(
            key="call-1",
            sip_call_id="sip-1",
            account="main",
            direction="in",
            state="incoming",
            remote_uri=f"sip:{number}@pbx.example",
            remote_number=number,
            remote_name=name,
            called="8005550142",
            headers={"X-Queue": "support"},
            begun_at=time.time(),
        )
        self.tell("call")

    def attend(self, *, present: bool) -> None:
        self.attended = present

    def refuse_waiting(self) -> None:
        self.wishes.append(("refuse_waiting",))

    def hang_up_leg(self, key: str) -> None:
        self.wishes.append(("hang_up_leg", key))

    def transfer(self, number: str, *, attended: bool = False) -> None:
        self.wishes.append(("transfer", number, attended))

    def is_emergency(self, number: str) -> bool:
        return number.strip() == "112"

    def complete_transfer(self) -> None:
        self.wishes.append(("complete_transfer",))

    def cancel_transfer(self) -> None:
        self.wishes.append(("cancel_transfer",))

    def swap(self) -> None:
        self.wishes.append(("swap",))

    def merge(self) -> None:
        self.wishes.append(("merge",))

    def split(self) -> None:
        self.wishes.append(("split",))

    def answer_call(self) -> None:
        if self.waiting is not None:
            self.wishes.append(("answer_waiting",))
            return
        assert self.call is not None
        self.call = replace(
            self.call,
            state="active",
            codec="opus/48000",
            answered_at=time.time() - 83,
            recording=Recording(path="call-1.flac", sample_rate=16000, samples=0),
        )
        self.tell("call")
        self.begin()

    def begin(self) -> None:
        """Starts a session, for the call in hand where there is one."""
        call = self.call
        facts = CallFacts()
        if call is not None:
            facts = CallFacts(
                direction="in",
                number=call.remote_number,
                name=call.remote_name,
                called=call.called,
                sip_call_id=call.sip_call_id,
            )
        self.state = Session()
        self.session_id = "session-1"
        assert self.do(c.Start(agent=self.agent.split()[0], call=facts)) is None

    def hang_up(self) -> None:
        if self.call is None or self.call.state == "ended":
            return
        ended = time.time()
        self.call = replace(self.call, state="ended", ended_at=ended, reason="Ended by the agent")
        self.tell("call")
        if self.state is not None and self.state.status == "running":
            self.do(c.LoseCall(reason="Ended by the agent", by="agent"))

    line = "main"

    def choose_line(self, account: str) -> None:
        self.line = account
        self.tell("registration")

    def dial(self, number: str) -> None:
        self.dialled.append(number)

    def hold(self) -> None:
        self._change(hold="on")

    def unhold(self) -> None:
        self._change(hold="off")

    def set_microphone(self, *, muted: bool) -> None:
        self._change(microphone_muted=muted)

    def send_dtmf(self, digits: str) -> None:
        self.keys.append(digits)

    def _change(self, **values: Any) -> None:
        assert self.call is not None
        self.call = replace(self.call, **values)
        self.tell("call")

    def lose_mask(self) -> None:
        assert self.state is not None
        self._digits.clear()
        self.do(
            c.ReportMask(
                lease=self.state.mask.lease,
                phase="lost",
                message="The PBX recorder stopped answering.",
                todo="Do not take card data until it is masked again.",
            )
        )

    def confirm_mask(self) -> None:
        """All recorders confirm the mask."""
        assert self.state is not None
        self.do(
            c.ReportMask(lease=self.state.mask.lease, phase="held", confirmed_by=("HaloDesk recorder", "PBX"))
        )

    def settle(self) -> None:
        """The outside work under way is done."""
        held, self.hold_effects = self.hold_effects, False
        self._outside()
        self.tell("session")
        self.hold_effects = held

    def report(self, id_: str, outcome: Any, **result: Any) -> None:
        self.do(c.Resolve(id=id_, outcome=outcome, result=result))

    def show_storage(self, storage: StorageState) -> None:
        self.storage = storage
        self.tell("storage")

    def tell(self, topic: Topic) -> None:
        for listener in list(self._listeners):
            listener(topic)

    # wishes

    def do(self, command: c.Command) -> c.Refused | None:
        self.commands.append(command)
        if self.state is None:
            return c.Refused(code="no_session", message="There is no session.")
        result = decide(self.flow, self.state, command, self.moment)
        if isinstance(result, c.Refused):
            self._fold(list(result.incidents))
            return result
        self._fold(result)
        if isinstance(command, c.Answer):
            self._drafts.pop(command.field, None)
        self._outside()
        self.tell("session")
        return None

    def weigh(self, command: c.Command) -> list[AnyEvent] | c.Refused:
        if self.state is None:
            return c.Refused(code="no_session", message="There is no session.")
        return decide(self.flow, self.state, command, self.moment)

    def draft(self, field: str, raw: Any) -> None:
        self.draft_calls.append((field, raw))
        self._drafts[field] = raw

    def secret(self, field: str) -> SecretView:
        digits = self._digits.get(field, "")
        full = len(digits) == self.lengths[self._role(field)]
        number = full and self._role(field) == "number"
        problem = ""
        if number and self.card_problem:
            problem = self.card_problem
        return SecretView(
            length=len(digits),
            complete=full,
            last4=digits[-4:] if number else "",
            brand="visa" if digits.startswith("4") and self._role(field) == "number" else "",
            problem=problem,
        )

    def type_secret(self, field: str, digit: str) -> SecretView:
        view = self.secret(field)
        if self.state is None or self.state.mask.phase != "held" or view.complete:
            return view
        self._digits[field] = self._digits.get(field, "") + digit
        view = self.secret(field)
        if view.complete:
            self.do(c.EnterSecret(field=field, handle=f"handle-{field}", problem=view.problem))
        return view

    def erase_secret(self, field: str, *, all_digits: bool = False) -> SecretView:
        self._digits[field] = "" if all_digits else self._digits.get(field, "")[:-1]
        self.do(c.ClearSecret(field=field))
        return self.secret(field)

    def dismiss(self, notice: DeskNotice) -> None:
        self.notices = tuple(found for found in self.notices if found is not notice)
        self.tell("notice")

    def do_end(self) -> None:
        """From the wrap-up to the next call."""
        assert self.do(c.Answer(field="disposition", raw="sale")) is None
        assert self.do(c.Submit()) is None
        self.close_session()

    def close_session(self) -> None:
        self.state = None
        self.session_id = ""
        self.call = None
        self._drafts.clear()
        self.tell("call")
        self.tell("session")

    # outside work

    def _role(self, field: str) -> str:
        current = self.page
        found = next((view for view in current.fields if view.name == field), None) if current else None
        return (found.role or found.kind) if found is not None else "number"

    def _fold(self, events: list[AnyEvent]) -> None:
        assert self.state is not None
        before = (self.state.step, self.state.visit)
        self.events += events
        self.state = fold(events, self.state)
        if (self.state.step, self.state.visit) != before:
            self._drafts.clear()
        for event in events:
            if isinstance(event, SecretsWiped):
                for name in event.fields or tuple(self._digits):
                    self._digits.pop(name, None)

    def _outside(self) -> None:
        while self.state is not None:
            command = self._next()
            if command is None:
                return
            result = decide(self.flow, self.state, command, self.moment)
            assert not isinstance(result, c.Refused)
            self._fold(result)

    def _next(self) -> c.Command | None:
        assert self.state is not None
        mask = self.state.mask
        if mask.phase == "wanted" and not self.hold_mask:
            return c.ReportMask(lease=mask.lease, phase="held", confirmed_by=("HaloDesk recorder", "PBX"))
        if mask.phase == "releasing" and not self.hold_mask:
            return c.ReportMask(lease=mask.lease, phase="none")
        sealing = next((ask for ask in self.state.effects.values() if ask.kind == sealed.KIND), None)
        if sealing is not None:
            return c.Resolve(id=sealing.id, outcome="ok", result=sealed.simulated(sealing.args))
        if self.hold_effects or not self.state.effects:
            return None
        if self.answers is not None:
            asks = [ask for ask in self.state.effects.values() if ask.id not in self.state.unknown]
            return next((done for ask in asks if (done := self.answers(ask)) is not None), None)
        ask = next(iter(self.state.effects.values()))
        if ask.id in self.state.unknown:
            return None
        if ask.kind == "function":
            value = int(self.state.values.get("attempts") or 0) + 1
            return c.Resolve(id=ask.id, outcome="ok", result={"value": value})
        if ask.kind == "tokenise":
            return c.Resolve(
                id=ask.id, outcome="ok", result={"token": "tok-1", "last4": "4242", "brand": "Visa"}
            )
        if self.declines:
            return c.Resolve(id=ask.id, outcome="declined", result={"reason": self.declines.pop(0)})
        return c.Resolve(id=ask.id, outcome="ok", result={"charge_id": "ch-1", "auth_code": "A1"})
