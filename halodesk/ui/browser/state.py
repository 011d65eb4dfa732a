"""What the window knows of a visit: plain values, without Qt WebEngine."""

from __future__ import annotations

from typing import Literal

import msgspec

FieldMark = Literal["waiting", "typed", "kept", "changed", "stopped"]
"""`changed`: the page shows it in another form. `stopped`: nothing was typed, or it did not stay."""

Phase = Literal["opening", "filling", "agent", "sent", "reading", "done", "failed"]
"""`agent`: it is the agent's turn. `sent`: the form is on its way. `reading`: the result is looked for."""


class FieldState(msgspec.Struct, frozen=True, kw_only=True):
    """One value to fill in."""

    selector: str
    label: str = ""
    """The page's own words for it, once it was found. Foreign text."""
    mark: FieldMark = "waiting"
    note: str = ""


class VisitState(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a visit."""

    phase: Phase = "opening"
    address: str = ""
    origin: str = ""
    secure: bool = False
    fields: tuple[FieldState, ...] = ()
    problem: str = ""
    todo: str = ""
    notes: tuple[str, ...] = ()
    """What the page wanted and was refused, and what it said. Newest last, a few only."""

    @property
    def can_fill(self) -> bool:
        """Filling again makes sense now."""
        return bool(self.fields) and self.phase == "agent"

    @property
    def can_finish(self) -> bool:
        """The agent may say that the page is done."""
        return self.phase == "agent"
