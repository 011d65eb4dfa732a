"""More than one customer: each has a session of his own, and the one who is spoken with is on the Desk.

Rules:
- A second customer's session begins when he is answered and the first one is on hold. That one's session
  is parked: it stays open, what its effects bring is taken, and it comes back with its call.
- The Desk follows the calls, never the wish: whoever is active and not held is in hand.
- Nothing is parked while its page is masked: the waiting caller waits until that page is left.
- A parked session whose call has ended waits for its wrap-up until the one on the Desk is put away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from halodesk.protocol import phone_link as link
from halodesk.runtime.desk_face import DeskFace
from halodesk.runtime.ports import DeskNotice
from halodesk.runtime.session import LiveSession

MASKED = DeskNotice(
    level="warning",
    message="The recording is masked for the caller you speak with: nobody else can be taken now.",
    todo="Leave this page first.",
)


def has_session(call: link.CallInfo) -> bool:
    """Whether a flow runs for such a call: not for a consultation, nor for a call for help."""
    return not call.beside and not call.emergency


class DeskCustomers(DeskFace, ABC):
    """Base of `DeskPhone`."""

    def __init__(self, agent: str, account: str) -> None:
        super().__init__(agent, account)
        self._owners: dict[str, LiveSession] = {}
        self._put_away: set[str] = set()
        """Ids of the sessions the agent has finished."""

    @abstractmethod
    def _begin_if_due(self, call: link.CallInfo) -> None:
        """A session for a call that has none, where one is due."""

    @property
    def parked(self) -> tuple[LiveSession, ...]:
        """Sessions that wait while another one is on the Desk."""
        found = {owner.id: owner for owner in self._owners.values() if owner is not self._session}
        return tuple(owner for owner in found.values() if owner.id not in self._put_away)

    @property
    def _page_masked(self) -> bool:
        return self._session is not None and self._session.state.mask.phase != "none"

    def _refuses_another(self, leg: link.CallInfo) -> bool:
        """Whether nobody but the caller in hand may be taken now; the agent is told."""
        another = self._call is not None and leg.key != self._call.key and has_session(leg)
        if another and self._page_masked:
            self.notice(MASKED)
            return True
        return False

    def _follow_hand(self) -> None:
        """The customer who is spoken with comes onto the Desk, and his session with him."""
        call = self._call
        if call is None or call.transfer == "asked" or self._page_masked:
            return
        spoken = [
            leg
            for leg in self.legs
            if has_session(leg) and leg.state == "active" and leg.hold == "off" and not leg.conference
        ]
        if len(spoken) != 1:
            return
        (leg,) = spoken
        if leg.key != call.key:
            self._tell("parking")
            self._others.pop(leg.key, None)
            if call.state != "ended":
                self._others[call.key] = call
            self._call = leg
            self._session = self._open_session_of(leg)
            self._begin_if_due(leg)
            self._tell("session")
        else:
            self._show_session_of(leg)

    def _show_session_of(self, call: link.CallInfo) -> None:
        owner = self._open_session_of(call)
        if owner is not None and owner is not self._session:
            self._tell("parking")
            self._session = owner
            self._tell("session")

    def _open_session_of(self, call: link.CallInfo) -> LiveSession | None:
        owner = self._owners.get(call.key)
        return owner if owner is not None and owner.id not in self._put_away else None

    def _unpark(self) -> None:
        """The session on the Desk was put away: the one whose call is in hand comes, or one that waits."""
        if self._session is not None:
            return
        if self._call is not None and self._call.state != "ended":
            self._session = self._open_session_of(self._call)
            return
        waiting = [owner for owner in self.parked if owner.state.status != "ended"]
        self._session = next(iter(waiting or self.parked), None)
