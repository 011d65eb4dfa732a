"""Conversations from the terminal: one by hand or by script, or a batch of callers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from halodesk.cli.files import read_bytes
from halodesk.connectors.llm import accounts, open_llm
from halodesk.connectors.llm.provider import LlmAccount
from halodesk.connectors.webhook_tools import WebhookTools
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow import load as load_flow
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import Document, loads
from halodesk.engine.flow_agent.log import Head, Line, encode
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent import callers
from halodesk.runtime.flow_agent.batch import keep
from halodesk.runtime.flow_agent.halo_rehearsal import rehearse
from halodesk.runtime.flow_agent.simulate import MANNER, Report, converse, evaluate
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.functions import functions_beside_a_loop
from halodesk.runtime.paths import data_dir
from halodesk.runtime.settings import Settings, load

KEY = "HALODESK_LLM_KEY"
HALO = ".flow.json"
"""How the file of a halo flow ends; any other is a flow agent's document."""


async def talk(
    file: Path,
    *,
    llm_url: str,
    model: str,
    script: Path | None,
    parameters: Sequence[str],
    log: Path | None,
    live_tools: bool,
    first_word_s: float,
    settings: Path | None,
    data: Path | None,
    as_json: bool,
) -> int:
    """One conversation; the exit code."""
    data_of = read_bytes(file)
    who = callers.Script(name="terminal") if script is None else callers.load(script)
    who = msgspec.structs.replace(who, parameters={**who.parameters, **given_parameters(parameters)})
    found = _settings(settings, data)
    chain = [] if who.model else models_of(found, llm_url, model)
    manner = manner_of(MANNER if script is not None else Manner(), found, llm_url, first_word_s)
    tools = WebhookTools(found.tool_hosts) if live_tools else None
    kept = None if log is None else log.open("wb")
    said: dict[str, Any] = {
        "models": [llm for llm, _ in chain],
        "manner": manner,
        "watch": [Printer(as_json, kept)],
        "caller": _Typist() if script is None else None,
    }
    try:
        if file.name.endswith(HALO):
            with functions_beside_a_loop() as functions:
                run, _ = await rehearse(load_flow(data_of), who, functions, **said)
        else:
            run = await converse(loads(data_of), who, tools=tools, **said)
    finally:
        if kept is not None:
            kept.close()
        for llm, _ in chain:
            await llm.close()
    if not as_json:
        cost = f", cost {run.cost:.4f}" if run.cost else ""
        print(f"({run.reason} in {run.node or 'the prompt'}; {run.turns} turns, {run.tokens} tokens{cost})")
        for problem in run.problems:
            print(f"(!) {problem}")
    return 0 if run.ok else 1


async def batch(
    file: Path,
    scripts: Sequence[callers.Script],
    *,
    llm_url: str,
    model: str,
    times: int,
    save: Path | None,
    first_word_s: float,
    settings: Path | None,
    data: Path | None,
) -> tuple[dict[str, Any], list[str]]:
    """All callers; the report as JSON and in words."""
    document = loads(read_bytes(file))
    found = _settings(settings, data)
    needed = any(not one.model for one in scripts)
    chain = models_of(found, llm_url, model) if needed else []
    try:
        report = await evaluate(
            document,
            scripts,
            models=lambda: [llm for llm, _ in chain],
            manner=manner_of(MANNER, found, llm_url, first_word_s),
            times=times,
        )
    finally:
        for llm, _ in chain:
            await llm.close()
    if save is not None:
        keep(document, save, scripts, report)
    raw: dict[str, Any] = msgspec.to_builtins(report)
    for run in raw["runs"]:
        del run["lines"]
    return raw, _words(document, report)


def _words(document: Document, report: Report) -> list[str]:
    lines = []
    for run in report.runs:
        mark = "ok    " if run.ok else "FAILED"
        lines.append(
            f"{mark} {run.caller:24} {run.reason:14} {' > '.join(run.visits)}  ({run.turns} turns,"
            f" {run.tokens} tokens)"
        )
        lines += [f"       {problem}" for problem in run.problems]
    for name, share in (("nodes", report.nodes), ("transitions", report.transitions)):
        missed = f"; missed: {', '.join(share.missed)}" if share.missed else ""
        lines.append(f"{share.reached} of {share.all} {name} reached{missed}")
    passed = sum(run.ok for run in report.runs)
    lines.append(f"{document.name}: {passed} of {len(report.runs)} passed ({report.pass_rate:.0%}).")
    return lines


def given_parameters(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name.strip():
            raise SettingsError(f"“{one}” is no parameter.", "Write --param name=value.")
        found[name.strip()] = value
    return found


def _settings(settings: Path | None, data: Path | None) -> Settings:
    if settings is not None:
        return load(settings)
    usual = data_dir(data) / "settings.json"
    return load(usual) if usual.exists() else Settings()


def models_of(found: Settings, url: str, model: str) -> list[tuple[ChatLLM, LlmAccount]]:
    if url:
        account = LlmAccount(provider="openai", model=model, url=url, api_key=os.environ.get(KEY, ""))
        return [(open_llm(account), account)]
    chain = [(open_llm(account), account) for account in accounts(found.llm)]
    if not chain:
        raise SettingsError(
            "There is no model to talk to.",
            "Give --llm-url, or `llm` in the settings, or a caller's file with `model`.",
        )
    return chain


def manner_of(manner: Manner, found: Settings, url: str, first_word_s: float) -> Manner:
    """With that patience, and the caps of the chain's first model."""
    manner = msgspec.structs.replace(
        manner, first_token_s=first_word_s, stall_s=max(first_word_s, manner.stall_s)
    )
    if url or not found.llm:
        return manner
    first = accounts(found.llm)[0]
    return msgspec.structs.replace(manner, most_cost=first.most_cost, most_tokens=first.most_tokens)


class _Typist:
    """A person at the terminal. The thread that waits for their line does not outlive the command."""

    def __init__(self) -> None:
        self._keyboard = sys.stdin
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="keyboard", daemon=True).start()

    async def next(self, state: State) -> str | None:
        """A line of the keyboard; None at its end."""
        if self._keyboard.isatty():
            print("> ", end="", flush=True)
        while line := await self._lines.get():
            if line.strip():
                return line.strip()
        return None

    def _read(self) -> None:
        line = "-"
        with contextlib.suppress(RuntimeError, ValueError):  # the conversation is over, or the input closed
            while line:
                line = self._keyboard.readline()
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


class Printer:
    """Shows a conversation as it goes, and keeps its log."""

    def __init__(self, as_json: bool, kept: BinaryIO | None) -> None:
        self._as_json, self._kept = as_json, kept

    def __call__(self, line: Head | Line, state: State) -> None:
        if self._kept is not None:
            self._kept.write(encode(line))
            self._kept.flush()
        if self._as_json:
            sys.stdout.write(encode(line).decode())
            sys.stdout.flush()
        elif isinstance(line, Line) and line.event is not None:
            words = _shown(line.event)
            if words:
                print(words, flush=True)


def _shown(event: e.AnyEvent) -> str:
    match event:
        case e.SpeechQueued():
            return f"Agent: {event.text}"
        case e.CallerSaid():
            return f"Caller: {event.text}"
        case e.NodeEntered() if event.node:
            how = f" by {event.function}" if event.function else ""
            return f"  [{event.node}{how}]"
        case e.HumanWanted():
            return f"  [a colleague is needed: {event.why}]"
        case e.CallRefused():
            return f"  [{event.name} refused: {event.message}]"
        case e.EntryFailed():
            return f"  [{event.node} cannot be entered: {event.problem}]"
        case e.ToolAsked():
            return f"  [{event.name} {msgspec.json.encode(event.arguments).decode()}]"
        case e.ModelLost():
            return f"  [model: {event.failure}. {event.detail}]"
    return ""
