"""`halodesk flow-agent call`: an agent dials by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer

from halodesk.app.agent_call import Talked
from halodesk.app.agent_call import talk as call_and_talk
from halodesk.cli.files import read_bytes
from halodesk.cli.flow_agent_talk import Printer, given_parameters, manner_of, models_of
from halodesk.cli.flow_agent_window import by_window
from halodesk.connectors.webhook_tools import WebhookTools
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.lints import findings
from halodesk.engine.flow_agent.manner import Manner
from halodesk.runtime.flow_agent import callers
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.scripted import ScriptedLLM
from halodesk.runtime.flow_agent_ports import FIRST_TOKEN_S, ToolCaller
from halodesk.runtime.paths import data_dir
from halodesk.runtime.settings import load

IDLE_S = 15.0
"""A caller who says nothing for so long is asked whether he is there."""


async def call(
    file: Path,
    *,
    to: str,
    given: Sequence[str],
    llm_url: str,
    model: str,
    script: Path | None,
    log: Path | None,
    settings: Path | None,
    data: Path | None,
    as_json: bool,
) -> Talked:
    """One call. `script`: a caller's file whose `model` and `tools` take the place of real ones.

    Where a window is open, and the models are those of the settings, the window makes the call.
    """
    document = loads(read_bytes(file))
    wrong = [one for one in findings(document) if one.severity == "error"]
    if wrong:
        raise SettingsError(
            f"This flow agent must not speak with anybody: {wrong[0].message}",
            f"Run: halodesk flow-agent check {file.name}",
        )
    folder = data_dir(data)
    found = load(settings or folder / "settings.json")
    played = callers.load(script) if script is not None else None
    values = {**(played.parameters if played is not None else {}), **given_parameters(given)}
    if played is None and not llm_url:  # a window knows the models of the settings, and no other
        with contextlib.ExitStack() as stack:
            file_kept = None if log is None else stack.enter_context(log.open("wb"))
            talked = await by_window(folder, document, to, values, Printer(as_json, file_kept))
        if talked is not None:
            return talked
    chain = [] if played is not None else models_of(found, llm_url, model)
    voices = [llm for llm, _ in chain] if played is None else [ScriptedLLM(played.model)]
    tools: ToolCaller = WebhookTools(found.tool_hosts)
    if played is not None:
        tools = MockTools(document, played.tools)
    kept = None if log is None else log.open("wb")
    try:
        return await call_and_talk(
            found,
            folder,
            document,
            to=to,
            models=voices,
            tools=tools,
            parameters=values,
            manner=manner_of(Manner(idle_s=IDLE_S), found, llm_url, FIRST_TOKEN_S),
            say=lambda words: typer.echo(words, err=True),
            watch=[Printer(as_json, kept)],
        )
    finally:
        if kept is not None:
            kept.close()
        for llm, _ in chain:
            await llm.close()


def last_line(talked: Talked) -> str:
    """How it went, as JSON."""
    return msgspec.json.encode({"ended": msgspec.to_builtins(talked)}).decode()
