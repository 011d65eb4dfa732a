"""The moves that the rules of a conversation are made of; each is one or a few events."""

from __future__ import annotations

from msgspec.structs import replace

from halodesk.engine.flow_agent import arguments, prompt, texts
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.data import result
from halodesk.engine.flow_agent.document import Document, Node
from halodesk.engine.flow_agent.evolve import evolve
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State

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
        """The node in force; None in a simple agent."""
        return self.document.node(self.state.node)

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
        free = kind in ("reply", "filler", "fallback") and (node is None or node.allow_interrupt)
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

    def enter(self, key: str, *, function: str = "", again: bool = False) -> None:
        """Build a node beside the one in force; its pre-actions run in parallel."""
        state = self.state
        epoch = state.epoch + 1
        call = "" if state.accepted is None else state.accepted.call
        self.emit(e.EntryBegan(epoch=epoch, node=key, function=function, again=again))
        node = self.document.node(key)
        if node is None and not self.document.simple:
            self.emit(e.EntryFailed(epoch=epoch, node=key, problem=f'There is no node "{key}".', call=call))
            self._stayed()
            return
        if node is not None and not again:
            self._begin_actions(node, epoch)
        self.entered()

    def _begin_actions(self, node: Node, epoch: int) -> None:
        values = {**arguments.facts(self.state.call), **self.state.variables()}
        for action in node.actions:
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
        values = {**arguments.facts(state.call), **state.variables()}
        node = self.document.node(entering.node)
        role = prompt.role_of(self.document, entering.node, state.role, values)
        try:
            frame = prompt.build(
                self.document, entering.node, replace(state, role=role), dict(entering.results)
            )
        except prompt.CannotBuild as problem:
            self.emit(
                e.EntryFailed(
                    epoch=entering.epoch, node=entering.node, problem=str(problem), call=entering.call
                )
            )
            self._stayed()
            return
        self.emit(
            e.NodeEntered(
                epoch=entering.epoch,
                node=entering.node,
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
            self.ask(note=self.manner.hand_back)
        elif entering.function or self.state.words_wait or not self.state.said_since:
            self.ask(fresh=self.state.words_wait)

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

    def give_up(self, why: str) -> None:
        """The agent cannot go on: a colleague, or an end in good manners."""
        if self.state.human or self.state.human_wanted or self.state.ending is not None:
            return
        self.cancel("stopped")
        self.emit(e.HumanWanted(why=why))
        if self.state.colleague:
            self.speak(self.manner.get_human, "fallback", protect=True)
        else:
            self.nobody_comes()

    def nobody_comes(self) -> None:
        """No colleague is there."""
        self.speak(self.manner.no_human, "goodbye")
        self.end("no_human")
