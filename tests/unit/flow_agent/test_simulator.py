"""The simulator behind the window's port: files, one conversation at a time, words for what cannot be."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from halodesk.app.flow_agents import FlowAgents
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import loads
from halodesk.runtime.flow_agent.callers import Script
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.scripted import Completion, Said, ScriptedLLM
from halodesk.runtime.flow_agent.simulator import Simulator
from halodesk.runtime.settings import Settings
from halodesk.runtime.simulator_port import Talk
from halodesk.runtime.threads import IoThread

SAMPLES = Path(__file__).parents[3] / "resources" / "flow_agents"
CLINIC = loads((SAMPLES / "clinic_booking.json").read_bytes())


class Main:
    """The main thread's queue of calls."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.io = IoThread()

    def post(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def until(self, condition: Callable[[], bool]) -> None:
        """Runs what is posted until something is so."""
        end = monotonic() + 10
        while not condition():
            self._calls.get(timeout=max(0.01, end - monotonic()))()


@pytest.fixture
def main() -> Iterator[Main]:
    made = Main()
    yield made
    made.io.close()


@pytest.fixture
def open_(main: Main, tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    opened: list[Simulator] = []
    library = Library(tmp_path)
    library.add(CLINIC)

    def make(**more: object) -> Simulator:
        opened.append(Simulator(library, io=main.io, post=main.post, **more))  # type: ignore[arg-type]  # as a test gives them
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def talk_of(simulator: Simulator) -> Talk:
    assert simulator.view.talk is not None
    return simulator.view.talk


def waits(simulator: Simulator) -> Callable[[], bool]:
    return lambda: simulator.view.talk is not None and simulator.view.talk.waits


def _says(simulator: Simulator, words: str) -> bool:
    return words in simulator.view.problem


def caller(folder: Path, *model: Completion, says: tuple[str, ...] = ()) -> Path:
    path = folder / "caller.json"
    path.write_bytes(msgspec.json.encode(Script(says=says, model=model)))
    return path


def begun(main: Main, simulator: Simulator, file: Path) -> None:
    simulator.choose("clinic-booking")
    main.until(lambda: simulator.view.agent == "clinic-booking")
    simulator.open_caller(file)
    main.until(lambda: simulator.view.caller != "")
    simulator.start()
    main.until(waits(simulator))


def test_a_refused_transition_is_in_the_view_and_the_node_stays(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    wrong = Completion(calls=(Said(name="details_confirmed", arguments={"slot": "tomorrow"}),))
    begun(main, simulator, caller(tmp_path, wrong, Completion(text="Is now a good moment?")))
    simulator.say("Yes.")
    main.until(waits(simulator))
    talk = talk_of(simulator)
    refused = [one.event for one in talk.happened if isinstance(one.event, e.CallRefused)]
    assert [one.code for one in refused] == ["unknown_function"]
    assert (talk.node, talk.visits) == ("greeting", ("greeting",))
    assert [one.text for one in talk.spoken][1:] == ["Yes.", "Is now a good moment?"]


def test_prompt_and_functions_are_those_of_the_node(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    on = Completion(calls=(Said(name="caller_available"),))
    begun(main, simulator, caller(tmp_path, on, Completion(text="Which day?")))
    before = talk_of(simulator)
    simulator.press("1 #")
    main.until(waits(simulator))
    talk = talk_of(simulator)
    assert talk.node == "collect_details"
    assert talk.prompt != before.prompt
    assert "check_free_times" in {one.name for one in talk.tools} - {one.name for one in before.tools}
    assert [(one.text, one.keys) for one in talk.spoken if one.who == "caller"] == [("1#", True)]


def test_a_card_number_is_not_in_the_view(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    begun(main, simulator, caller(tmp_path, Completion(text="No card numbers, please.")))
    simulator.say("It is 4111 1111 1111 1111.")
    main.until(waits(simulator))
    assert "4111" not in repr(simulator.view)


def test_hanging_up_ends_it_and_starting_again_begins_anew(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    file = caller(tmp_path, Completion(text="Go on."), says=("Well.", "(hang up)"))
    begun(main, simulator, file)
    simulator.say_next()
    main.until(waits(simulator))
    assert simulator.view.next_line == "(hang up)"
    simulator.say_next()
    main.until(lambda: not talk_of(simulator).running)
    assert talk_of(simulator).reason == "hung_up"
    simulator.say("Is somebody there?")  # nobody is: nothing happens
    simulator.start()
    simulator.start()  # while the one before is only beginning: its news does not count
    main.until(waits(simulator))
    assert simulator.view.next_line == "Well."
    assert [one.who for one in talk_of(simulator).spoken] == ["agent"]


def test_the_models_of_the_settings_talk_and_are_let_go(main: Main, open_: Callable[..., Simulator]) -> None:
    closed: list[str] = []

    class Model(ScriptedLLM):
        async def close(self) -> None:
            closed.append(self.name)

    simulator = open_(models=("openai/small",), open_models=lambda: [Model([Completion(text="Good.")])])
    simulator.choose("clinic-booking")
    main.until(lambda: simulator.view.agent == "clinic-booking")
    simulator.start()
    main.until(waits(simulator))
    simulator.say("Hello.")
    main.until(waits(simulator))
    assert talk_of(simulator).spoken[-1].text == "Good."
    simulator.hang_up()
    main.until(lambda: not talk_of(simulator).running)
    assert closed == ["script"]


def test_document_and_caller_are_both_there_when_asked_for_at_once(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    simulator.open_document(SAMPLES / "service_survey.json")
    simulator.choose("clinic-booking")  # the later of the two
    simulator.open_caller(caller(tmp_path, Completion(text="Yes?")))
    simulator.refresh()
    main.until(lambda: bool(simulator.view.agent and simulator.view.caller and simulator.view.agents))
    assert (simulator.view.agent, simulator.view.caller) == ("clinic-booking", "caller")


def test_what_cannot_be_opened_is_said_and_what_is_open_stays(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    simulator.choose("clinic-booking")
    main.until(lambda: simulator.view.agent == "clinic-booking")
    simulator.start()
    assert simulator.view.problem == "There is no model to talk to."
    (tmp_path / "broken.json").write_text("{")
    asks: dict[str, Callable[[], None]] = {
        "cannot be read": lambda: simulator.open_document(tmp_path / "none.json"),
        "expected JSON": lambda: simulator.open_document(tmp_path / "broken.json"),
        "is no caller": lambda: simulator.open_caller(tmp_path / "broken.json"),
        "There is no flow agent": lambda: simulator.choose("nobody"),
    }
    for words, ask in asks.items():
        ask()
        main.until(partial(_says, simulator, words))
        assert (simulator.view.agent, bool(simulator.view.todo)) == ("clinic-booking", True)


def test_a_key_that_no_telephone_has_is_said(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = open_()
    begun(main, simulator, caller(tmp_path, Completion(text="Yes?")))
    simulator.press("seven")
    assert "no key for “seven”" in simulator.view.problem
    assert talk_of(simulator).waits


def test_who_may_not_sees_nothing_and_what_was_open_is_gone(
    main: Main, open_: Callable[..., Simulator], tmp_path: Path
) -> None:
    may = [True]
    simulator = open_(may=lambda: may[0])
    begun(main, simulator, caller(tmp_path, Completion(text="Yes?")))
    may[0] = False
    simulator.refresh()
    view = simulator.view
    assert (view.allowed, view.agents, view.agent, view.talk) == (False, (), "", None)
    simulator.open_document(SAMPLES / "service_survey.json")
    simulator.start()
    assert simulator.view == view


@pytest.mark.parametrize(
    ("llm", "imported", "entries"),
    [((), False, 0), ((), True, 1), (({"provider": "openai", "model": "small"},), False, 1)],
)
def test_the_rail_has_it_only_where_there_is_something(
    main: Main, tmp_path: Path, llm: tuple[dict[str, object], ...], imported: bool, entries: int
) -> None:
    if imported:
        Library(tmp_path).add(CLINIC)
    parts = FlowAgents(Settings(llm=llm), tmp_path, io=main.io, post=main.post, may=lambda: True)
    assert len(parts.pages()) == entries
    parts.close()


def test_a_model_set_wrongly_is_told_of_when_it_is_wanted(main: Main, tmp_path: Path) -> None:
    Library(tmp_path).add(CLINIC)
    wrong = Settings(llm=({"provider": "nobody", "model": "x"},))
    parts = FlowAgents(wrong, tmp_path, io=main.io, post=main.post, may=lambda: True)
    simulator = parts.simulator
    simulator.choose("clinic-booking")
    main.until(lambda: simulator.view.agent == "clinic-booking")
    simulator.start()
    main.until(lambda: simulator.view.problem != "")
    assert simulator.view.problem == "There is no provider of models “nobody”."
    assert not talk_of(simulator).running
    parts.close()
