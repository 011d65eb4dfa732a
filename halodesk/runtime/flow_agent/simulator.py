"""The chat simulator behind the window: opens documents, runs one conversation, keeps the view of it.

Rules:
- The conversation runs on the io loop, files are read on a thread; what they bring is posted to the
  main thread, where alone the view changes. News of a conversation that was left is dropped by number.
- Nothing leaves the machine but what is asked of a model: tools are mocked (`mock_tools`).
- The caller is whoever sits there; a caller's file gives lines, or a persona that a model plays.
  Batches of callers are in `batch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import LARGEST, Document, loads
from halodesk.engine.flow_agent.lints import findings
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.picture import picture
from halodesk.engine.flow_agent.prompt import CannotBuild, build
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent import callers
from halodesk.runtime.flow_agent.batch import Batches
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.runner import Runner
from halodesk.runtime.flow_agent.scripted import ScriptedLLM
from halodesk.runtime.flow_agent.text import TextDuplex
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.ports import Unsubscribe
from halodesk.runtime.simulator_port import KEYS, Batch, Happened, SimulatorView, Spoken, Talk, Way
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("simulator")
Read = TypeVar("Read")
OpenModels = Callable[[], Sequence[ChatLLM]]
"""Opens the chain of the settings, on the io loop. Raises `SettingsError`."""
_NO_MODEL = (
    "There is no model to talk to.",
    "Put one into `llm` of the settings, or open a caller's file with `model`: it plays the model, too.",
)


class Simulator:
    """See `halodesk.runtime.simulator_port.SimulatorPort`. `close` it before the io thread."""

    def __init__(
        self,
        library: Library,
        *,
        io: IoThread,
        post: Post,
        models: tuple[str, ...] = (),
        open_models: OpenModels = tuple,
        manner: Manner | None = None,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._library, self._io, self._post = library, io, post
        self._open_models, self._manner, self._may = open_models, manner or Manner(), may
        self.view = SimulatorView(models=models)
        self._listeners: list[Callable[[], None]] = []
        self._document: Document | None = None
        self._script: callers.Script | None = None
        self._lines: list[str] = []
        self._duplex: TextDuplex | None = None
        self._running: Future[None] | None = None
        self._number = 0
        self._given = 0
        """Utterances of the caller in this conversation."""
        self._asked: dict[str, int] = {}
        self._batches = Batches(
            io=io, post=post, open_models=open_models, manner=self._manner, show=self._show_batch
        )
        self._persona: tuple[int, callers.PersonaCaller, Runner] | None = None
        """Who plays the caller of which conversation; on the io loop."""
        self._known: tuple[object, ...] = ()
        """What the prompt in the view was built of."""

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Told after each change of the view."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """End what runs."""
        self._batches.stop()
        self._stop()

    # documents and callers

    def refresh(self) -> None:
        """Look again which agents there are, and who works here."""
        if not self._may():
            self._stop()
            self._batches.forget()
            self._document, self._script, self._lines = None, None, []
            self.view = SimulatorView(allowed=False, models=self.view.models)
            self._tell()
            return
        self._change(allowed=True)
        self._read(self._library.names, lambda names: self._change(agents=tuple(names)), "names")

    def choose(self, agent: str) -> None:
        """Open an agent of the library; a conversation under way ends."""
        self._read(partial(self._library.load, agent), partial(self._opened, ""), "document")

    def open_document(self, path: Path) -> None:
        """Open a document's file."""
        self._read(partial(_document, path), partial(self._opened, path.name), "document")

    def open_caller(self, path: Path) -> None:
        """Take a caller's file."""
        self._read(partial(callers.load, path), self._called, "caller")

    def no_caller(self) -> None:
        """Without a caller's file again."""
        self._stop()
        self._script, self._lines = None, []
        self._change(
            caller="",
            scripted=False,
            persona=False,
            alone=False,
            next_line="",
            talk=None,
            problem="",
            todo="",
        )

    def _opened(self, file: str, document: Document) -> None:
        self._stop()
        self._batches.forget()
        self._document = document
        self._again()
        self._change(
            agent=document.name,
            file=file,
            picture=picture(document),
            ways=tuple(
                Way(node=node.key, function=function.name, target=target)
                for node in document.nodes
                for function in node.functions
                for target in function.targets
            ),
            tool_names={tool.id: tool.name for tool in document.tools},
            findings=tuple(findings(document)),
            talk=None,
            problem="",
            todo="",
        )

    def _called(self, script: callers.Script) -> None:
        self._stop()
        self._script = script
        self._again()
        self._change(
            caller=script.name,
            scripted=bool(script.model),
            persona=bool(script.persona) and not script.model,
            alone=False,
            talk=None,
            problem="",
            todo="",
        )

    def _again(self) -> None:
        """The caller's file from its first line."""
        self._lines = list(self._script.says) if self._script is not None else []
        self._change(next_line=self._lines[0] if self._lines else "")

    def _read(self, work: Callable[[], Read], done: Callable[[Read], None], what: str) -> None:
        """Off the main thread. Of `what` is asked for twice only the later one counts."""
        if not self._may():
            self.refresh()
            return
        number = self._asked[what] = self._asked.get(what, 0) + 1

        def came(found: Read) -> None:
            if self._may() and number == self._asked[what]:
                done(found)

        async def read() -> None:
            try:
                found = await asyncio.to_thread(work)
            except HaloDeskError as error:
                self._post(partial(self._change, problem=error.message, todo=error.todo))
            except OSError as error:
                why = error.strerror or type(error).__name__
                words = f"The flow agents of this seat cannot be read: {why}."
                self._post(partial(self._change, problem=words, todo="Look at the data folder."))
            else:
                self._post(partial(came, found))

        self._io.submit(read())

    # the conversation

    def start(self) -> None:
        """Begin a conversation, from the start; one under way ends."""
        self._stop()
        document, script = self._document, self._script or callers.Script()
        if document is None or not self._may():
            return
        if not script.model and not self.view.models:
            self._change(talk=None, problem=_NO_MODEL[0], todo=_NO_MODEL[1])
            return
        self._again()
        self._known, self._given = (), 0
        self._duplex = TextDuplex()
        self._change(talk=Talk(), problem="", todo="")
        self._running = self._io.submit(self._converse(self._number, document, script, self._duplex))

    def say(self, text: str) -> None:
        """The caller's words."""
        duplex, words = self._duplex, text.strip()
        if duplex is not None and words:
            self._spoke()
            self._io.call(duplex.type, words)

    def press(self, keys: str) -> None:
        """The caller presses keys."""
        duplex, wanted = self._duplex, "".join(keys.split()).upper()
        if duplex is None or not wanted:
            return
        if not all(key in KEYS for key in wanted):
            self._change(problem=f"A telephone has no key for “{keys.strip()}”.", todo="Type 0 to 9, * or #.")
            return
        self._spoke()
        self._io.call(duplex.press, wanted)

    def say_next(self) -> None:
        """The next line of the caller's file, or what its persona says now."""
        if self._duplex is None or self.view.caller_thinks:
            return
        if self.view.persona:
            self._change(caller_thinks=True)
            self._io.submit(self._think(self._number))
        elif self._lines:
            line = self._lines.pop(0)
            self._change(next_line=self._lines[0] if self._lines else "")
            self._utter(line)

    def leave_alone(self, *, on: bool) -> None:
        """Whether the caller of the file answers by itself from now on."""
        self._change(alone=on and bool(self.view.caller))
        talk = self.view.talk
        if self.view.alone and talk is not None and talk.waits:
            self.say_next()

    def _utter(self, line: str) -> None:
        if line == callers.HANG_UP:
            self.hang_up()
        elif line.startswith("dtmf:"):
            self.press(line.removeprefix("dtmf:"))
        else:
            self.say(line)

    # batches

    def run_callers(self, folder: Path) -> None:
        """See `SimulatorPort`."""
        if self._document is not None and self._may():
            self._batches.run(self._document, folder)

    def stop_callers(self) -> None:
        """See `SimulatorPort`."""
        self._batches.stop()

    def keep_callers(self, folder: Path) -> None:
        """See `SimulatorPort`."""
        self._batches.keep(folder)

    def _show_batch(self, batch: Batch | None, problem: str, todo: str) -> None:
        self._change(batch=batch, problem=problem, todo=todo)

    def hang_up(self) -> None:
        """The caller ends it."""
        if self._duplex is not None:
            self._io.call(self._duplex.leave)

    def _spoke(self) -> None:
        self._given += 1
        if self.view.talk is not None:
            talk = msgspec.structs.replace(self.view.talk, waits=False)
            self._change(talk=talk, problem="", todo="")

    def _stop(self) -> None:
        """Let go of a conversation: no news of it counts any more."""
        self._number += 1
        self._duplex = None
        if self.view.caller_thinks:
            self._change(caller_thinks=False)
        if self._running is not None:
            self._running.cancel()
            self._running = None
        if self.view.talk is not None and self.view.talk.running:
            talk = msgspec.structs.replace(self.view.talk, running=False, waits=False)
            self._change(talk=talk)

    # on the io loop

    async def _converse(
        self, number: int, document: Document, script: callers.Script, duplex: TextDuplex
    ) -> None:
        chain: Sequence[ChatLLM] = ()
        problem, todo = "", ""
        try:
            chain = (ScriptedLLM(script.model),) if script.model else self._open_models()
            runner = Runner(
                document,
                models=chain,
                duplex=duplex,
                tools=MockTools(document, script.tools),
                call=i.CallMeta(id=f"window-{number}", direction=script.direction, number=script.number),
                parameters=script.parameters,
                manner=self._manner,
                watch=[lambda line, state: self._shown(number, line, state)],
                when_idle=lambda: self._post(partial(self._idle, number, duplex.heard)),
            )
            if script.persona and chain:
                self._persona = number, callers.PersonaCaller(script, chain[0]), runner
            await runner.run()
        except HaloDeskError as error:
            problem, todo = error.message, error.todo
        except Exception as error:
            _log.error("simulation_failed", error=type(error).__name__)
            problem, todo = "The conversation broke off.", "Start it again; the log of the seat says why."
        finally:
            for llm in chain:
                await llm.close()
            self._post(partial(self._over, number, problem, todo))

    async def _think(self, number: int) -> None:
        words: str | None = None
        if self._persona is not None and self._persona[0] == number:
            _, who, runner = self._persona
            words = await who.next(runner.state)
        self._post(partial(self._thought, number, words))

    def _shown(self, number: int, line: Head | Line, state: State) -> None:
        if isinstance(line, Line) and line.event is not None:
            self._post(partial(self._happened, number, Happened(at=line.at, event=line.event), state))

    # what it brings, on the main thread

    def _idle(self, number: int, heard: int) -> None:
        """The caller has the word, unless more was said since than the agent had heard then."""
        if number == self._number and heard == self._given and self.view.talk is not None:
            self._change(talk=msgspec.structs.replace(self.view.talk, waits=True))
            if self.view.alone:
                self.say_next()

    def _thought(self, number: int, words: str | None) -> None:
        """What the persona says; nothing more: it hangs up."""
        if number == self._number and self.view.caller_thinks:
            self._change(caller_thinks=False)
            self._utter(callers.HANG_UP if words is None else words)

    def _happened(self, number: int, what: Happened, state: State) -> None:
        talk, document = self.view.talk, self._document
        if number != self._number or talk is None or document is None:
            return
        spoken, prompt, tools = talk.spoken, talk.prompt, talk.tools
        match what.event:
            case e.SpeechQueued(text=text):
                spoken = (*spoken, Spoken(who="agent", text=text, node=state.node))
            case e.CallerSaid(text=text, kind=kind):
                spoken = (*spoken, Spoken(who="caller", text=text, node=state.node, keys=kind == "dtmf"))
        known = (state.epoch, state.node, state.collected, state.context, state.results, state.summary)
        if state.in_force and known != self._known:
            self._known = known
            try:
                frame = build(document, state.node, state)
                prompt, tools = frame.system, frame.tools
            except CannotBuild:
                pass  # the one that was in force stays; the event says so
        ended = what.event.reason if isinstance(what.event, e.Ended) else talk.reason
        self._change(
            talk=msgspec.structs.replace(
                talk,
                phase=state.phase,
                node=state.node,
                visits=state.visits,
                spoken=spoken,
                happened=(*talk.happened, what),
                prompt=prompt,
                tools=tools,
                collected=state.collected,
                tokens=state.spent.prompt + state.spent.completion,
                cost=state.spent.cost,
                reason=ended,
            )
        )

    def _over(self, number: int, problem: str, todo: str) -> None:
        if number != self._number or self.view.talk is None:
            return
        self._duplex = self._running = None
        talk = msgspec.structs.replace(self.view.talk, running=False, waits=False)
        self._change(talk=talk, problem=problem, todo=todo)

    def _change(self, **changes: object) -> None:
        self.view = msgspec.structs.replace(self.view, **changes)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _document(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Choose another file.") from None
    return loads(data)
