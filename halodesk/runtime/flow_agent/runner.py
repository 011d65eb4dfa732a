"""One conversation, running: news is decided one by one, events become work.

Rules:
- One actor: news waits in a queue and is decided in its order; nothing else touches the state.
- Each news and each event is shown to the watchers before its work begins: what is asked outside is
  in the log first.
- Work runs in tasks of its own and comes back as news. Completions are cancelled when the machine
  lets go of them; tools never are: the conversation ends after they did.
- Times are the clock's, ids the machine's: the same news takes the same path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import structlog

from halodesk.engine.flow_agent import arguments, prompt, texts
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.data import cleaned
from halodesk.engine.flow_agent.document import Document, Tool
from halodesk.engine.flow_agent.log import Head, Line, head
from halodesk.engine.flow_agent.machine import decide, evolve
from halodesk.engine.flow_agent.manner import Manner, in_words_of
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent.clock import LoopClock
from halodesk.runtime.flow_agent.completions import complete, text_of
from halodesk.runtime.flow_agent.expecting import expected
from halodesk.runtime.flow_agent_ports import (
    Alarm,
    ChatError,
    ChatLLM,
    ChatRequest,
    Clock,
    Duplex,
    ToolAnswer,
    ToolCaller,
    ToolRequest,
)

SUMMARY_S = 20.0
_log = structlog.get_logger("flow_agent")

Watch = Callable[[Head | Line, State], None]
"""Sees each line of the log with the state after it. Must return at once."""


class Runner:
    """A conversation of one flow agent over one `Duplex`. `run` once; `tell` from the loop's thread.

    `when_idle` is called after a decision that gives the caller the word.
    """

    def __init__(
        self,
        document: Document,
        *,
        models: Sequence[ChatLLM],
        duplex: Duplex,
        tools: ToolCaller,
        call: i.CallMeta,
        parameters: dict[str, Any] | None = None,
        manner: Manner | None = None,
        colleague: bool = False,
        clock: Clock | None = None,
        watch: Sequence[Watch] = (),
        when_idle: Callable[[], None] | None = None,
    ) -> None:
        self.document, self.manner = document, in_words_of(document, manner or Manner())
        self.state = State()
        self._models, self._duplex, self._tools = tuple(models), duplex, tools
        self._clock: Clock = clock or LoopClock()
        self._watch, self._when_idle = tuple(watch), when_idle
        self._started = i.Started(
            call=call, parameters=parameters or {}, colleague=colleague, models=max(1, len(self._models))
        )
        self._inbox: asyncio.Queue[i.AnyNews] = asyncio.Queue()
        self._timers: dict[int, Alarm] = {}
        self._completions: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: set[asyncio.Task[Any]] = set()
        self._seq, self._begun = 0, 0.0

    def tell(self, news: i.AnyNews) -> None:
        """News from outside."""
        self._inbox.put_nowait(news)

    @property
    def idle(self) -> bool:
        """Nothing is under way: the caller has the word, or a human."""
        return self._inbox.empty() and self.state.phase in ("listening", "terminal_wait", "human")

    async def run(self) -> State:
        """From the first word to the last; the state at the end."""
        self._begun = self._clock.now()
        self._show(head(self.document, self.manner))
        listening = asyncio.create_task(self._listen())
        self.tell(self._started)
        try:
            while not self.state.ended:
                await self._decide(await self._inbox.get())
                if self._when_idle is not None and self.idle:
                    self._when_idle()
        finally:
            listening.cancel()
            for alarm in self._timers.values():
                alarm.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(listening, *self._tasks, return_exceptions=True)
            await self._duplex.close()  # a tool may take long: nobody waits for it on the call
            await asyncio.gather(*self._working, return_exceptions=True)
        return self.state

    async def _listen(self) -> None:
        async for news in self._duplex.news():
            self.tell(news)

    async def _decide(self, news: i.AnyNews) -> None:
        match news:
            case i.Heard():  # what must not be in a log is not in the news either
                news = i.Heard(
                    text=cleaned(news.text),
                    final=news.final,
                    kind=news.kind,
                    echo=news.echo,
                    confidence=news.confidence,
                )
                if not news.final:
                    return  # half words change nothing and would fill the log
            case i.HumanSaid():
                news = i.HumanSaid(text=cleaned(news.text))
            case i.ModelSaid():
                news = msgspec.structs.replace(news, text=cleaned(news.text))
            case i.ModelDone() if news.calls:
                calls = (
                    msgspec.structs.replace(call, arguments=cleaned(call.arguments)) for call in news.calls
                )
                news = msgspec.structs.replace(news, calls=tuple(calls))
        events = decide(self.document, self.manner, self.state, news)
        if not events and isinstance(news, i.SpeechBegan):
            return
        self._show_line(news=news)
        for event in events:
            self.state = evolve(self.state, event)
            self._show_line(event=event)
        for event in events:
            await self._act(event)

    async def _act(self, event: e.AnyEvent) -> None:
        match event:
            case e.ModelAsked():
                self._ask(event)
            case e.ModelCancelled():
                task = self._completions.pop(event.request, None)
                if task is not None:
                    task.cancel()
            case e.ToolAsked():
                self._work(self._tool(event))
            case e.ActionAsked():
                self._work(self._action(event))
            case e.SpeechQueued():
                await self._duplex.say(event)
            case e.SpeechCut():
                await self._duplex.cut(event.speeches)
            case e.MuteChanged():
                await self._duplex.mute(event.on)
            case e.TimerSet():
                news = i.TimerFired(timer=event.timer)
                self._timers[event.timer] = self._clock.later(event.seconds, lambda: self.tell(news))
            case e.TimerCleared():
                alarm = self._timers.pop(event.timer, None)
                if alarm is not None:
                    alarm.cancel()
            case e.NodeEntered():
                self._duplex.expect(expected(self.document, event.node, self.state.form))
            case e.SummaryAsked():
                self._spawn(self._summary(event))
            case e.HangUpAsked():
                await self._duplex.hang_up()

    # --- the model

    def _ask(self, event: e.ModelAsked) -> None:
        if event.model >= len(self._models):
            self.tell(i.ModelFailed(request=event.request, failure="away", detail="There is no model."))
            return
        messages, frame = prompt.request_for(
            self.document, self.state, event.note, self.manner.context_tokens
        )
        request = ChatRequest(
            messages=tuple(messages),
            tools=frame.tools,
            first_token_s=event.first_token_s,
            stall_s=self.manner.stall_s,
        )
        llm = self._models[event.model]
        task = self._spawn(complete(llm, request, event.request, self._clock, self.tell))
        self._completions[event.request] = task
        task.add_done_callback(lambda task: self._fell(task, event.request))

    def _fell(self, task: asyncio.Task[None], request: int) -> None:
        """An adapter that breaks must not leave the caller in silence."""
        self._completions.pop(request, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("model_broke", error=type(error).__name__)
            self.tell(i.ModelFailed(request=request, failure="malformed", detail=type(error).__name__))

    async def _summary(self, event: e.SummaryAsked) -> None:
        messages = prompt.summary_request(self.state, event.upto)
        request = ChatRequest(messages=tuple(messages), max_tokens=400, first_token_s=SUMMARY_S)
        try:
            text, usage = await text_of(self._models[self.state.model], request)
        except ChatError:
            text, usage = "", i.Usage()
        self.tell(i.SummaryDone(request=event.request, text=text, usage=usage))

    # --- tools

    async def _tool(self, event: e.ToolAsked) -> None:
        tool = self.document.tool(event.tool)
        found = await self._called(tool, event.arguments, event.key, event.timeout_s, event.function)
        self.tell(
            i.ToolDone(call=event.call, ok=found.ok, value=found.value, error=found.error, form=found.form)
        )

    async def _action(self, event: e.ActionAsked) -> None:
        tool = self.document.tool(event.tool)
        entering = self.state.entering
        node = "" if entering is None else entering.node
        key = arguments.key_of(self.state.call.id, node, event.epoch, event.tool, event.arguments)
        found = await self._called(tool, event.arguments, key, event.timeout_s)
        self.tell(
            i.ActionDone(
                epoch=event.epoch,
                call=event.call,
                ok=found.ok,
                value=found.value,
                error=found.error,
                form=found.form,
            )
        )

    async def _called(
        self, tool: Tool | None, given: dict[str, Any], key: str, timeout_s: float, function: str = ""
    ) -> ToolAnswer:
        if tool is None:
            return ToolAnswer(ok=False, error="There is no such tool.")
        values = {**arguments.facts(self.state.call), **self.state.variables(), **given}
        request = ToolRequest(
            tool=tool.local_id,
            name=tool.name,
            url=texts.filled(tool.url, values, quote=lambda value: quote(value, safe="")),
            method=tool.method,
            arguments=given,
            key=key,
            timeout_s=timeout_s,
            idempotent=tool.idempotent,
            headers={name: texts.filled(text, values) for name, text in tool.headers.items()},
            function=function,
        )
        # The answer is late; the request is not taken back: what it does over there may be done already.
        work = asyncio.create_task(self._tools.call(request))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        done, _ = await asyncio.wait({work}, timeout=timeout_s)
        if not done:
            return ToolAnswer(ok=False, error=f"It did not answer within {timeout_s:g} seconds.")
        error = work.exception()
        if error is not None:
            _log.error("tool_broke", error=type(error).__name__)
            return ToolAnswer(ok=False, error="It failed.")
        return work.result()

    # --- tasks and lines

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def _show_line(self, news: i.AnyNews | None = None, event: e.AnyEvent | None = None) -> None:
        self._seq += 1
        at = round(self._clock.now() - self._begun, 3)
        self._show(Line(seq=self._seq, at=at, news=news, event=event))

    def _show(self, line: Head | Line) -> None:
        for watch in self._watch:
            watch(line, self.state)
