"""The chat simulator's page: worked by keys, with a fake at its port and with the real conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import shiboken6
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit

from halodesk.app.bridge import Bridge
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.lints import Finding
from halodesk.engine.flow_agent.picture import picture
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.simulator import Simulator
from halodesk.runtime.simulator_port import Happened, SimulatorPort, Spoken, Talk, Way
from halodesk.runtime.threads import IoThread
from halodesk.ui.flow_agents.flow_view import FlowView
from halodesk.ui.flow_agents.page import (
    CALLERS,
    EVENTS,
    FINDINGS,
    PROMPT,
    TOOLS,
    FlowAgentsPage,
    flow_agents_entry,
)
from halodesk.ui.flow_agents.reading import Reading
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.active import ThemeChoice
from halodesk.ui.theme.tokens import THEMES
from halodesk.ui.window import MainWindow
from tests.ui.fake_desk import FakeDesk
from tests.ui.fake_simulator import FakeSimulator
from tests.ui.hands import CTRL, Hands, Key, unclipped

SAMPLES = Path(__file__).parents[2] / "resources" / "flow_agents"
CLINIC = loads((SAMPLES / "clinic_booking.json").read_bytes())
BOOKS = SAMPLES / "callers" / "clinic_booking" / "books.json"
REFUSED = e.CallRefused(
    call="c1",
    name="details_confirmed",
    arguments="{}",
    code="transition_locked",
    message="Wait for the caller.",
)

Opener = Callable[..., Hands]


@pytest.fixture
def open_page(qapp: QApplication, pictures: Path) -> Iterator[Opener]:
    """A window with the page in sight; afterwards nothing of it is left."""
    opened: list[MainWindow] = []

    def open_(
        port: SimulatorPort, theme: ThemeChoice = "light", width: int = 1280, height: int = 800
    ) -> Hands:
        desk = FakeDesk()
        window = MainWindow(desk, theme=theme, pages=[flow_agents_entry(port)])
        opened.append(window)
        window.resize(width, height)
        window.show()
        window.activateWindow()
        hands = Hands(window, desk, pictures)
        hands.until(window.isActiveWindow)
        hands.click("rail:flow_agents")
        return hands

    yield open_
    for window in opened:
        window.close()
        shiboken6.delete(window)


@pytest.fixture
def fake() -> Iterator[FakeSimulator]:
    made = FakeSimulator()
    yield made
    assert made.listeners == [], "the page still listens"


@pytest.fixture
def real(qapp: QApplication, tmp_path: Path) -> Iterator[Simulator]:
    """The real one, with one agent in its library and no model."""
    bridge, io, library = Bridge(), IoThread(), Library(tmp_path)
    library.add(CLINIC)
    simulator = Simulator(library, io=io, post=bridge.post)
    yield simulator
    simulator.close()
    io.close()
    bridge.close()


def page_of(hands: Hands) -> FlowAgentsPage:
    page = hands.window.page_beside
    assert isinstance(page, FlowAgentsPage)
    return page


def read(hands: Hands, name: str) -> str:
    return hands.find(name, Reading).toPlainText()


def show_clinic(fake: FakeSimulator, **talk: object) -> None:
    fake.show(
        agents=("clinic-booking", "survey"),
        agent="clinic-booking",
        picture=picture(CLINIC),
        ways=tuple(
            Way(node=node.key, function=function.name, target=function.target)
            for node in CLINIC.nodes
            for function in node.functions
        ),
        models=("openai/small",),
        talk=msgspec.structs.replace(Talk(), **talk) if talk else None,
    )


def test_an_agent_is_chosen_and_talked_to_by_keys(fake: FakeSimulator, open_page: Opener) -> None:
    fake.show(agents=("clinic-booking", "survey"))
    hands = open_page(fake)
    assert hands.focus is hands.find("simulator_agents", QComboBox)
    hands.pick("survey")
    assert fake.asked[-1] == ("choose", "survey")
    show_clinic(fake, waits=True, phase="listening", node="greeting", visits=("greeting",))
    fake.asked.clear()
    hands.find("simulator_line", QLineEdit).setFocus()
    hands.type("Yes, please.")
    hands.key(Key.Key_Return)
    hands.type("12#")
    hands.key(Key.Key_K, CTRL)
    hands.key(Key.Key_E, CTRL)
    hands.key(Key.Key_B, CTRL)
    assert fake.asked == [("say", "Yes, please."), ("press", "12#"), ("hang_up",), ("start",)]
    assert hands.find("simulator_line", QLineEdit).text() == ""


def test_what_happens_is_shown_with_why_a_transition_was_refused(
    fake: FakeSimulator, open_page: Opener
) -> None:
    hands = open_page(fake)
    show_clinic(
        fake,
        waits=True,
        node="greeting",
        visits=("greeting",),
        spoken=(
            Spoken(who="agent", text="Good day.", node="greeting"),
            Spoken(who="caller", text="<b>Hello</b> & goodbye", node="greeting"),
        ),
        happened=(Happened(at=1.25, event=REFUSED),),
        prompt="You arrange appointments.",
    )
    assert "<b>Hello</b> & goodbye" in read(hands, "simulator_transcript")
    events = read(hands, "simulator_events")
    assert "details_confirmed refused: the caller has not said anything since the last step" in events
    assert "Wait for the caller." in events
    page_of(hands).said.setFocus()
    for tab, name, words in (
        (PROMPT, "simulator_prompt", "You arrange appointments."),
        (TOOLS, "simulator_tools", "No function can be called now."),
        (FINDINGS, "simulator_findings", "The check found nothing to say."),
        (CALLERS, "simulator_batch_report", "Take a folder of callers’ files."),
    ):
        hands.key(Key.Key_Tab, CTRL)
        assert words in read(hands, name), tab
    hands.key(Key.Key_Tab, CTRL)
    assert hands.sees("simulator_events")


def test_the_current_node_is_marked_and_those_before_are_hinted(
    fake: FakeSimulator, open_page: Opener
) -> None:
    hands = open_page(fake)
    show_clinic(fake)
    flow = hands.find("flow_picture", FlowView)
    nodes = [node.key for node in CLINIC.nodes]

    def bodies() -> list[str]:
        hands.settle()
        image = flow.canvas.grab().toImage()
        ratio = image.devicePixelRatio()
        found = []
        for node in nodes:
            place = flow.canvas.place_of(node)
            assert place is not None
            spot = place.topLeft() + (place.center() - place.topLeft()) * 0.25
            found.append(image.pixelColor(int(spot.x() * ratio), int(spot.y() * ratio)).name().upper())
        return found

    light = THEMES["light"]
    assert set(bodies()) == {light.raised}
    show_clinic(fake, node=nodes[1], visits=(nodes[0], nodes[1]))
    assert bodies()[:2] == [light.accent_soft, light.accent]
    assert set(bodies()[2:]) <= {light.raised}
    assert flow.accessibleName().startswith(f"Flow of {len(nodes)} nodes. Now in {nodes[1]}.")


def test_findings_say_what_to_do(fake: FakeSimulator, open_page: Opener) -> None:
    hands = open_page(fake)
    show_clinic(fake)
    found = Finding(severity="error", code="x", node="offer", message="It leads nowhere.", fix="Add a way.")
    fake.show(findings=(found,))
    page_of(hands).show_tab(FINDINGS)
    words = read(hands, "simulator_findings")
    assert [part in words for part in ("Error · offer", "It leads nowhere.", "Add a way.")] == [True] * 3


def test_problems_are_said_and_who_may_not_sees_nothing(fake: FakeSimulator, open_page: Opener) -> None:
    hands = open_page(fake)
    fake.show(problem="There is no model to talk to.", todo="Put one in.")
    assert hands.find("simulator_problem", Banner).message == "There is no model to talk to."
    fake.show(allowed=False)
    assert hands.find("simulator_problem", Banner).message == "Flow agents are for team leads."
    for name in ("simulator_open", "simulator_caller", "simulator_start", "simulator_say"):
        assert not hands.find(name, Button).isEnabled()


def test_files_are_asked_for(fake: FakeSimulator, open_page: Opener) -> None:
    hands = open_page(fake)
    for button, asked in (("simulator_open", "open_document"), ("simulator_caller", "open_caller")):
        hands.click(button)
        dialog = next(one for one in hands.window.findChildren(QFileDialog) if one.isVisible())
        dialog.fileSelected.emit(str(BOOKS))
        dialog.done(0)
        assert fake.asked[-1] == (asked, str(BOOKS))
        hands.settle()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 760)])
def test_a_whole_conversation_with_a_scripted_caller(
    real: Simulator, open_page: Opener, theme: ThemeChoice, width: int
) -> None:
    hands = open_page(real, theme, width)
    hands.until(lambda: real.view.agents == ("clinic-booking",))
    real.choose("clinic-booking")
    hands.until(lambda: real.view.agent == "clinic-booking")
    hands.key(Key.Key_B, CTRL)
    assert "There is no model" in hands.find("simulator_problem", Banner).message
    real.open_caller(BOOKS)
    hands.until(lambda: real.view.scripted)
    hands.key(Key.Key_B, CTRL)
    hands.until(lambda: real.view.talk is not None and real.view.talk.waits)
    hands.picture(f"flow_agents_{theme}_{width}_begun")
    while hands.find("simulator_next", Button).isEnabled():
        hands.key(Key.Key_J, CTRL)
        hands.until(
            lambda: real.view.talk is not None and (real.view.talk.waits or not real.view.talk.running)
        )
        unclipped(hands)
        hands.picture(f"flow_agents_{theme}_{width}_{len(hands.shots)}")
    hands.until(lambda: real.view.talk is not None and not real.view.talk.running)
    talk = real.view.talk
    assert talk is not None
    assert (talk.reason, talk.node) == ("end_call", "farewell")
    assert "The end: the agent ended the call." in read(hands, "simulator_transcript")
    events = read(hands, "simulator_events")
    for words in ("details_confirmed accepted", "Tool book_time answered", "In farewell", "The end:"):
        assert words in events
    page = page_of(hands)
    assert f"Now in {talk.node}" in page.flow.accessibleName()
    page.show_tab(TOOLS)
    hands.picture(f"flow_agents_{theme}_{width}_tools")
    page.show_tab(PROMPT)
    hands.picture(f"flow_agents_{theme}_{width}_prompt")
    assert "IMPORTANT: this is the end of the conversation" in read(hands, "simulator_prompt")
    page.show_tab(EVENTS)
    hands.key(Key.Key_B, CTRL)  # once more, from the first line
    hands.until(lambda: real.view.talk is not None and real.view.talk.waits)
    talk = real.view.talk
    assert talk is not None
    assert (talk.node, real.view.next_line) == ("greeting", "Yes, go ahead.")


def test_a_persona_is_let_answer_and_left_alone(fake: FakeSimulator, open_page: Opener) -> None:
    hands = open_page(fake)
    show_clinic(fake, waits=True, phase="listening", node="greeting", visits=("greeting",))
    fake.show(caller="rude", persona=True)
    assert hands.find("simulator_next", Button).words == "Let it answer"
    fake.asked.clear()
    hands.key(Key.Key_J, CTRL)
    hands.key(Key.Key_L, CTRL)
    assert fake.asked == [("say_next",), ("leave_alone", "True")]
    fake.show(caller_thinks=True, alone=True)
    assert not hands.find("simulator_next", Button).isEnabled()
    assert hands.find("simulator_alone", Button).isChecked()
    assert hands.find("simulator_line", QLineEdit).placeholderText() == "The caller thinks…"
    hands.key(Key.Key_L, CTRL)
    assert fake.asked[-1] == ("leave_alone", "False")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 760)])
def test_many_callers_talk_and_what_passed_is_kept(
    real: Simulator, open_page: Opener, theme: ThemeChoice, width: int, tmp_path: Path
) -> None:
    hands = open_page(real, theme, width)
    hands.until(lambda: real.view.agents == ("clinic-booking",))
    page = page_of(hands)
    page.show_tab(CALLERS)
    assert not hands.find("simulator_run_callers", Button).isEnabled(), "no agent is open"
    real.choose("clinic-booking")
    hands.until(lambda: real.view.agent == "clinic-booking")
    page.show_tab(CALLERS)
    _choose_folder(hands, "simulator_run_callers", BOOKS.parent)
    hands.until(lambda: real.view.batch is not None and real.view.batch.whole)
    report = read(hands, "simulator_batch_report")
    many = len(list(BOOKS.parent.iterdir()))
    assert f"{many} of {many} passed (100%)" in report
    assert f"{len(CLINIC.nodes)} of {len(CLINIC.nodes)} nodes reached" in report
    unclipped(hands)
    hands.picture(f"flow_agents_{theme}_{width}_callers")
    _choose_folder(hands, "simulator_keep_callers", tmp_path / "kept")
    hands.until(lambda: real.view.batch is not None and real.view.batch.kept == many)
    assert f"{many} kept in {tmp_path / 'kept'}" in read(hands, "simulator_batch_report")


def _choose_folder(hands: Hands, button: str, folder: Path) -> None:
    hands.click(button)
    dialog = next(one for one in hands.window.findChildren(QFileDialog) if one.isVisible())
    dialog.fileSelected.emit(str(folder))
    dialog.done(0)
    hands.settle()
