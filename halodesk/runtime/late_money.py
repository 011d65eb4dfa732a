"""Sessions that were put away while a gateway still owed an answer about money.

Rules:
- A session whose charge, capture, void or refund is open goes on taking that answer after its end,
  in the same process and after a restart; nothing else of it moves.
- After a restart nothing is sent again: the gateway is asked until it knows.
- The agent at the desk is told when it is known, as nobody looks at that session any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import structlog

from halodesk.engine import commands as c
from halodesk.engine.effects import CHANGES, CHARGE
from halodesk.engine.events import EffectRequested
from halodesk.engine.money import words
from halodesk.runtime.ports import DeskNotice
from halodesk.runtime.session import LiveSession

MONEY = frozenset({CHARGE, *CHANGES})
_log = structlog.get_logger("desk")
_WHAT = {"charge": "payment", "capture": "payment", "void": "void", "refund": "refund"}
_CAME = {"ok": "went through", "declined": "was declined", "failed": "was not made: nothing was moved"}


class LateMoney:
    """Main thread only. `run` does the work of a request that may have been done before."""

    def __init__(
        self,
        run: Callable[[LiveSession, EffectRequested], None],
        notice: Callable[[DeskNotice], None],
    ) -> None:
        self._run, self._notice = run, notice
        self._sessions: dict[str, LiveSession] = {}

    def keep(self, session: LiveSession) -> None:
        """It is put away; its open requests go on where they run."""
        if any(True for _ in _open(session.state.effects)):
            self._sessions[session.id] = session

    def take_up(self, session: LiveSession) -> None:
        """It was found after a restart: asks what became of its requests."""
        asks = list(_open(session.state.effects))
        if asks:
            _log.info("money_open", session=session.id, kind=asks[0].kind)
            self._sessions[session.id] = session
            for ask in asks:
                self._run(session, ask)

    def find(self, session: str) -> LiveSession | None:
        """The session of that id, or None."""
        return self._sessions.get(session)

    def settled(self, session: LiveSession, answer: c.Resolve) -> None:
        """One of its requests has an answer."""
        ask = session.state.effects.get(answer.id)
        session.do(answer)
        if session.id not in self._sessions or ask is None or answer.outcome == "unknown":
            return
        amount = words(int(ask.args["amount"]), str(ask.args["currency"]))
        said = f"The {_WHAT[ask.kind]} of {amount} of an earlier call {_CAME[answer.outcome]}."
        self._notice(DeskNotice(level="info" if answer.outcome == "ok" else "warning", message=said))
        if not any(True for _ in _open(session.state.effects)):
            del self._sessions[session.id]


def _open(effects: Mapping[str, EffectRequested]) -> Iterator[EffectRequested]:
    return (ask for ask in effects.values() if ask.kind in MONEY)
