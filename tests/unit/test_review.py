"""What a review shows of a record: moments, steps, masks, sound, erasures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from structlog.testing import capture_logs

from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.runtime.review import Review, ReviewProblem, SessionQuery
from halodesk.store.record import read
from halodesk.store.replay import review
from halodesk.store.review import SessionReview
from halodesk.store.seat_store import SeatStore
from halodesk.store.waveform import SLICES, outline
from tests.fakes.player import SilentPlayer
from tests.fakes.records import RATE, SetClock, keep, new_store, order_events, recording

Timed = list[tuple[float, e.AnyEvent]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = new_store(tmp_path)
    yield opened
    opened.close()


def kept(seconds: float = 100.0, *windows: tuple[int, int]) -> e.RecordingKept:
    return e.RecordingKept(
        path="a.flac",
        sha256="",
        sample_rate=RATE,
        samples=int(seconds * RATE),
        windows=windows,
        lost_frames=50,
    )


def reviewed(store: SeatStore, timed: Timed) -> Review:
    keep(store, "s", timed)
    return review(read(store.sessions, "s"))


def erase(store: SeatStore, where: str) -> None:
    job = text(f"UPDATE event SET salt = NULL, payload = NULL WHERE {where}")  # noqa: S608  # a test's own words
    store._writer.submit(lambda connection: connection.execute(job)).result(10)


def test_every_moment_has_the_page_that_was_seen(store: SeatStore) -> None:
    found = reviewed(store, order_events())
    assert [step.title for step in found.steps][:3] == [
        "Welcome",
        "Gather caller info",
        "Main offer: Nap Enhancer",
    ]
    assert all(found.moments[step.first].step == at for at, step in enumerate(found.steps))
    assert found.moments[0].page.title == "Welcome", "before the first page there is none"
    assert [step.seconds for step in found.steps][:3] == [14.0, 30.0, 27.0]
    assert sum(step.seconds for step in found.steps) == pytest.approx(161.0)
    assert found.masked == ((112.4, 134.0),)
    assert found.call_left_s == 155.0
    assert found.chain.ok
    assert found.line.incidents == 1
    assert found.audio is None


def test_sound_begins_where_the_mask_took_hold(store: SeatStore) -> None:
    window = (int(112.4 * RATE), int(134 * RATE))
    found = reviewed(store, [*order_events(), (162.0, kept(140.0, window))])
    assert found.audio is not None
    assert found.audio.at_s == pytest.approx(0.0)
    assert found.audio.lost_s == pytest.approx(1.0)


def test_without_a_mask_sound_ends_with_the_call(store: SeatStore) -> None:
    found = reviewed(store, [*order_events(), (162.0, kept(150.0))])
    assert found.audio is not None
    assert found.audio.at_s == pytest.approx(5.0)


def test_a_mask_that_was_held_to_the_end(store: SeatStore) -> None:
    timed = [(at, event) for at, event in order_events() if at <= 131.0]
    assert reviewed(store, timed).masked == ((112.4, 131.0),)


def test_a_closed_session_without_its_end_is_broken(store: SeatStore) -> None:
    keep(store, "s", order_events())
    store._writer.submit(
        lambda c: c.execute(text("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)"))
    ).result(10)
    found = review(read(store.sessions, "s"))
    assert not found.chain.ok
    assert "its end is missing" in found.chain.message


def test_any_event_may_be_erased(store: SeatStore) -> None:
    keep(store, "s", order_events())
    whole = read(store.sessions, "s")
    for at, row in enumerate(whole.rows):
        rows = (*whole.rows[:at], replace(row, salt=None, payload=None), *whole.rows[at + 1 :])
        found = review(
            replace(
                whole,
                rows=rows,
                stamps=whole.stamps[:at] + whole.stamps[at + 1 :],
                events=whole.events[:at] + whole.events[at + 1 :],
            )
        )
        assert found.erased == 1
        gone = [moment.words for moment in found.moments if moment.kind == "erased"]
        assert gone == [f"Erased: {whole.stamps[at].event.replace('_', ' ')}"]
        assert found.chain.ok


def test_back_to_a_step_whose_entry_was_erased(store: SeatStore) -> None:
    timed = order_events()[:8]
    timed.append((50.0, e.StepEntered(step="start", visit=2, reason="back")))
    keep(store, "s", timed)
    erase(store, "instr(CAST(envelope AS TEXT), 'step_entered') > 0 AND seq < 5")
    assert review(read(store.sessions, "s")).moments


def test_all_erased_but_one(store: SeatStore) -> None:
    keep(store, "s", order_events())
    erase(store, "seq > 1")
    found = review(read(store.sessions, "s"))
    assert len(found.steps) == 1
    assert found.erased == len(found.moments) - 1


# the waveform


def test_the_outline(tmp_path: Path) -> None:
    fact = recording(tmp_path / "a.flac", seconds=10.0, masked=(4.0, 6.0))
    wave = outline(tmp_path / "a.flac", fact.sha256)
    assert len(wave.agent) == len(wave.caller) == SLICES
    assert set(wave.agent[500:700]) == set(wave.caller[500:700]) == {0.0}
    assert 0.3 < max(wave.agent) <= 1.0


def test_a_recording_that_cannot_be_shown(tmp_path: Path) -> None:
    fact = recording(tmp_path / "a.flac", seconds=2.0, masked=(1.0, 1.5))
    with pytest.raises(SessionFileError, match="not the one that was kept"):
        outline(tmp_path / "a.flac", "0" * 64)
    with pytest.raises(SessionFileError, match="cannot be read"):
        outline(tmp_path / "b.flac", fact.sha256)
    (tmp_path / "c.flac").write_bytes(b"no sound")
    with pytest.raises(SessionFileError, match="cannot be decoded"):
        outline(tmp_path / "c.flac", "")


# the service


class Ask:
    """Calls that come back on another thread, waited for."""

    def __init__(self, store: SeatStore) -> None:
        self.review = SessionReview(store, lambda call: call(), SilentPlayer(SetClock()))

    def __call__(self, ask: Callable[[Callable[[object], None]], None]) -> object:
        there, answers = threading.Event(), []

        def done(answer: object) -> None:
            answers.append((answer, threading.current_thread().name))
            there.set()

        ask(done)
        assert there.wait(20)
        answer, name = answers[0]
        assert name.startswith("review")
        return answer


@pytest.fixture
def ask(store: SeatStore) -> Iterator[Ask]:
    made = Ask(store)
    yield made
    made.review.close()


def test_failures_are_answers_in_words(store: SeatStore, ask: Ask, tmp_path: Path) -> None:
    keep(store, "s", order_events())
    port = ask.review
    for answer in (
        ask(lambda done: port.open("nobody", done)),
        ask(lambda done: port.verify("nobody", done)),
        ask(lambda done: port.waveform("s", done)),
        ask(lambda done: port.export("s", "csv", tmp_path / "no" / "x.csv", done)),
    ):
        assert isinstance(answer, ReviewProblem)
        assert answer.message


def test_what_nobody_thought_of_is_an_answer_too_and_no_content_is_logged(store: SeatStore, ask: Ask) -> None:
    keep(store, "s", order_events())
    store._writer.submit(lambda c: c.execute(text("DROP TABLE session_search"))).result(10)
    with capture_logs() as logs:
        answer = ask(lambda done: ask.review.search(SessionQuery(), done))
    assert isinstance(answer, ReviewProblem)
    assert {line["event"] for line in logs} == {"index_failed", "review_failed"}
    assert all("exc_info" not in line for line in logs)


def test_the_first_answer_knows_what_was_recorded_just_now(store: SeatStore, ask: Ask) -> None:
    keep(store, "s", order_events())
    answer = ask(lambda done: ask.review.search(SessionQuery(text="ocean"), done))
    assert [line.id for line in answer.lines] == ["s"]  # type: ignore[attr-defined]  # a list, not a problem


def test_closing_drops_what_waits(store: SeatStore) -> None:
    port = SessionReview(store, lambda call: call(), SilentPlayer(SetClock()))
    port.search(SessionQuery(), lambda answer: None)
    port.close()
    port.close()


def test_the_silent_player_keeps_the_time() -> None:
    clock = SetClock(100.0)
    player = SilentPlayer(clock)
    player.load("a.flac")
    player.play(5.0)
    clock.at += 2.5
    assert player.position() == 7.5
    player.pause()
    assert player.problem == "No sound device in this build"
