"""Many callers in the simulator: who passed, what nobody reached, and what is done with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.runtime.simulator_port import Batch, BatchRun, Share, SimulatorPort, SimulatorView
from halodesk.ui.flow_agents.event_words import reason_words, tr
from halodesk.ui.flow_agents.reading import Reading, line, span
from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.tokens import Size, Space, Type


class BatchView(QWidget):
    """Renders the batch of the view."""

    def __init__(self, port: SimulatorPort) -> None:
        super().__init__()
        self.setObjectName("simulator_batch")
        self._port = port
        self._dialog: QFileDialog | None = None
        self.report = Reading("simulator_batch_report", tr("What came of the callers"))

        def button(words: str, name: str, does: Callable[[], object]) -> Button:
            made = Button(words, name=name, height=Size.BUTTON_SMALL)
            made.clicked.connect(does)
            return made

        self.run_button = button(tr("Let a folder of callers talk"), "simulator_run_callers", self.ask_folder)
        self.again_button = button(tr("Once more"), "simulator_run_again", self._again)
        self.stop_button = button(tr("Stop"), "simulator_stop_callers", port.stop_callers)
        self.keep_button = button(tr("Keep as tests"), "simulator_keep_callers", self.ask_place)
        foot = QHBoxLayout()
        foot.setSpacing(Space.S)
        for made in (self.run_button, self.again_button, self.stop_button):
            foot.addWidget(made)
        foot.addStretch(1)
        foot.addWidget(self.keep_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(self.report, 1)
        layout.addLayout(foot)

    def render_view(self, view: SimulatorView) -> None:
        """Shows what is."""
        batch = view.batch
        running = batch is not None and batch.running
        self.report.show_html(_report(batch, bool(view.agent)))
        self.run_button.setEnabled(bool(view.agent) and view.allowed)
        self.again_button.setVisible(batch is not None and not running)
        self.stop_button.setVisible(running)
        self.keep_button.setVisible(batch is not None and batch.whole)
        self.keep_button.setEnabled(batch is not None and any(run.ok for run in batch.runs))

    def ask_folder(self) -> None:
        """Which callers."""
        self._ask(tr("Take a folder of callers"), self._port.run_callers)

    def ask_place(self) -> None:
        """Where what passed is kept."""
        self._ask(tr("Keep the callers in a folder"), self._port.keep_callers)

    def _again(self) -> None:
        batch = self._port.view.batch
        if batch is not None:
            self._port.run_callers(Path(batch.folder))

    def _ask(self, title: str, then: Callable[[Path], None]) -> None:
        # Kept: a dialog that is opened and not executed lives as long as somebody holds it.
        self._dialog = QFileDialog(self, title)
        self._dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._dialog.fileSelected.connect(lambda path: then(Path(path)))
        self._dialog.finished.connect(self._dialog.deleteLater)
        self._dialog.open()


def visited(batch: Batch | None) -> tuple[str, ...]:
    """The nodes that some caller has been in."""
    return () if batch is None else tuple({node: None for run in batch.runs for node in run.visits})


def _report(batch: Batch | None, opened: bool) -> str:
    if not opened:
        return line(tr("Choose a flow agent, or open its file."), "muted")
    if batch is None:
        words = tr("Many callers at once: how many get through, and which ways nobody took.")
        return line(words, "muted") + line(tr("Take a folder of callers’ files."), "muted")
    parts = [line(_head(batch), "text")]
    if batch.nodes is not None and batch.transitions is not None:
        parts.append(_share(tr("nodes"), batch.nodes) + _share(tr("transitions"), batch.transitions))
    if batch.kept_in:
        words = tr("{number} kept in {folder}").format(number=batch.kept, folder=batch.kept_in)
        parts.append(line(words, "success_ink"))
    # Who did not get through comes first: that is what is looked for.
    parts += [_run(run) for run in sorted(batch.runs, key=lambda run: run.ok)]
    return "".join(parts)


def _head(batch: Batch) -> str:
    passed = sum(run.ok for run in batch.runs)
    if batch.running:
        words = tr("{done} of {all} have talked, {passed} passed")
        return words.format(done=len(batch.runs), all=batch.of or "?", passed=passed)
    words = (
        tr("{passed} of {all} passed ({rate})") if batch.whole else tr("Stopped: {passed} of {all} passed")
    )
    rate = f"{passed / len(batch.runs):.0%}" if batch.runs else "–"
    return words.format(passed=passed, all=len(batch.runs), rate=rate)


def _share(what: str, share: Share) -> str:
    words = tr("{reached} of {all} {what} reached").format(reached=share.reached, all=share.all, what=what)
    if share.missed:
        words += ". " + tr("Nobody reached: {names}").format(names=", ".join(share.missed))
    return line(words, "warning_ink" if share.missed else "muted", size=Type.LABEL)


def _run(run: BatchRun) -> str:
    mark = tr("passed") if run.ok else tr("did not pass")
    head = span(f"{run.caller} · {mark}", "muted" if run.ok else "danger_ink", size=Type.LABEL, bold=True)
    facts = ["" if run.reason is None else reason_words(run.reason), " → ".join(run.visits)]
    facts.append(tr("{number} turns").format(number=run.turns))
    if run.tokens:
        facts.append(tr("{number} tokens").format(number=f"{run.tokens:,}"))
    rows = [head, span("  ·  ".join(fact for fact in facts if fact), "muted", size=Type.CAPTION)]
    rows += [span(problem, "text", size=Type.LABEL) for problem in run.problems]
    return f'<p style="margin:0 0 {Space.S}px 0">{"<br>".join(rows)}</p>'
