"""The moves that the rules of a conversation are made of; each is one or a few events."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from halodesk.engine.flow_agent import arguments, prompt, texts
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.data import result
from halodesk.engine.flow_agent.document import Action, Document, Node
from halodesk.engine.flow_agent.evolve import evolve
from halodesk.engine.flow_agent.form import with_form
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import Entering, State

LONGEST_SPEECH = 1_200
"""Characters of one spoken piece."""


class Scene:
    """One decision under way: each event is folded at once, so that the next rule sees it."""

    def __init__(self, document: Document, manner: Manner, state: State) -> None:
        self.document, self.manner, self.state = document, manner, state
        self.events: list[e.AnyEvent] = []

    def emit(self, event: e.AnyEvent) -> None:
        """One more fact."""
        self.events.append(event)
        self.state = evolve(self.state, event)

    def next_id(self) -> int:
        """A number that nothing has yet."""
        return self.state.counter + 1

    @property
    def node(self) -> Node | None:
        """The node in force, with what its form adds; None in a simple agent."""
        return with_form(self.document.node(self.state.node), self.state.form)

    def fill(self, text: str) -> str:
        """A text of the document with its variables."""
        return texts.filled(text, {**arguments.facts(self.state.call), **self.state.variables()})

    # --- speech

    def speak(self, text: str, kind: e.SpeechKind, *, request: int = 0, protect: bool = False) -> None:
        """Queue something to say."""
        words = text.strip()[:LONGEST_SPEECH]
        if not words:
            return
        node = self.node
        free = kind in ("reply", "filler", "fallback", "idle") and (node is None or node.allow_interrupt)
        free = free and not protect
        self.emit(
            e.SpeechQueued(speech=self.next_id(), text=words, kind=kind, interruptible=free, request=request)
        )

    def silence(self, why: str, *, all_of_it: bool = False) -> None:
        """Cut what may be interrupted, or all."""
        gone = tuple(one.id for one in self.state.queue if all_of_it or one.interruptible)
        if gone:
            self.emit(e.SpeechCut(speeches=gone, why=why))  # type: ignore[arg-type]  # one of its words

    # --- the model

    def ask(self, *, note: str = "", fresh: bool = False, attempt: int = 1, model: int = -1) -> None:
        """Ask for the next completion. `fresh`: the caller's words begin a new count of rounds."""
        state = self.state
        if state.ending is not None or state.human or state.human_wanted or state.ended:
            return
        if state.entering is not None:
            return  # asked when the node is entered
        if state.voice:  # asked when the caller has spoken, or that was no speech
            self.emit(e.CallerVoice(on=True, barge_in=True))
            return
        if state.moved and not state.open_tools:
            self.look_again()
            return
        if fresh and state.summary_ready is not None:
            ready = state.summary_ready
            self.emit(e.Summarised(request=ready.request, upto=ready.upto, text=ready.text))
        rounds = 1 if fresh else state.round + (attempt == 1)
        if rounds > self.manner.rounds:
            self.trouble("rounds")
            return
        self.emit(
            e.ModelAsked(
                request=self.next_id(),
                node=state.node,
                round=max(1, rounds),
                attempt=attempt,
                model=state.model if model < 0 else model,
                note=note,
                first_token_s=self.manner.first_token_s,
            )
        )

    def cancel(self, why: str) -> None:
        """Let go of the completion under way."""
        if self.state.request is not None:
            self.emit(e.ModelCancelled(request=self.state.request.id, why=why))  # type: ignore[arg-type]  # one of its words

    def trouble(self, why: str) -> None:
        """A fixed line; when that was the last thing too, a human."""
        times = self.state.trouble + 1
        self.emit(e.Troubled(why=why, times=times))  # type: ignore[arg-type]  # one of its words
        if times > 2:
            self.give_up(why)
        else:
            self.speak(self.manner.fallback, "fallback")

    def well(self) -> None:
        """The model led on: earlier trouble is forgotten."""
        if self.state.trouble or self.state.bad_rounds:
            self.emit(e.WellDone())

    # --- nodes

    def look_again(self) -> None:
        """Enter the node anew: what its form is of has gone on. Later, where something is under way."""
        state = self.state
        if state.human or state.ending is not None or state.entering is not None:
            return
        if state.open_tools or state.accepted is not None:
            return
        self.cancel("moved")
        self.enter(self.here, again=True, moved=True)

    @property
    def here(self) -> str:
        """Key of the node in force, or of the first one where none has been built yet."""
        initial = self.document.initial
        return self.state.node or ("" if initial is None else initial.key)

    def enter(self, key: str, *, function: str = "", again: bool = False, moved: bool = False) -> None:
        """Build a node beside the one in force; its pre-actions run in parallel."""
        state = self.state
        epoch = state.epoch + 1
        call = "" if state.accepted is None else state.accepted.call
        self.emit(e.EntryBegan(epoch=epoch, node=key, function=function, again=again, moved=moved))
        node = self.document.node(key)
        if node is None and not self.document.simple:
            self.emit(e.EntryFailed(epoch=epoch, node=key, problem=f'There is no node "{key}".', call=call))
            self._stayed()
            return
        if node is not None:
            self._begin_actions(epoch, [action for action in node.actions if action.again or not again])
        self.entered()

    def _begin_actions(self, epoch: int, actions: Sequence[Action]) -> None:
        values = {**arguments.facts(self.state.call), **self.state.variables()}
        for action in actions:
            id = f"c{self.next_id()}"
            tool = self.document.tool(action.tool)
            if tool is None:
                failed = result(False, None, f'There is no tool "{action.local_tool}".')
                self.emit(e.ActionSettled(epoch=epoch, call=id, tool=action.tool, result=failed))
                continue
            try:
                bound = arguments.bound(
                    tool,
                    arguments.filled(action.arguments, values),
                    collected=self.state.collected,
                    context=self.state.context,
                    call=self.state.call,
                )
            except arguments.WrongArguments as problem:
                failed = result(False, None, f"Not called: {problem}")
                self.emit(e.ActionSettled(epoch=epoch, call=id, tool=tool.id, result=failed))
                continue
            self.emit(
                e.ActionAsked(epoch=epoch, call=id, tool=tool.id, arguments=bound, timeout_s=action.timeout_s)
            )

    def entered(self) -> None:
        """When no pre-action runs any more: swap prompt and functions, or stay."""
        state, entering = self.state, self.state.entering
        if entering is None or entering.pending:
            return
        form = entering.form
        if form is not None and form.human:
            self._failed(entering, form.human)
            self.give_up(form.human, page=True)
            return
        key = entering.node if form is None else form.node or entering.node
        values = {**arguments.facts(state.call), **state.variables()}
        node = self.document.node(key)
        role = prompt.role_of(self.document, key, state.role, values)
        try:
            if form is None and node is not None and node.form:
                raise prompt.CannotBuild("Its page is not there.")
            frame = prompt.build(self.document, key, replace(state, role=role), dict(entering.results), form)
        except prompt.CannotBuild as problem:
            self._failed(entering, str(problem))
            self._stayed()
            return
        self.emit(
            e.NodeEntered(
                epoch=entering.epoch,
                node=key,
                terminal=node is not None and node.terminal,
                role=role,
                tools=tuple(tool.name for tool in frame.tools),
                digest=frame.digest,
                function=entering.function,
                call=entering.call,
            )
        )
        if entering.function:
            self.emit(e.Locked())
        if state.human or state.ending is not None:
            return
        if self.state.end_call is not None:
            self.end_by_call()
        elif entering.again:
            self.ask(note=self.manner.moved if entering.moved else self.manner.hand_back)
        elif entering.function or self.state.words_wait or not self.state.said_since:
            self.ask(fresh=self.state.words_wait)

    def _failed(self, entering: Entering, problem: str) -> None:
        self.emit(
            e.EntryFailed(epoch=entering.epoch, node=entering.node, problem=problem, call=entering.call)
        )

    def _stayed(self) -> None:
        """The new node cannot be built: on in the old one, or not at all."""
        if not self.state.in_force:
            self.give_up("the first step cannot be built")
            return
        if self.state.human or self.state.ending is not None:
            return
        if self.state.end_call is not None:
            self.end_by_call()
            return
        times = self.state.trouble + 1
        self.emit(e.Troubled(why="entry", times=times))
        if times > 2:
            self.give_up("entry")
        else:
            self.ask()

    # --- the end

    def end_by_call(self) -> None:
        """The model ended the call: its goodbye is played, then we hang up."""
        asked = self.state.end_call
        if asked is None:
            return
        if asked.goodbye:
            self.speak(asked.goodbye, "goodbye")
        elif not self.state.said_since:
            self.speak(self.fill(self.document.goodbye) or self.manner.goodbye, "goodbye")
        self.end("end_call")

    def end(self, reason: e.EndReason) -> None:
        """No way back: what is queued is played, then we hang up."""
        if self.state.ending is not None or self.state.ended:
            return
        self.cancel("ended")
        self.emit(e.Ending(reason=reason))
        self.hang_up_when_silent()

    def hang_up_when_silent(self) -> None:
        """After the last word of the goodbye."""
        state = self.state
        if state.ending is not None and not state.queue and not state.hang_up_asked:
            self.emit(e.HangUpAsked())

    def give_up(self, why: str, *, page: bool = False) -> None:
        """The agent cannot go on: a colleague, or an end in good manners. `page`: what comes is theirs."""
        if self.state.human or self.state.human_wanted or self.state.ending is not None:
            return
        self.cancel("stopped")
        self.emit(e.HumanWanted(why=why, page=page))
        if self.state.colleague:
            self.speak(self.manner.get_human, "fallback", protect=True)
        else:
            self.nobody_comes()

    def nobody_comes(self) -> None:
        """No colleague is there."""
        self.speak(self.manner.no_human, "goodbye")
        self.end("no_human")
