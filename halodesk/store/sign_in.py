"""Checks a name and a password against what is kept at this seat.

Slow on purpose (Argon2id): never on a thread that paints.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from halodesk.crypto import verifier
from halodesk.engine.errors import SignInError
from halodesk.runtime.ports import Clock
from halodesk.store.people import SET_BACK_S, People, Person

_WRONG = "The name or the password is wrong."


def check_here(people: People, name: str, password: str, clock: Clock) -> Person:
    """The person, without asking a server. Blocks. Raises `SignInError` in words."""
    person, now = people.find(name), clock.wall()
    if person is None:
        verifier.fits(verifier.NOBODY, password)
        raise SignInError(_WRONG, "Try again, or ask your supervisor.", wrong=True)
    not_locked(people, person, now)
    if person.lease_until is not None:
        _lease_holds(people, person, now)
    if not verifier.fits(person.verifier, password):
        until = people.failed(person, now)
        todo = _wait(until - now) if until else "Try again, or ask your supervisor."
        raise SignInError(_WRONG, todo, wrong=True)
    people.came_in(person.name)
    people.latest(now)
    return person


def not_locked(people: People, person: Person, now: float) -> None:
    """Raises `SignInError` while the name is locked after wrong passwords."""
    left = people.locked_for(person, now)
    if left > 0:
        raise SignInError("There were too many wrong passwords for this name.", _wait(left))


def _lease_holds(people: People, person: Person, now: float) -> None:
    latest = people.latest(now)
    if now < latest - SET_BACK_S:
        at = datetime.fromtimestamp(latest, UTC)
        raise SignInError(
            "The clock of this computer was set back: signing in without the server is not possible.",
            f"It was {at:%Y-%m-%d %H:%M} UTC already. Set the clock right, or connect to the server.",
        )
    if person.lease_until is not None and now >= person.lease_until:
        raise SignInError(
            f"{person.name} has not signed in with the server for too long.",
            "Connect this computer to the network and sign in again.",
        )


def _wait(seconds: float) -> str:
    whole = math.ceil(seconds)
    return f"Wait {whole} seconds." if whole < 120 else f"Wait {math.ceil(whole / 60)} minutes."
