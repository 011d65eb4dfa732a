"""Flow agents against Pipecat's flows module: faults handled, overhead of a turn, import, memory.

Both talk to the same scripted model in a process of its own. Overhead is the processor time of a turn
beyond that of the model's two bare streams, read by the same library: it does not depend on who else uses
the machine. Without the other module only ours is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from halodesk.connectors.llm import open_llm
from halodesk.connectors.llm.provider import LlmAccount
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.manner import Manner
from halodesk.runtime.flow_agent.callers import Script
from halodesk.runtime.flow_agent.simulate import Talked, converse
from halodesk.runtime.flow_agent_ports import ChatLLM, ChatMessage, ChatRequest, ToolSpec
from tests.bench.measure import Figure, figure, share
from tests.fakes.flow_agent import agent, node
from tests.fakes.flow_faults import FAULTS, FLOW

VENV = Path("build") / "pipecat"
PACKAGES = ("pipecat-ai-flows", "pipecat-ai[openai]")
INSTALL_SECONDS = 900
TURNS, RUNS, AT_ONCE = 12, 5, 20
MANNER = Manner(first_token_s=1.0, stall_s=0.5, quiet_s=1.0, terminal_s=0.1, context_tokens=10_000_000)
LOAD = "import halodesk.runtime.flow_agent.runner, halodesk.connectors.llm.openai, jsonschema, openai"


def figures() -> Iterator[Figure]:
    """Ours, and, where the registry offers it, theirs in the same run."""
    with _model() as url:
        peer = _peer(url)
        ours = asyncio.run(_overhead(url))
        if peer is not None:
            yield from _compared(url, peer, ours)
        else:
            spent = [1e3 * one for one in ours]
            yield figure("flow agent: overhead of a turn", spent, "ms", note="no peer could be installed")
        yield from _at_once(url)


def _compared(url: str, peer: dict[str, Any], ours: list[float]) -> Iterator[Figure]:
    own, other = statistics.median(ours), statistics.median(peer["overhead"])
    yield figure(
        "flow agent: overhead of a turn (2 completions, 1 transition)",
        [one / other for one in ours],
        "of theirs",
        goal="<= 0.5",
        met=lambda value: value <= 0.5,
        note=f"processor time: {own * 1e3:.1f} ms against {other * 1e3:.1f} ms",
    )
    seconds, kilobytes = _import()
    yield figure(
        "flow agent: import of the engine and its provider",
        [seconds / peer["import_s"]],
        "of theirs",
        note=f"{seconds:.2f} s against {peer['import_s']:.2f} s",
    )
    yield figure(
        "flow agent: memory after the import",
        [kilobytes / peer["import_kb"]],
        "of theirs",
        note=f"{kilobytes / 1024:.0f} MB against {peer['import_kb'] / 1024:.0f} MB",
    )
    theirs = {one["name"]: one for one in peer["faults"]}
    good = [_handled(fault.node, asyncio.run(_fault(url, number))) for number, fault in enumerate(FAULTS)]
    found = [
        theirs[fault.name]["node"] == fault.node and "And now?" in theirs[fault.name]["text"]
        for fault in FAULTS
    ]
    missed = [fault.name for fault, fine in zip(FAULTS, found, strict=True) if not fine]
    yield figure(
        f"flow agent: faults of the model handled, of {len(FAULTS)}",
        [sum(good)],
        "faults",
        goal="all",
        met=lambda value: value == len(FAULTS),
        note=f"theirs {sum(found)}; not: {', '.join(missed)}",
    )


def _at_once(url: str) -> Iterator[Figure]:
    async def work() -> tuple[list[float], float]:
        llm = _llm(url, "turns")
        try:
            begun = time.perf_counter()
            runs = await asyncio.gather(*(_talk(llm, 6, str(number)) for number in range(AT_ONCE)))
            whole = time.perf_counter() - begun
            gate = time.perf_counter()
            await asyncio.gather(*(_bare(llm, 6) for _ in range(AT_ONCE)))
            return [one for run in runs for one in _spent(run)], whole / (time.perf_counter() - gate)
        finally:
            await llm.close()

    spent, ratio = asyncio.run(work())
    yield figure(
        f"flow agent: {AT_ONCE} conversations at once in text",
        [ratio],
        "of bare streams",
        note=f"turn p50 {share(spent, 0.5) * 1e3:.0f} ms, p95 {share(spent, 0.95) * 1e3:.0f} ms, on one loop",
    )


# --- ours


def _llm(url: str, model: str) -> ChatLLM:
    return open_llm(LlmAccount(provider="openai", model=model, url=url))


def _ping() -> Document:
    return agent(
        node("ping", is_initial=True, to={"go": "pong"}), node("pong", to={"go": "ping"}), greeting="Hello."
    )


async def _talk(llm: ChatLLM, turns: int, name: str) -> Talked:
    words = tuple(f"Word {number}." for number in range(turns))
    return await converse(_ping(), Script(name=name, says=words), models=[llm], manner=MANNER)


def _spent(run: Talked) -> list[float]:
    """Seconds from the caller's words to the end of the answer, by the log's own stamps."""
    found, begun = [], 0.0
    for line in run.lines:
        if isinstance(line.event, e.CallerSaid):
            begun = line.at
        elif isinstance(line.event, e.ModelAnswered) and not line.event.calls:
            found.append(line.at - begun)
    return found


async def _bare(llm: ChatLLM, turns: int) -> None:
    """Two completions for each, read and thrown away."""
    tool = ToolSpec(name="go", description="Goes.", parameters={"type": "object", "properties": {}})
    words = (ChatMessage(role="user", content="Word."), ChatMessage(role="assistant", content="Word."))
    for _ in range(turns):
        for message in words:
            async for _piece in llm.stream(ChatRequest(messages=(message,), tools=(tool,))):
                pass


async def _overhead(url: str) -> list[float]:
    """Processor seconds of a turn beyond its bare streams, several times."""
    llm = _llm(url, "turns")
    found = []
    try:
        for number in range(RUNS + 1):
            begun = time.process_time()
            run = await _talk(llm, TURNS, "turns")
            between = time.process_time()
            await _bare(llm, TURNS)
            assert run.turns == TURNS
            if number:  # what is loaded late is not of a turn
                found.append((between - begun - (time.process_time() - between)) / TURNS)
    finally:
        await llm.close()
    return found


async def _fault(url: str, number: int) -> Talked:
    llm = _llm(url, f"fault-{number}-ours")
    try:
        script = Script(name="fault", says=("Yes.",))
        return await converse(FLOW, script, models=[llm, llm], manner=MANNER)
    finally:
        await llm.close()


def _handled(node: str, run: Talked) -> bool:
    said = [line.event.text for line in run.lines if isinstance(line.event, e.SpeechQueued)]
    return run.node == node and said[-1] == "And now?"


def _import() -> tuple[float, int]:
    code = (
        f"import time, resource; b = time.perf_counter(); {LOAD}; "
        "print(time.perf_counter() - b, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), int(kilobytes)


# --- theirs


@contextmanager
def _model() -> Iterator[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.llm_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.stdin.close()
        child.wait(timeout=30)


def _peer(url: str) -> dict[str, Any] | None:
    python = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not _installed(python):
        return None
    done = subprocess.run(
        [python, "tests/bench/peer_flows.py", url, str(TURNS)],
        input=json.dumps([fault.name for fault in FAULTS]),
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("REPORT "):
            found: dict[str, Any] = json.loads(line.removeprefix("REPORT "))
            return found
    print(f"flow agent: the peer did not run: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return None


def _installed(python: Path) -> bool:
    """Whether it is there, or could be put there from the registry that pip knows."""
    probe = [str(python), "-c", "import pipecat_flows"]
    if python.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return True
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    try:
        done = subprocess.run([*pip, *PACKAGES], capture_output=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    for one in figures():
        print(f"{one.name:62} {one.value:8.3g} {one.unit:14} {one.goal} {one.note}")
