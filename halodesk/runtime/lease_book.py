"""The book of mask leases: which calls are masked, by which recorders, for which leases.

Rules:
- It keeps and finds; it asks nobody (`lease_ask`) and decides nothing (`lease`).
- A recorder is booked once for the customer's call and once more for each leg beside it that it may
  record: every booking has its own word.
- A booking for a leg tells the recorder so (`ports.beside`): not every leg is recorded, and where
  nothing records there is nothing to mask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from halodesk.runtime.ports import RecorderAnswer, RecorderControl, beside

MaskPhase = Literal["wanted", "held", "lost", "releasing", "open"]

Leg = tuple[RecorderControl, str]
"""A recorder, and the SIP Call-ID of a leg beside the customer's call that it may record."""


class LeaseState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lease stands. Only "held" unlocks anything."""

    lease: str
    state: MaskPhase
    confirmed_by: tuple[str, ...] = ()
    """Names of the recorders whose word counts; "no call" where policy allows a lease without one."""
    answers: tuple[RecorderAnswer, ...] = ()
    since_wall: float = 0.0
    """Unix seconds at which this phase began."""
    message: str = ""
    todo: str = ""
    alarm: bool = False
    """Held or asked for longer than allowed. Nothing is unmasked for it."""


OnState = Callable[[LeaseState], None]


class Booked:
    """One recorder of one call or leg: its last word, and since when a good word counts."""

    def __init__(self, control: RecorderControl, leg: str = "", number: int = 1) -> None:
        self.control = control
        self.leg = leg
        """SIP Call-ID of the leg; "" for the customer's call, whose Call-ID may change."""
        self.name = f"{control.name}, call {number}" if leg else control.name
        self.answer: RecorderAnswer | None = None
        self.counts_from = 0
        """Epoch in which a request must have gone out for its good answer to count."""
        self.proved = -1
        """Epoch of the request that the last good answer came to; -1: the last word is not good."""
        self.kick = asyncio.Event()
        self.pushed = False
        """Its own word is why it is asked next."""
        self.pushed_at = 0.0
        self.not_before = 0.0
        """Loop times: of the last request for that reason, and before which the next must not go out."""
        self.task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Ask no more."""
        if self.task is not None:
            self.task.cancel()


class Call:
    """A call of a customer with all its bookings, or a leg that is only to be let go."""

    def __init__(self, sip_call_id: str, token: str) -> None:
        self.sip_call_id = sip_call_id
        self.token = token
        self.masking = True
        self.epoch = 0
        self.booked: dict[tuple[str, str], Booked] = {}
        """By name of the recorder and leg."""
        self.leases: list[Lease] = []
        self.releasing: list[Lease] = []
        self._numbers: dict[str, int] = {}

    def asked_as(self, booked: Booked) -> tuple[str, str]:
        """SIP Call-ID and lease name that the recorder is asked with."""
        return (booked.leg, beside(self.token)) if booked.leg else (self.sip_call_id, self.token)

    def book(self, control: RecorderControl, leg: str = "") -> Booked | None:
        """A new booking, or None where there is one."""
        key = control.name, leg
        if (known := self.booked.get(key)) is not None:
            known.control = control
            return None
        number = self._numbers.setdefault(leg, len(self._numbers) + 2) if leg else 1
        made = self.booked[key] = Booked(control, leg, number)
        return made

    def controls(self) -> list[RecorderControl]:
        """Recorders of the customer's call."""
        return [booked.control for booked in self.booked.values() if not booked.leg]

    def legs(self) -> list[Leg]:
        """What is booked of legs."""
        return [(booked.control, booked.leg) for booked in self.booked.values() if booked.leg]

    def unbook(self, gone: Iterable[Leg]) -> list[Booked]:
        """Take legs out of the book and stop asking for them."""
        out = [self.booked.pop((control.name, leg), None) for control, leg in gone]
        found = [booked for booked in out if booked is not None]
        for booked in found:
            booked.stop()
        return found

    def stop(self) -> None:
        """Ask for nothing of it any more."""
        for booked in self.booked.values():
            booked.stop()


class Lease:
    """One lease and who hears of it."""

    def __init__(self, name: str, on_state: OnState, since_mono: float, max_seconds: float) -> None:
        self.on_state = on_state
        self.since_mono = since_mono
        self.max_seconds = max_seconds
        self.epoch = 0
        self.call: Call | None = None
        self.state = LeaseState(lease=name, state="open")


class Book(dict[str, Call]):
    """Calls by SIP Call-ID."""

    def bookings(self, name: str, sip_call_id: str) -> Iterator[tuple[Call, Booked]]:
        """Every booking of this recorder for this SIP Call-ID: as a call of its own, as a leg of others."""
        for call in list(self.values()):
            for booked in list(call.booked.values()):
                if booked.control.name == name and call.asked_as(booked)[0] == sip_call_id:
                    yield call, booked

    def masked_elsewhere(self, call: Call, booked: Booked) -> bool:
        """Whether another call's leases need the same mask."""
        same = self.bookings(booked.control.name, call.asked_as(booked)[0])
        return any(other.masking and other is not call for other, _ in same)
