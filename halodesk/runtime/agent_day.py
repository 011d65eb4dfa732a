"""The agent's people, calls and callbacks: `DayPort`, base of `AgentDesk`.

Rules:
- Main thread only; what others find out (lists, lamps, the mailbox) comes in through `post`.
- Whoever listens is told by topic and reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from halodesk.engine.commands import Refused
from halodesk.runtime.agent_ports import DayTopic, Lamp, Mailbox
from halodesk.runtime.agent_records import AgentStore, Callback, CallRecord, Favourite
from halodesk.runtime.call_history import CallHistory
from halodesk.runtime.callbacks import Callbacks
from halodesk.runtime.directory import Contact, Contacts
from halodesk.runtime.ports import Clock, DeskNotice, Unsubscribe

LATE_S = 120.0
"""A reminder later than this was missed, and says so."""


class DayDesk:
    """See `DayPort`."""

    def __init__(
        self,
        store: AgentStore,
        clock: Clock,
        notice: Callable[[DeskNotice], None],
        watch: Callable[[Sequence[str]], None],
        voicemail_number: str,
    ) -> None:
        self._store, self._clock, self._notice = store, clock, notice
        self._watch, self._voicemail = watch, voicemail_number
        self._listeners: list[Callable[[DayTopic], None]] = []
        self._lamps: dict[str, Lamp] = {}
        self._mailbox: Mailbox | None = None
        self._listed: Sequence[Contact] = ()
        self._contacts_problem = ""
        self._history = CallHistory(store)
        self._callbacks = Callbacks(store, self._remind)
        self._favourites = {one.number: one.name for one in store.favourites()}
        self._contacts = Contacts((), self._favourites)

    def now(self) -> float:
        """Unix seconds."""
        return self._clock.wall()

    def subscribe(self, listener: Callable[[DayTopic], None]) -> Unsubscribe:
        """Be told of changes."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def calls(self) -> Sequence[CallRecord]:
        """Newest first."""
        return self._history.calls

    @property
    def missed(self) -> int:
        """Missed calls nobody has looked at."""
        return self._history.missed

    @property
    def last_number(self) -> str:
        """The number that was dialled last."""
        return self._history.last_number

    @property
    def callbacks(self) -> Sequence[Callback]:
        """Open ones, the first that is due first."""
        return self._callbacks.open

    @property
    def contacts_problem(self) -> str:
        """Why contacts are missing."""
        return self._contacts_problem

    @property
    def lamps(self) -> Mapping[str, Lamp]:
        """By number."""
        return self._lamps

    @property
    def mailbox(self) -> Mailbox | None:
        """Messages that wait."""
        return self._mailbox

    @property
    def voicemail_number(self) -> str:
        """Dialled to hear them."""
        return self._voicemail

    def find_contacts(self, words: str) -> Sequence[Contact]:
        """Contacts that fit."""
        return self._contacts.find(words)

    def find_calls(self, words: str) -> Sequence[CallRecord]:
        """Calls that fit, newest first."""
        return self._history.find(words)

    def see_calls(self) -> None:
        """The list of calls has been looked at."""
        if self._history.see():
            self._tell("history")

    def name_of(self, number: str) -> str:
        """The contact's name."""
        return self._contacts.name_of(number)

    def watch(self, numbers: Sequence[str]) -> None:
        """Whose lamps are in sight."""
        self._watch(numbers)

    def set_favourite(self, number: str, name: str, *, wanted: bool) -> None:
        """One of the agent's own, or not any more."""
        if wanted:
            self._favourites[number] = name
            self._store.keep_favourite(Favourite(number=number, name=name))
        elif self._favourites.pop(number, None) is not None:
            self._store.drop_favourite(number)
        self._contacts = Contacts(self._listed, self._favourites)
        self._tell("contacts")

    def plan_callback(
        self, *, number: str, due: float, name: str = "", note: str = "", session: str = ""
    ) -> Refused | None:
        """Somebody is to be called."""
        made = self._callbacks.plan(
            number=number, due=due, now=self.now(), name=name, note=note, session=session
        )
        if isinstance(made, Refused):
            return made
        self._tell("callbacks")
        return None

    def move_callback(self, key: str, due: float) -> None:
        """Later."""
        self._callbacks.move(key, due)
        self._tell("callbacks")

    def close_callback(self, key: str, *, done: bool) -> None:
        """Called, or not wanted any more."""
        self._callbacks.close(key, done=done, now=self.now())
        self._tell("callbacks")

    def _remind(self, callback: Callback) -> None:
        who = callback.name or self.name_of(callback.number) or callback.number
        late = self.now() - callback.due > LATE_S
        words = f"{who} was to be called back" if late else f"Call {who} back now"
        todo = f"{callback.note} " if callback.note else ""
        self._notice(
            DeskNotice(
                level="info", message=f"{words} ({callback.number}).", todo=f"{todo}See Directory, Callbacks."
            )
        )
        self._tell("callbacks")

    # what others find out; posted

    def contacts_read(self, listed: Sequence[Contact], problem: str) -> None:
        """The lists have been read."""
        self._listed, self._contacts_problem = tuple(listed), problem
        self._contacts = Contacts(self._listed, self._favourites)
        self._tell("contacts")

    def lamps_told(self, lamps: Mapping[str, Lamp]) -> None:
        """All lamps that are watched."""
        if dict(lamps) != self._lamps:
            self._lamps = dict(lamps)
            self._tell("lamps")

    def mailbox_told(self, mailbox: Mailbox | None) -> None:
        """What waits in the voicemail box."""
        if mailbox != self._mailbox:
            self._mailbox = mailbox
            self._tell("mailbox")

    def _tell(self, topic: DayTopic) -> None:
        for listener in tuple(self._listeners):
            listener(topic)
