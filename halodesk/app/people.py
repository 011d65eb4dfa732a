"""People at this seat: asks the server where there is one, else what is kept here.

Rules:
- Passwords are checked on a thread of their own (Argon2id takes a tenth of a second); the main thread
  never waits.
- A person added at the seat is checked at the seat. All others are asked of the server; what is kept
  of them here counts only while the server is away, and only until their lease ends.
- A password that the server refuses and that was right here before ends what is kept here: the
  person was taken off the list, or has another password.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import structlog

from halodesk.crypto import verifier
from halodesk.engine.errors import HaloDeskError, SignInError
from halodesk.engine.roles import roles_of
from halodesk.protocol.sync import Policy, RefusedError, ServerAwayError
from halodesk.runtime.people import Answered, Came, SignInProblem
from halodesk.runtime.ports import Clock
from halodesk.runtime.threads import IoThread, Post
from halodesk.store.people import Person
from halodesk.store.seat_store import SeatStore
from halodesk.store.sign_in import check_here, not_locked
from halodesk.sync import sign_in as server

_AWAY_S = 10.0

_log = structlog.get_logger("people")


class SeatPeople:
    """See `halodesk.runtime.people.PeoplePort`. `came_in` hears on the main thread who works here now."""

    def __init__(
        self, store: SeatStore, io: IoThread, post: Post, clock: Clock, came_in: Callable[[Came], None]
    ) -> None:
        self._store, self._io, self._post, self._clock, self._came_in = store, io, post, clock, came_in
        self._link = store.sync.link()
        policy = msgspec.json.decode(self._link.policy, type=Policy) if self._link is not None else Policy()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="people")
        self.required = policy.sign_in or bool(store.people.all())
        self.now: Came | None = None
        self.key_words = store.key_status.message
        if self.required:
            store.people.latest(clock.wall())

    def check(self, name: str, password: str, done: Answered) -> None:
        """Whether this person may come in."""
        self._pool.submit(self._run, name, password, done)

    def sign_in(self, name: str, password: str, done: Answered) -> None:
        """As `check`; who is let in works here from then on."""

        def answered(answer: Came | SignInProblem) -> None:
            if isinstance(answer, Came):
                self.now = answer
                self._came_in(answer)
            done(answer)

        self.check(name, password, answered)

    def sees_only(self) -> str | None:
        """Whose sessions may be looked at: a name, or None for everybody's."""
        if not self.required:
            return None
        if self.now is None:
            return ""
        return None if "team_lead" in self.now.roles else self.now.name

    def close(self) -> None:
        """Finish the check under way."""
        if self.required:
            self._store.people.latest(self._clock.wall())
        self._pool.shutdown(cancel_futures=True)

    # on the thread `people`

    def _run(self, name: str, password: str, done: Answered) -> None:
        answer: Came | SignInProblem
        try:
            person = self._person(name, password)
            answer = Came(name=person.name, role=person.role, roles=roles_of(person.role))
        except HaloDeskError as error:
            answer = SignInProblem(message=error.message, todo=error.todo)
        except Exception as error:
            _log.error("sign_in_failed", error=type(error).__name__)
            answer = SignInProblem(message="Signing in did not work.", todo="The log of the seat says why.")
        self._post(partial(done, answer))

    def _person(self, name: str, password: str) -> Person:
        kept = self._store.people.find(name)
        if self._link is None or not self._link.enrolled or (kept is not None and kept.origin == "local"):
            return check_here(self._store.people, name, password, self._clock)
        if kept is not None:
            not_locked(self._store.people, kept, self._clock.wall())
        asked = self._io.submit(server.ask(self._link, self._store.seat(), name.strip(), password))
        try:
            said = asked.result(_AWAY_S)
        except (ServerAwayError, TimeoutError):
            if kept is None:
                raise SignInError(
                    "The server does not answer, and this name has never signed in at this seat.",
                    "Connect this computer to the network and try again.",
                ) from None
            return check_here(self._store.people, name, password, self._clock)
        except RefusedError as refusal:
            self._refused(kept, password, refusal)
            raise SignInError(refusal.message, refusal.todo, wrong=True) from None
        until = said.server_time + said.lease_s
        people = self._store.people
        people.lease(said.name, said.role, verifier.make(password), until, said.server_time)
        person = people.find(said.name)
        if person is None:
            raise SignInError("Signing in did not work.", "Try again.")
        return person

    def _refused(self, kept: Person | None, password: str, refusal: RefusedError) -> None:
        if kept is None or refusal.problem.code != "sign_in":
            return
        if verifier.fits(kept.verifier, password):
            self._store.people.remove(kept.name)
        else:
            self._store.people.failed(kept, self._clock.wall())
