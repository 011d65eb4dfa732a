"""Who works at the seat, as the window sees it: plain values and a port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose password was right. `roles`: the role and all it includes."""

    name: str
    role: str
    roles: tuple[str, ...]


class SignInProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody did not come in, in words."""

    message: str
    todo: str = ""


Answered = Callable[[Came | SignInProblem], None]


class PeoplePort(Protocol):
    """Main thread only; `done` is called there later."""

    @property
    def required(self) -> bool:
        """Whether people sign in at this seat at all."""
        ...

    @property
    def now(self) -> Came | None:
        """Who works here; None before the first has signed in."""
        ...

    @property
    def key_words(self) -> str:
        """How the records of this seat are kept from others, in a sentence."""
        ...

    def check(self, name: str, password: str, done: Answered) -> None:
        """Whether this person may come in; changes nothing of who works here."""
        ...

    def sign_in(self, name: str, password: str, done: Answered) -> None:
        """As `check`; who is let in works here from then on."""
        ...
