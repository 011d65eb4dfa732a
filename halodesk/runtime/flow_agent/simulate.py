"""Conversations without a telephone: one of them, or a batch with coverage and a pass rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent.callers import HANG_UP, Caller, Expect, PersonaCaller, Script, ScriptCaller
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.runner import Runner, Watch
from halodesk.runtime.flow_agent.scripted import Completion, Said, ScriptedLLM
from halodesk.runtime.flow_agent.text import TextDuplex
from halodesk.runtime.flow_agent_ports import ChatLLM, ToolCaller
from halodesk.runtime.simulator_port import Share

AT_ONCE = 8
"""Conversations of a batch that run together."""
MANNER = Manner(terminal_s=1.0, cap_s=20.0)
"""Nobody listens to the silence before the net of a terminal node: it is short in simulation."""


class Talked(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation that is over."""

    caller: str
    ok: bool
    problems: tuple[str, ...]
    reason: e.EndReason | Literal[""]
    node: str
    visits: tuple[str, ...]
    transitions: tuple[tuple[str, str], ...]
    """Node and function of each transition that was made."""
    turns: int
    refused: tuple[str, ...]
    tools: tuple[str, ...]
    collected: dict[str, Any]
    tokens: int
    cost: float
    lines: tuple[Line, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch. `pass_rate` 0 to 1."""

    ok: bool
    pass_rate: float
    runs: tuple[Talked, ...]
    nodes: Share
    transitions: Share


async def converse(
    document: Document,
    script: Script,
    *,
    models: Sequence[ChatLLM] = (),
    tools: ToolCaller | None = None,
    manner: Manner = MANNER,
    watch: Sequence[Watch] = (),
    caller: Caller | None = None,
    name: str = "",
    began: Callable[[Runner], None] | None = None,
) -> Talked:
    """One conversation to its end. `began`: who stands beside it as a colleague, and hears of its runner."""
    lines: list[Line] = []

    def keep(line: Head | Line, _state: State) -> None:
        if isinstance(line, Line):
            lines.append(line)

    chain = (ScriptedLLM(script.model),) if script.model else tuple(models)
    who: Caller = caller or (
        PersonaCaller(script, chain[0]) if script.persona and chain else ScriptCaller(script)
    )
    duplex, word = TextDuplex(), asyncio.Event()
    runner = Runner(
        document,
        models=chain,
        duplex=duplex,
        tools=tools or MockTools(document, script.tools),
        call=i.CallMeta(
            id=f"sim-{name or script.name or document.name}", direction=script.direction, number=script.number
        ),
        parameters=script.parameters,
        manner=manner,
        watch=[keep, *watch],
        when_idle=word.set,
        colleague=began is not None,
    )
    if began is not None:
        began(runner)

    async def speak() -> None:
        while True:
            await word.wait()
            word.clear()
            words = await who.next(runner.state)
            if words is None:
                if runner.state.phase == "listening":
                    duplex.leave()
                return  # in a terminal node the agent ends the call, by itself or by its net
            if words == HANG_UP:
                duplex.leave()
                return
            if words.startswith("dtmf:"):
                duplex.press(words.removeprefix("dtmf:"))
            else:
                duplex.type(words)

    speaking = asyncio.create_task(speak())
    try:
        state = await runner.run()
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
    return judged(script, state, lines, name)


async def evaluate(
    document: Document,
    scripts: Sequence[Script],
    *,
    models: Callable[[], Sequence[ChatLLM]] = tuple,
    manner: Manner = MANNER,
    times: int = 1,
    done: Callable[[Talked], None] = lambda run: None,
) -> Report:
    """Every caller so many times; coverage over all of them. `done` hears of each as it ends."""
    gate = asyncio.Semaphore(AT_ONCE)
    chain = tuple(models())

    async def one(script: Script, number: int) -> Talked:
        name = script.name if times == 1 else f"{script.name}-{number + 1}"
        async with gate:
            run = await converse(document, script, models=chain, manner=manner, name=name)
        done(run)
        return run

    runs = await asyncio.gather(*(one(script, number) for script in scripts for number in range(times)))
    visited = {node for run in runs for node in run.visits}
    made = {pair for run in runs for pair in run.transitions}
    every = [(node.key, function.name) for node in document.nodes for function in node.functions]
    passed = sum(run.ok for run in runs)
    return Report(
        ok=passed == len(runs) and bool(runs),
        pass_rate=passed / len(runs) if runs else 0.0,
        runs=tuple(runs),
        nodes=_share([node.key for node in document.nodes], visited),
        transitions=_share(
            [f"{node}.{name}" for node, name in every], {f"{node}.{name}" for node, name in made}
        ),
    )


def as_regression(document: Document, script: Script, run: Talked) -> Script:
    """The conversation as a caller's file that needs no model: the same words, the same path."""
    said: list[Completion] = []
    texts: dict[int, list[str]] = {}
    heard: list[str] = []
    tools: dict[str, list[Any]] = {}
    for line in run.lines:
        match line.news:
            case i.Heard(kind="dtmf"):
                heard.append(f"dtmf:{line.news.text}")
            case i.Heard():
                heard.append(line.news.text)
            case i.ModelSaid():
                texts.setdefault(line.news.request, []).append(line.news.text)
            case i.ModelDone():
                calls = tuple(Said(name=call.name, raw=call.arguments) for call in line.news.calls)
                said.append(Completion(text=" ".join(texts.get(line.news.request, [])), calls=calls))
            case i.ModelFailed():
                text = " ".join(texts.get(line.news.request, []))
                said.append(Completion(text=text, fail=line.news.failure))
        match line.event:
            case e.ToolSettled():
                tools.setdefault(line.event.name, []).append(_again(line.event.result))
            case e.ActionSettled() if (tool := document.tool(line.event.tool)) is not None:
                if not str(line.event.result.get("error", "")).startswith("Not called"):
                    tools.setdefault(tool.name, []).append(_again(line.event.result))
    if run.reason == "hung_up":
        heard.append(HANG_UP)
    return msgspec.structs.replace(
        script,
        name=run.caller,
        persona="",
        says=tuple(heard),
        model=tuple(said),
        tools={**script.tools, **tools},
        expect=Expect(
            end=(run.reason,) if run.reason else (),
            node=run.node,
            visits=run.visits,
            functions=tuple(name for _, name in run.transitions),
            collected=run.collected,
        ),
    )


def _again(result: dict[str, Any]) -> Any:
    return result["value"] if result.get("ok") else {"error": result.get("error", "")}


def judged(script: Script, state: State, lines: list[Line], name: str = "") -> Talked:
    """What came of a conversation, and whether that is what its caller's file expects."""
    events = [line.event for line in lines if line.event is not None]
    ended = next((one for one in events if isinstance(one, e.Ended)), None)
    transitions: list[tuple[str, str]] = []
    node = ""
    for event in events:
        if isinstance(event, e.NodeEntered):
            if event.function:
                transitions.append((node, event.function))
            node = event.node
    run = Talked(
        caller=name or script.name,
        ok=True,
        problems=(),
        reason="" if ended is None else ended.reason,
        node=state.node,
        visits=state.visits,
        transitions=tuple(transitions),
        turns=state.turn,
        refused=tuple(f"{one.name}: {one.code}" for one in events if isinstance(one, e.CallRefused)),
        tools=tuple(one.name for one in events if isinstance(one, e.ToolSettled) and one.result.get("ok")),
        collected=state.collected,
        tokens=state.spent.prompt + state.spent.completion,
        cost=state.spent.cost,
        lines=tuple(lines),
    )
    said = [one.text for one in events if isinstance(one, e.SpeechQueued)]
    gave_up = [one.why for one in events if isinstance(one, e.HumanWanted) and not one.page]
    problems = [f"The agent could not go on: {why}." for why in gave_up]
    if script.expect is not None:
        problems = [*_unmet(script.expect, run, said)]
    return msgspec.structs.replace(run, ok=not problems, problems=tuple(problems))


def _unmet(expect: Expect, run: Talked, said: list[str]) -> list[str]:
    found = []
    if expect.end and run.reason not in expect.end:
        found.append(f"It ended by {run.reason}, not by {' or '.join(expect.end)}.")
    if expect.node and run.node != expect.node:
        found.append(f"It ended in {run.node}, not in {expect.node}.")
    left = iter(run.visits)
    if not all(node in left for node in expect.visits):
        found.append(f"It went through {', '.join(run.visits)}, not {', '.join(expect.visits)}.")
    functions = tuple(name for _, name in run.transitions)
    if expect.functions is not None and functions != expect.functions:
        found.append(f"Its transitions were {', '.join(functions) or 'none'}.")
    for name, value in expect.collected.items():
        if run.collected.get(name) != value:
            found.append(f"{name} is {run.collected.get(name)!r}, not {value!r}.")
    found += [f"The tool {name} was not called." for name in expect.tools if name not in run.tools]
    text = "\n".join(said).lower()
    found += [f"The agent said “{words}”." for words in expect.never if words.lower() in text]
    return found


def _share(every: Sequence[str], reached: set[str]) -> Share:
    missed = tuple(one for one in every if one not in reached)
    return Share(reached=len(every) - len(missed), all=len(every), missed=missed)
