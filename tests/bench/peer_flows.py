"""Pipecat's flows module over the scripted model; runs in a Python of its own that has it installed.

`python peer_flows.py URL TURNS < FAULTS`: prints one JSON object. Nothing of HaloDesk is imported here.
Its modules are taken by name: they are not installed where this file is checked.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import resource
import sys
import time
from typing import Any

_begun = time.perf_counter()
flows: Any = importlib.import_module("pipecat_flows")
frames: Any = importlib.import_module("pipecat.frames.frames")
pipelines: Any = importlib.import_module("pipecat.pipeline.pipeline")
workers: Any = importlib.import_module("pipecat.pipeline.worker")
runners: Any = importlib.import_module("pipecat.workers.runner")
contexts: Any = importlib.import_module("pipecat.processors.aggregators.llm_context")
aggregators: Any = importlib.import_module("pipecat.processors.aggregators.llm_response_universal")
processors: Any = importlib.import_module("pipecat.processors.frame_processor")
services: Any = importlib.import_module("pipecat.services.openai.llm")
importlib.import_module("loguru").logger.remove()
IMPORT_S = time.perf_counter() - _begun
IMPORT_KB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
PATIENCE_S = 5.0
"""What is silent for longer is dead air, on a machine that others use too."""
RUNS = 5
openai: Any = importlib.import_module("openai")


class Ear(processors.FrameProcessor):  # type: ignore[misc]  # taken by name, see above
    """Hears what the model says, behind it in the pipeline."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.ended = asyncio.Event()

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, frames.LLMTextFrame):
            self.text += frame.text
        elif isinstance(frame, frames.LLMFullResponseEndFrame) and self.text:
            self.ended.set()
        await self.push_frame(frame, direction)


class Talk:
    """One conversation."""

    def __init__(self, url: str, model: str, first: Any) -> None:
        llm = services.OpenAILLMService(
            api_key="k", base_url=url, settings=services.OpenAILLMService.Settings(model=model)
        )
        pair = aggregators.LLMContextAggregatorPair(contexts.LLMContext())
        self.ear = Ear()
        line = pipelines.Pipeline([pair.user(), llm, self.ear, pair.assistant()])
        self.worker = workers.PipelineWorker(line, cancel_on_idle_timeout=False, enable_rtvi=False)
        self.manager = flows.FlowManager(worker=self.worker, llm=llm, context_aggregator=pair)
        self.first = first

    async def __aenter__(self) -> Talk:
        runner = runners.WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        self.running = asyncio.create_task(runner.run())
        await self.manager.initialize(self.first)
        await asyncio.sleep(0.3)
        return self

    async def __aexit__(self, *why: object) -> None:
        await self.worker.cancel()
        await asyncio.wait({self.running}, timeout=5)

    async def say(self, text: str) -> str:
        """The caller's words; what is heard until the answer ends, or patience does."""
        self.ear.text = ""
        self.ear.ended.clear()
        words = [{"role": "user", "content": text}]
        await self.worker.queue_frames([frames.LLMMessagesAppendFrame(words, run_llm=True)])
        try:
            await asyncio.wait_for(self.ear.ended.wait(), PATIENCE_S)
            if "And now?" not in self.ear.text and "Fine." not in self.ear.text:
                await asyncio.sleep(PATIENCE_S)
        except TimeoutError:
            pass
        return str(self.ear.text)


def moves(name: str, target: Any, properties: Any = None) -> Any:
    """A function that moves to the node `target` makes."""

    async def handler(args: Any, manager: Any) -> Any:
        return {"ok": True}, target()

    return flows.FlowsFunctionSchema(
        name=name,
        description=f"Call {name} when the caller agrees.",
        properties=properties or {},
        required=list(properties or {}),
        handler=handler,
    )


def node(name: str, *functions: Any, **more: Any) -> Any:
    """A node that waits for the caller at first, and speaks when it was moved to."""
    return {
        "name": name,
        "role_message": "You are an agent of Acme.",
        "task_messages": [{"role": "system", "content": f"Task of {name}."}],
        "functions": list(functions),
        **more,
    }


SIZE = {"size": {"type": "string", "enum": ["small", "large"]}}


async def broken(action: Any, manager: Any) -> None:
    raise RuntimeError("It is away.")


async def fine(action: Any, manager: Any) -> None:
    return None


def one(**more: Any) -> Any:
    plain = [moves("on", two), moves("chosen_other", three), moves("look_up", checked)]
    return node("one", *plain, moves("chosen", two, SIZE), **more)


def two() -> Any:
    return node("two", moves("on_again", three))


def checked() -> Any:
    actions = [{"type": "function", "handler": broken}, {"type": "function", "handler": fine}]
    return node("checked", moves("done", bye), pre_actions=actions)


def three() -> Any:
    return node("three", moves("finish", bye))


def bye() -> Any:
    return node("bye")


def ping(**more: Any) -> Any:
    return node("ping", moves("go", pong), **more)


def pong() -> Any:
    return node("pong", moves("go", ping))


async def faults(url: str, names: list[str]) -> list[dict[str, Any]]:
    """What comes of each."""
    found = []
    for number, name in enumerate(names):
        async with Talk(url, f"fault-{number}-peer", one(respond_immediately=False)) as talk:
            text = await talk.say("Yes.")
            found.append({"name": name, "node": str(talk.manager.current_node), "text": text})
    return found


async def turns(url: str, count: int) -> float:
    """Processor seconds of a turn: a transition, and an answer in the new node."""
    async with Talk(url, "turns", ping(respond_immediately=False)) as talk:
        begun = time.process_time()
        for number in range(count):
            text = await talk.say(f"Word {number}.")
            assert "Fine." in text, "no answer"
        return (time.process_time() - begun) / count


async def bare(url: str, count: int) -> float:
    """Processor seconds of two completions that are read and thrown away."""
    client = openai.AsyncOpenAI(api_key="k", base_url=url)
    schema = {"type": "object", "properties": {}}
    tool = {"type": "function", "function": {"name": "go", "description": "Goes.", "parameters": schema}}
    begun = time.process_time()
    for _ in range(count):
        for role in ("user", "assistant"):
            stream = await client.chat.completions.create(
                model="turns", messages=[{"role": role, "content": "Word."}], tools=[tool], stream=True
            )
            async for _chunk in stream:
                pass
    return (time.process_time() - begun) / count


async def main() -> None:
    """Measure."""
    url, count = sys.argv[1], int(sys.argv[2])
    names = json.load(sys.stdin)
    await turns(url, 2)  # what is loaded late is not of a turn
    await bare(url, 2)
    spent = [await turns(url, count) - await bare(url, count) for _ in range(RUNS)]
    report = {
        "import_s": IMPORT_S,
        "import_kb": IMPORT_KB,
        "overhead": spent,
        "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "faults": await faults(url, names),
    }
    print("REPORT " + json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main())
