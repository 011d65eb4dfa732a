"""An agent's day for tests: a desk that only notes, a clock that is set, a store on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from halodesk.engine.commands import Refused
from halodesk.protocol import phone_link as link
from halodesk.runtime.agent_ports import QueueWish
from halodesk.runtime.agent_records import AgentFact, Callback, CallRecord, Favourite
from halodesk.runtime.ports import DeskNotice, Topic, Unsubscribe


class SetClock:
    """The time is what a test says it is."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def wall(self) -> float:
        """Unix seconds."""
        return self.now

    def mono(self) -> float:
        """The same."""
        return self.now


class NotedDesk:
    """`DeskView`."""

    def __init__(self) -> None:
        self.closing: Callable[[], Refused | None] = lambda: None
        self.session: Any = None
        self.notices: list[DeskNotice] = []
        self._listeners: list[Callable[[Topic], None]] = []

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe:
        """Keeps it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def notice(self, notice: DeskNotice) -> None:
        """Notes it."""
        self.notices.append(notice)

    def begin(self, session: str, sip_call_id: str) -> None:
        """A session runs for this call."""
        call = SimpleNamespace(sip_call_id=sip_call_id)
        self.session = SimpleNamespace(
            id=session, state=SimpleNamespace(call=call, status="running", disposition="")
        )
        self.tell()

    def end(self, disposition: str) -> None:
        """Its flow comes to the end."""
        self.session.state.status, self.session.state.disposition = "ended", disposition
        self.tell()

    def close_session(self) -> None:
        """As the real one does."""
        if self.closing() is None:
            self.session = None
            self.tell()

    def tell(self) -> None:
        """The session has changed."""
        for listener in list(self._listeners):
            listener("session")


class NotedQueues:
    """`QueueControl`."""

    def __init__(self) -> None:
        self.wishes: list[QueueWish] = []

    def want(self, wish: QueueWish) -> None:
        """Notes it."""
        self.wishes.append(wish)


class NotedPhone:
    """Takes requests."""

    def __init__(self) -> None:
        self.requests: list[link.Request] = []

    def send(self, request: link.Request) -> Future[link.Reply]:
        """Done at once."""
        self.requests.append(request)
        done: Future[link.Reply] = Future()
        done.set_result(link.Done())
        return done


class MemoryStore:
    """`AgentStore` without a disk."""

    def __init__(self) -> None:
        self.facts: list[AgentFact] = []
        self.records: dict[str, CallRecord] = {}
        self.plans: dict[str, Callback] = {}
        self.chosen: dict[str, Favourite] = {}

    def last_state(self) -> AgentFact | None:
        """The last fact."""
        return self.facts[-1] if self.facts else None

    def keep_state(self, fact: AgentFact) -> Future[Any]:
        """Adds it."""
        self.facts.append(fact)
        return _done()

    def calls(self, limit: int = 2000) -> Sequence[CallRecord]:
        """Newest first."""
        return sorted(self.records.values(), key=lambda one: -one.begun_at)[:limit]

    def keep_call(self, record: CallRecord) -> Future[Any]:
        """As it is now."""
        self.records[record.key] = record
        return _done()

    def see_calls(self) -> Future[Any]:
        """No news any more."""
        self.records = {key: replace(one, seen=True) for key, one in self.records.items()}
        return _done()

    def callbacks(self) -> Sequence[Callback]:
        """Open ones."""
        return [one for one in self.plans.values() if one.state == "open"]

    def keep_callback(self, callback: Callback) -> Future[Any]:
        """As it is now."""
        self.plans[callback.id] = callback
        return _done()

    def favourites(self) -> Sequence[Favourite]:
        """All."""
        return list(self.chosen.values())

    def keep_favourite(self, favourite: Favourite) -> Future[Any]:
        """One more."""
        self.chosen[favourite.number] = favourite
        return _done()

    def drop_favourite(self, number: str) -> Future[Any]:
        """One less."""
        self.chosen.pop(number, None)
        return _done()


def _done() -> Future[Any]:
    done: Future[Any] = Future()
    done.set_result(None)
    return done
