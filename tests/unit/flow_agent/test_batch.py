"""Batches of callers behind the simulator's window, and callers that a model plays."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from halodesk.engine.flow_agent.document import loads
from halodesk.runtime.flow_agent.batch import callers_in
from halodesk.runtime.flow_agent.callers import Script
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.flow_agent.simulator import Simulator
from halodesk.runtime.flow_agent_ports import ChatRequest, Piece
from tests.unit.flow_agent.test_simulator import Main, main, talk_of, waits

__all__ = ["main"]

SAMPLES = Path(__file__).parents[3] / "resources" / "flow_agents"
CLINIC = loads((SAMPLES / "clinic_booking.json").read_bytes())
CALLERS = SAMPLES / "callers" / "clinic_booking"
Open = Callable[..., Simulator]


@pytest.fixture
def open_(main: Main, tmp_path: Path) -> Iterator[Open]:
    library = Library(tmp_path / "seat")
    library.add(CLINIC)
    opened: list[Simulator] = []

    def make(**more: object) -> Simulator:
        simulator = Simulator(library, io=main.io, post=main.post, **more)  # type: ignore[arg-type]  # as a test gives them
        opened.append(simulator)
        simulator.choose("clinic-booking")
        main.until(lambda: simulator.view.agent == "clinic-booking")
        return simulator

    yield make
    for one in opened:
        one.close()


def whole(simulator: Simulator) -> Callable[[], bool]:
    return lambda: simulator.view.batch is not None and simulator.view.batch.whole


def test_all_callers_of_the_sample_pass_and_what_is_kept_passes_again(
    main: Main, open_: Open, tmp_path: Path
) -> None:
    simulator = open_()
    simulator.run_callers(CALLERS)
    assert simulator.view.batch is not None
    assert simulator.view.batch.running
    main.until(whole(simulator))
    batch = simulator.view.batch
    assert [run.problems for run in batch.runs if not run.ok] == []
    assert len(batch.runs) == batch.of == len(list(CALLERS.iterdir()))
    assert batch.nodes is not None
    assert batch.transitions is not None
    assert batch.nodes.missed == batch.transitions.missed == ()
    simulator.keep_callers(tmp_path / "kept")
    main.until(lambda: simulator.view.batch is not None and simulator.view.batch.kept == batch.of)
    simulator.run_callers(tmp_path / "kept")
    main.until(whole(simulator))
    assert simulator.view.batch is not None
    assert [run.problems for run in simulator.view.batch.runs if not run.ok] == []


def test_who_does_not_get_through_is_told_and_only_the_others_are_kept(
    main: Main, open_: Open, tmp_path: Path
) -> None:
    folder = tmp_path / "callers"
    folder.mkdir()
    shutil.copy(CALLERS / "books.json", folder)
    lost = msgspec.json.decode((CALLERS / "books.json").read_bytes())
    lost |= {"name": "lost", "expect": {"node": "moon"}}
    (folder / "lost.json").write_bytes(msgspec.json.encode(lost))
    simulator = open_()
    simulator.run_callers(folder)
    main.until(whole(simulator))
    assert simulator.view.batch is not None
    assert {run.caller: run.ok for run in simulator.view.batch.runs} == {"books": True, "lost": False}
    (problem,) = next(run.problems for run in simulator.view.batch.runs if not run.ok)
    assert problem == "It ended in farewell, not in moon."
    simulator.keep_callers(tmp_path / "kept")
    main.until(lambda: simulator.view.batch is not None and simulator.view.batch.kept == 1)
    (kept,) = callers_in(tmp_path / "kept")
    assert kept.expect is not None
    assert (kept.name, kept.expect.node) == ("books", "farewell")
    assert kept.model, "it needs no model"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, "is no folder"),
        ({}, "There is no caller"),
        ({"x.json": "{"}, "x.json is no caller"),
        ({"x.txt": "Hello."}, "There is no model to talk to."),
    ],
)
def test_what_cannot_run_says_why(
    main: Main, open_: Open, tmp_path: Path, files: dict[str, str] | None, words: str
) -> None:
    simulator = open_()
    if files is not None:
        (tmp_path / "callers").mkdir()
        for name, text in files.items():
            (tmp_path / "callers" / name).write_text(text)
    simulator.run_callers(tmp_path / "callers")
    main.until(lambda: words in simulator.view.problem)
    assert simulator.view.batch is not None
    assert not simulator.view.batch.running
    assert simulator.view.todo


def test_a_batch_that_is_stopped_says_nothing_more(main: Main, open_: Open) -> None:
    simulator = open_()
    simulator.run_callers(CALLERS)
    simulator.stop_callers()
    simulator.run_callers(CALLERS)
    main.until(whole(simulator))
    assert simulator.view.batch is not None
    assert len(simulator.view.batch.runs) == simulator.view.batch.of


class Both:
    """One model plays agent and caller: it is asked with the persona's rules for the caller."""

    name = "both"

    def __init__(self, *says: str) -> None:
        self.says, self.agent = list(says), ScriptedLLM((Completion(text="I see."),) * 9)

    def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        if "You play a person" not in request.messages[0].content:
            return self.agent.stream(request)
        words = self.says.pop(0) if self.says else "(hang up)"
        return ScriptedLLM((Completion(text=words),)).stream(request)

    async def close(self) -> None:
        """Nothing is open."""


def persona(main: Main, open_: Open, tmp_path: Path, *says: str) -> Simulator:
    file = tmp_path / "rude.json"
    file.write_bytes(msgspec.json.encode(Script(persona="You are busy and a little rude.")))
    simulator = open_(models=("scripted",), open_models=lambda: [Both(*says)])
    simulator.open_caller(file)
    main.until(lambda: simulator.view.persona)
    return simulator


def test_a_persona_answers_when_it_is_let(main: Main, open_: Open, tmp_path: Path) -> None:
    simulator = persona(main, open_, tmp_path, "What is it?")
    simulator.start()
    main.until(waits(simulator))
    assert [one.who for one in talk_of(simulator).spoken] == ["agent"]
    simulator.say_next()
    assert simulator.view.caller_thinks
    main.until(lambda: not simulator.view.caller_thinks)
    main.until(waits(simulator))
    said = [(one.who, one.text) for one in talk_of(simulator).spoken][1:]
    assert said == [("caller", "What is it?"), ("agent", "I see.")]
    simulator.say_next()
    main.until(lambda: not talk_of(simulator).running)
    assert talk_of(simulator).reason == "hung_up"


def test_a_persona_left_alone_talks_to_the_end(main: Main, open_: Open, tmp_path: Path) -> None:
    simulator = persona(main, open_, tmp_path, "What is it?", "Go on.")
    simulator.leave_alone(on=True)
    simulator.start()
    main.until(lambda: simulator.view.talk is not None and not simulator.view.talk.running)
    said = [one.text for one in talk_of(simulator).spoken if one.who == "caller"]
    assert said == ["What is it?", "Go on."]


def test_a_script_left_alone_says_its_lines(main: Main, open_: Open) -> None:
    simulator = open_()
    simulator.open_caller(CALLERS / "books.json")
    main.until(lambda: simulator.view.scripted)
    simulator.start()
    main.until(waits(simulator))
    simulator.leave_alone(on=True)
    main.until(lambda: not talk_of(simulator).running)
    assert (talk_of(simulator).reason, talk_of(simulator).node) == ("end_call", "farewell")


def test_a_persona_of_a_conversation_that_was_left_says_nothing(
    main: Main, open_: Open, tmp_path: Path
) -> None:
    simulator = persona(main, open_, tmp_path, "What is it?", "Me again.")
    simulator.start()
    main.until(waits(simulator))
    simulator.say_next()
    simulator.start()
    main.until(waits(simulator))
    assert not simulator.view.caller_thinks
    assert [one.who for one in talk_of(simulator).spoken] == ["agent"]
