"""The Flow agents page: talk to an agent in writing and see what it does, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout

from halodesk.runtime.ports import Unsubscribe
from halodesk.runtime.simulator_port import SimulatorPort, SimulatorView
from halodesk.ui.flow_agents import reading
from halodesk.ui.flow_agents.batch_view import BatchView, visited
from halodesk.ui.flow_agents.event_words import tr
from halodesk.ui.flow_agents.flow_view import FlowView
from halodesk.ui.flow_agents.reading import Reading
from halodesk.ui.pages import PageEntry, RailPage
from halodesk.ui.parts.banner import Banner, Level
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.keys import bind_keys
from halodesk.ui.parts.labels import elided, label, pane
from halodesk.ui.parts.tabs import Tabs
from halodesk.ui.theme.tokens import Size, Space

EVENTS, PROMPT, TOOLS, FINDINGS, CALLERS = range(5)
_BRIEF, _NARROW = 1000, 800
"""Below the first width the keys of the buttons are not shown, below the second one no title."""


def flow_agents_entry(port: SimulatorPort) -> PageEntry:
    """The entry of the rail that leads to the simulator."""
    words = QCoreApplication.translate("FlowAgents", "Agents")
    return PageEntry("flow_agents", words, lambda: FlowAgentsPage(port))


class FlowAgentsPage(RailPage):
    """Renders the simulator's view, whole, after each change."""

    def __init__(self, port: SimulatorPort) -> None:
        super().__init__()
        self.setObjectName("flow_agents_page")
        self._port = port
        self._leave: Unsubscribe | None = None
        self._dialog: QFileDialog | None = None
        self._brief = False
        self._problem = Banner("simulator_problem")
        self.agents = Combo()
        self.agents.setObjectName("simulator_agents")
        self.agents.setAccessibleName(tr("Flow agent"))
        self.agents.setMinimumWidth(120)
        self.agents.textActivated.connect(self._choose)
        self._about = elided(role="caption", name="simulator_about")
        self.said = Reading("simulator_transcript", tr("What was said"))
        self.flow = FlowView()
        self._readings = (
            Reading("simulator_events", tr("Events")),
            Reading("simulator_prompt", tr("Prompt in force")),
            Reading("simulator_tools", tr("Functions in force")),
            Reading("simulator_findings", tr("Findings of the check")),
        )
        self.batch = BatchView(port)
        views = (tr("Events"), tr("Prompt"), tr("Functions"), tr("Findings"), tr("Callers"))
        self.tabs = Tabs(views, "simulator_tab")
        self.tabs.chosen.connect(self.show_tab)
        self._stack = QStackedWidget()
        for part in (*self._readings, self.batch):
            self._stack.addWidget(part)
        self.line = QLineEdit()
        self.line.setObjectName("simulator_line")
        self.line.setAccessibleName(tr("What the caller says"))
        self.line.setFixedHeight(Size.INPUT)
        self.line.returnPressed.connect(self.say)
        self._buttons()
        self._build()
        self._keys()

    def _buttons(self) -> None:
        def button(words: str, name: str, hint: str, does: Callable[[], object], icon: str = "") -> Button:
            made = Button(words, icon=icon, hint=hint, name=name, height=Size.INPUT)
            made.clicked.connect(does)
            return made

        self.open_button = button(tr("Open a file"), "simulator_open", "", self.ask_document)
        self.caller_button = button(tr("Caller’s file"), "simulator_caller", "", self.ask_caller, "person")
        self.drop_caller = button(tr("No caller’s file"), "simulator_no_caller", "", self._port.no_caller)
        self.drop_caller.kind = "ghost"
        self.drop_caller.setFixedHeight(Size.BUTTON_SMALL)
        self.start_button = button(tr("Start"), "simulator_start", "Ctrl+B", self.start, "play")
        self.start_button.kind = "primary"
        self.say_button = button(tr("Say"), "simulator_say", tr("Enter"), self.say)
        self.keys_button = button(tr("As keys"), "simulator_keys", "Ctrl+K", self.press, "keypad")
        self.next_button = button(tr("Next line"), "simulator_next", "Ctrl+J", self._port.say_next, "behind")
        self.alone_button = button(tr("Alone"), "simulator_alone", "Ctrl+L", self.leave_alone)
        self.alone_button.setCheckable(True)
        self.alone_button.setAccessibleDescription(tr("The caller of the file answers by itself"))
        self.alone_button.setToolTip(tr("The caller of the file answers by itself"))
        self.end_button = button(tr("Hang up"), "simulator_end", "Ctrl+E", self._port.hang_up, "hang_up")
        with_keys = (
            self.start_button,
            self.say_button,
            self.keys_button,
            self.next_button,
            self.alone_button,
            self.end_button,
        )
        self._hints = [(made, made.hint) for made in with_keys]

    def _build(self) -> None:
        frame = QFrame()
        frame.setProperty("pane", "page")
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        self._title = label(tr("Flow agents"), "title", name="simulator_title")
        head.addWidget(self._title)
        head.addWidget(self.agents, 1)
        for part in (self.open_button, self.caller_button, self.start_button):
            head.addWidget(part)
        about = QHBoxLayout()
        about.addWidget(self._about, 1)
        about.addWidget(self.drop_caller)
        top = QVBoxLayout()
        top.setContentsMargins(Space.XL, Space.L, Space.XL, Space.M)
        top.setSpacing(Space.S)
        top.addLayout(head)
        top.addLayout(about)
        top.addWidget(self._problem)
        picture = pane("inset")
        inside = QVBoxLayout(picture)
        inside.setContentsMargins(Space.XS, Space.XS, Space.XS, Space.XS)
        inside.addWidget(self.flow)
        right = QVBoxLayout()
        right.setSpacing(Space.S)
        right.addWidget(picture, 5)
        right.addWidget(self.tabs)
        right.addWidget(self._stack, 4)
        talk = pane("inset")
        inside = QVBoxLayout(talk)
        inside.setContentsMargins(Space.XS, Space.XS, Space.XS, Space.XS)
        inside.addWidget(self.said)
        body = QHBoxLayout()
        body.setContentsMargins(Space.XL, 0, Space.XL, Space.M)
        body.setSpacing(Space.L)
        body.addWidget(talk, 2)
        body.addLayout(right, 3)
        foot = pane("footer")
        bottom = QHBoxLayout(foot)
        bottom.setContentsMargins(Space.XL, Space.S + 2, Space.XL, Space.S + 2)
        bottom.setSpacing(Space.S)
        bottom.addWidget(self.line, 1)
        for part in (
            self.say_button,
            self.keys_button,
            self.next_button,
            self.alone_button,
            self.end_button,
        ):
            bottom.addWidget(part)
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.setSpacing(0)
        inner.addLayout(top)
        inner.addLayout(body, 1)
        inner.addWidget(foot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame)

    def _keys(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+B": self.start_button.click,
            "Ctrl+K": self.keys_button.click,
            "Ctrl+J": self.next_button.click,
            "Ctrl+L": self.alone_button.click,
            "Ctrl+E": self.end_button.click,
            "Ctrl+F": self.agents.setFocus,
            "Ctrl+Tab": lambda: self.show_tab((self._stack.currentIndex() + 1) % self._stack.count()),
        }
        bind_keys(self, keys)

    # as a page of the rail

    def enter(self) -> None:
        """In sight."""
        if self._leave is None:
            self._leave = self._port.subscribe(self._render)
        self._port.refresh()
        self._render()
        (self.line if self.line.isEnabled() else self.agents).setFocus(Qt.FocusReason.OtherFocusReason)

    def leave(self) -> None:
        """Out of sight: a conversation waits for its caller."""
        if self._leave is not None:
            self._leave()
            self._leave = None

    def restyle(self) -> None:
        """The theme changed: colours stand in the texts."""
        self._render()
        self.flow.canvas.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the keys of the buttons are left out, then the title and an icon."""
        super().resizeEvent(event)
        narrow = event.size().width() < _NARROW
        self._title.setVisible(not narrow)
        self.caller_button.icon_name = "" if narrow else "person"
        self.caller_button.updateGeometry()
        brief = event.size().width() < _BRIEF
        if brief != self._brief:
            self._brief = brief
            for made, hint in self._hints:
                made.hint = "" if brief else hint
                made.updateGeometry()
            self._render()

    # doing

    def show_tab(self, tab: int) -> None:
        """Events, prompt, functions, findings or callers."""
        self.tabs.choose(tab)
        self._stack.setCurrentIndex(tab)
        self._render()

    def start(self) -> None:
        """Begin, or begin again; what happens is more telling then than the findings."""
        if self._stack.currentIndex() == FINDINGS:
            self.show_tab(EVENTS)
        self._port.start()
        self.line.setFocus(Qt.FocusReason.OtherFocusReason)

    def say(self) -> None:
        """What is typed, as the caller's words."""
        if self.say_button.isEnabled() and self.line.text().strip():
            self._port.say(self.line.text())
            self.line.clear()

    def leave_alone(self) -> None:
        """The caller of the file answers by itself, or no longer."""
        self._port.leave_alone(on=not self._port.view.alone)

    def press(self) -> None:
        """What is typed, as keys of the telephone."""
        self._port.press(self.line.text())
        if not self._port.view.problem:
            self.line.clear()

    def ask_document(self) -> None:
        """Which file to open."""
        self._ask(tr("Open a flow agent"), tr("Flow agents (*.json)"), self._open_document)

    def ask_caller(self) -> None:
        """Which caller's file to take."""
        self._ask(tr("Take a caller’s file"), tr("Callers (*.json *.txt)"), self._port.open_caller)

    def _open_document(self, path: Path) -> None:
        self.show_tab(FINDINGS)
        self._port.open_document(path)

    def _choose(self, agent: str) -> None:
        if self.agents.currentIndex() > 0:
            self.show_tab(FINDINGS)
            self._port.choose(agent)

    def _ask(self, title: str, kinds: str, then: Callable[[Path], None]) -> None:
        # Kept: a dialog that is opened and not executed lives as long as somebody holds it.
        self._dialog = QFileDialog(self, title, "", kinds)
        self._dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._dialog.fileSelected.connect(lambda path: then(Path(path)))
        self._dialog.finished.connect(self._dialog.deleteLater)
        self._dialog.open()

    # rendering

    def _render(self) -> None:
        view = self._port.view
        talk = view.talk
        self._problem.render_as(*self._problem_words(view))
        self._list(view)
        self._about.setText(_about(view))
        self.drop_caller.setVisible(bool(view.caller))
        node, visits = ("", ()) if talk is None else (talk.node, talk.visits)
        if self._stack.currentIndex() == CALLERS and view.batch is not None:
            node, visits = "", visited(view.batch)
        self.flow.show_flow(view.picture, view.ways, node, visits)
        self.said.show_html(reading.transcript(talk, bool(view.agent)), follow=True)
        events, prompt, tools, found = self._readings
        events.show_html(reading.happened(talk, view.tool_names), follow=True)
        prompt.show_html(reading.prompt(talk))
        tools.show_html(reading.tools(talk))
        found.show_html(reading.findings(view.findings, bool(view.agent)))
        self.tabs.count(EVENTS, reading.refused(talk))
        self.tabs.count(TOOLS, 0 if talk is None else len(talk.tools))
        self.tabs.count(FINDINGS, len(view.findings))
        self.batch.render_view(view)
        self.tabs.count(CALLERS, 0 if view.batch is None else len(view.batch.runs))
        running = talk is not None and talk.running
        for part in (self.agents, self.open_button, self.caller_button):
            part.setEnabled(view.allowed)
        self.start_button.setEnabled(bool(view.agent) and view.allowed)
        self.start_button.set_words(tr("Start") if talk is None else tr("Start again"))
        talking = (self.line, self.say_button, self.keys_button, self.end_button)
        if not running and any(control.hasFocus() for control in (*talking, self.next_button)):
            self.start_button.setFocus(Qt.FocusReason.OtherFocusReason)  # Qt would take the keys elsewhere
        for control in talking:
            control.setEnabled(running)
        self.next_button.setVisible(bool(view.caller))
        more = bool(view.next_line) or (view.persona and not view.caller_thinks)
        self.next_button.setEnabled(running and more and talk is not None and talk.waits)
        self.next_button.set_words(tr("Let it answer") if view.persona else tr("Next line"))
        self.alone_button.setVisible(bool(view.caller))
        self.alone_button.setEnabled(view.allowed)
        self.alone_button.setChecked(view.alone)
        self.alone_button.chosen = view.alone
        self.alone_button.updateGeometry()
        self.line.setPlaceholderText(_hint(view))

    def _problem_words(self, view: SimulatorView) -> tuple[Level, str, str]:
        if not view.allowed:
            return (
                "info",
                tr("Flow agents are for team leads."),
                tr("Let a team lead sign in, or ask for the role."),
            )
        if view.problem:
            return "error", view.problem, view.todo
        return "info", "", ""

    def _list(self, view: SimulatorView) -> None:
        """The library's agents; what was opened from a file stands in the first line."""
        first = view.agent if view.file else tr("Choose an agent") if view.agents else tr("No agent imported")
        entries = [first, *view.agents]
        if entries != [self.agents.itemText(at) for at in range(self.agents.count())]:
            self.agents.clear()
            self.agents.addItems(entries)
        known = not view.file and view.agent in view.agents
        self.agents.setCurrentIndex(entries.index(view.agent, 1) if known else 0)


def _hint(view: SimulatorView) -> str:
    """What stands in the empty line."""
    if view.caller_thinks:
        return tr("The caller thinks…")
    if view.next_line and view.talk is not None and view.talk.running:
        return tr("Next: {words}").format(words=view.next_line)
    return tr("What the caller says")


def _about(view: SimulatorView) -> str:
    """Who talks with whom, and what it came to."""
    parts = []
    if view.file:
        parts.append(view.file)
    if view.caller:
        parts.append(tr("Caller: {name}").format(name=view.caller))
    if view.scripted:
        parts.append(tr("the caller’s file plays the model"))
    elif view.models:
        parts.append(tr("Models: {names}").format(names=", ".join(view.models)))
    else:
        parts.append(tr("No model in the settings"))
    parts.append(tr("webhooks are mocked"))
    talk = view.talk
    if talk is not None and talk.tokens:
        parts.append(tr("{number} tokens").format(number=f"{talk.tokens:,}"))
    if talk is not None and talk.cost:
        parts.append(tr("cost {amount}").format(amount=f"{talk.cost:.4f}"))
    return "  ·  ".join(parts)
