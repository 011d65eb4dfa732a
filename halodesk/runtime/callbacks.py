"""Callbacks: whom to call when, and the reminder at the time.

Rules:
- What is due while HaloDesk is not running is told when it runs again.
- A reminder is told once for each due time: putting it off makes it due anew.
- Whoever is called back is done with when the agent says so, not when he dials.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from halodesk.engine.commands import Refused
from halodesk.runtime.agent_records import AgentStore, Callback
from halodesk.runtime.directory import plain_number

LATEST_S = 366 * 86_400.0
"""No further ahead: it would be a slip of the pen."""


class Callbacks:
    """The open ones. Main thread only."""

    def __init__(self, store: AgentStore, remind: Callable[[Callback], None]) -> None:
        """`remind` hears of each callback when it is due."""
        self._store, self._remind = store, remind
        self._open = {one.id: one for one in store.callbacks()}
        self._told: set[tuple[str, float]] = set()

    @property
    def open(self) -> Sequence[Callback]:
        """The first that is due first."""
        return sorted(self._open.values(), key=lambda one: (one.due, one.made_at))

    def plan(
        self, *, number: str, due: float, now: float, name: str = "", note: str = "", session: str = ""
    ) -> Callback | Refused:
        """A new one."""
        if not plain_number(number):
            return Refused(code="number", message="Enter the number to call.", field="number")
        if due <= now:
            return Refused(code="due", message="Choose a time that is still to come.", field="due")
        if due > now + LATEST_S:
            return Refused(code="due", message="Choose a time within a year.", field="due")
        made = Callback(
            id=secrets.token_hex(8),
            due=due,
            number=number.strip(),
            name=name.strip()[:200],
            note=note.strip()[:2000],
            session=session,
            made_at=now,
        )
        self._keep(made)
        return made

    def move(self, key: str, due: float) -> None:
        """Another time."""
        if key in self._open:
            self._keep(replace(self._open[key], due=due))

    def close(self, key: str, *, done: bool, now: float) -> None:
        """Called, or not wanted any more."""
        found = self._open.pop(key, None)
        if found is not None:
            state = "done" if done else "cancelled"
            self._store.keep_callback(replace(found, state=state, closed_at=now))

    def tick(self, now: float) -> None:
        """Tells what has become due."""
        for one in self.open:
            if one.due <= now and (one.id, one.due) not in self._told:
                self._told.add((one.id, one.due))
                self._remind(one)

    def _keep(self, callback: Callback) -> None:
        self._open[callback.id] = callback
        self._store.keep_callback(callback)
