"""`ReviewPort` over the seat's store: reads, checks and writes on a thread of its own.

Rules:
- One thread, `review`: jobs run in the order they were asked for. Making the index of old
  sessions is cut into small jobs that stand in line with the others, so that a search never
  waits for it.
- A failure is an answer in words; none ends the thread.
- Where people sign in, an agent sees the own sessions and exports none; a team lead sees all.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from msgspec.structs import replace

from halodesk.engine.errors import HaloDeskError, SessionFileError
from halodesk.runtime.ports import AudioPlayer
from halodesk.runtime.review import (
    ChainBadge,
    ExportFormat,
    Review,
    ReviewProblem,
    SessionList,
    SessionQuery,
    Waveform,
)
from halodesk.runtime.threads import Post
from halodesk.store import record, replay
from halodesk.store.export import last_recording, write, write_sound_of
from halodesk.store.seat_store import SeatStore
from halodesk.store.waveform import outline

CHUNK = 100
"""Sessions indexed in one go: some tens of milliseconds."""
_WRITE_S = 5.0

Answer = TypeVar("Answer")

_log = structlog.get_logger("review")


class SessionReview:
    """Main thread only, but for what runs on `review`. Close it before the store."""

    def __init__(
        self,
        store: SeatStore,
        post: Post,
        player: AudioPlayer,
        sees_only: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`sees_only`: the agent whose sessions alone may be seen now, None for everybody's."""
        self._sees_only = sees_only
        self._store = store
        self._post = post
        self._player = player
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="review")
        self._indexing = False

    @property
    def player(self) -> AudioPlayer:
        """Plays recordings."""
        return self._player

    def search(self, query: SessionQuery, done: Callable[[SessionList | ReviewProblem], None]) -> None:
        """Sessions that fit; makes the index of those that have none meanwhile."""
        if not self._indexing:
            self._indexing = True
            self._pool.submit(self._index)  # first: what was recorded just now is in the very first answer
        query = replace(query, agent=self._sees_only())
        self._run(lambda: self._store.search.find(query), done)

    def verify(self, session: str, done: Callable[[ChainBadge | ReviewProblem], None]) -> None:
        """Checks the chain of one session."""
        only = self._sees_only()
        self._run(lambda: self._verify(self._allowed(session, only)), done)

    def open(self, session: str, done: Callable[[Review | ReviewProblem], None]) -> None:
        """One session, ready to be stepped through."""
        only = self._sees_only()
        self._run(lambda: self._open(self._allowed(session, only)), done)

    def waveform(self, session: str, done: Callable[[Waveform | ReviewProblem], None]) -> None:
        """The outline of the last recording of a session."""
        only = self._sees_only()
        self._run(lambda: self._outline(self._allowed(session, only)), done)

    def export(
        self, session: str, kind: ExportFormat, path: Path, done: Callable[[Path | ReviewProblem], None]
    ) -> None:
        """Writes the record, or the sound in clear, to a file."""
        only = self._sees_only()
        self._run(lambda: self._export(session, kind, path, only), done)

    def close(self) -> None:
        """Finishes the job under way and drops the others."""
        self._pool.shutdown(cancel_futures=True)

    # on the thread `review`

    def _run(self, work: Callable[[], Answer], done: Callable[[Answer | ReviewProblem], None]) -> None:
        def job() -> None:
            answer: Answer | ReviewProblem
            try:
                answer = work()
            except HaloDeskError as error:
                answer = ReviewProblem(message=error.message, todo=error.todo)
            except Exception as error:
                # Never the traceback: what it shows of a record's content does not belong in a log.
                _log.error("review_failed", error=type(error).__name__)
                answer = ReviewProblem(message="This did not work.", todo="The log of the seat says why.")
            self._post(partial(done, answer))

        self._pool.submit(job)

    def _allowed(self, session: str, only: str | None) -> str:
        """The id of a session that may be seen. Raises `SessionFileError`."""
        row = self._store.sessions.find(session)
        if only is not None and row.agent != only:
            raise SessionFileError(f"This is a session of {row.agent}.", "A team lead may look at it.")
        return row.id

    def _export(self, session: str, kind: ExportFormat, path: Path, only: str | None) -> Path:
        if only is not None:
            raise SessionFileError("Agents export no sessions.", "Ask a team lead.")
        if kind == "flac":
            return write_sound_of(self._store, session, path)
        return write(self._store.sessions, session, kind, path)

    def _verify(self, session: str) -> ChainBadge:
        proof = self._store.proofs.prove(session)
        return ChainBadge(ok=proof.ok, events=proof.events, erased=proof.erased, message=proof.message)

    def _open(self, session: str) -> Review:
        shown = replay.review(record.read(self._store.sessions, session))
        return replace(shown, chain=self._verify(session))

    def _outline(self, session: str) -> Waveform:
        path, digest = last_recording(self._store, session)
        return outline(path, digest, self._store.open_recording)

    def _index(self) -> None:
        try:
            entries = self._store.search.unindexed(CHUNK)
            if entries:
                self._store.index(entries).result(_WRITE_S)
        except Exception as error:
            # Searching by caller, agent and disposition goes on; the next search tries again.
            _log.error("index_failed", error=type(error).__name__)
            entries = []
        if len(entries) < CHUNK:
            self._indexing = False
            return
        try:
            self._pool.submit(self._index)
        except RuntimeError:
            self._indexing = False  # the seat is closing
