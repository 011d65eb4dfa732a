"""Callers of a simulation: a script of words, or a persona that a model plays.

A caller's file is JSON (`Script`), a JSON list of words, or text with one utterance a line (`#` begins
a comment). An utterance `dtmf:123#` presses keys; `(hang up)` hangs up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.prompt import ChatMessage
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent.completions import text_of
from halodesk.runtime.flow_agent.scripted import Completion
from halodesk.runtime.flow_agent_ports import ChatError, ChatLLM, ChatRequest

HANG_UP = "(hang up)"
SUFFIXES = (".json", ".txt")
_FAILURES = ("timeout", "stalled", "cut", "rate_limited", "away", "refused", "malformed")


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must have come of a conversation; what is left out is not looked at."""

    end: tuple[e.EndReason, ...] = ()
    """One of these reasons."""
    node: str = ""
    """Where it ended."""
    visits: tuple[str, ...] = ()
    """Nodes, in this order, perhaps with others between."""
    functions: tuple[str, ...] | None = None
    """Transitions, exactly these."""
    collected: dict[str, Any] = {}
    tools: tuple[str, ...] = ()
    """Tools that were called with success."""
    never: tuple[str, ...] = ()
    """Words that the agent must not have said before the caller's identity is sure, or at all."""


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One caller. `says` or `persona`; `model` plays the agent's model too, so that nothing is asked."""

    name: str = ""
    direction: Literal["in", "out", "chat"] = "chat"
    number: str = "+15550100"
    parameters: dict[str, Any] = {}
    says: tuple[str, ...] = ()
    persona: str = ""
    """Who the caller is and what they want, in words for a model."""
    most_turns: int = 30
    model: tuple[Completion, ...] = ()
    tools: dict[str, Any] = {}
    """Answers by the tool's name, see `mock_tools`."""
    expect: Expect | None = None


def load(path: Path) -> Script:
    """A caller's file. Raises `SettingsError`."""
    try:
        data = path.read_bytes()
        if path.suffix != ".json":
            lines = [line.strip() for line in data.decode().splitlines()]
            return Script(
                name=path.stem, says=tuple(line for line in lines if line and not line.startswith("#"))
            )
        raw = msgspec.json.decode(data)
        if isinstance(raw, list):
            raw = {"says": raw}
        found = msgspec.convert(raw, Script)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Name an existing file.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} is no caller: {error}.", "See docs/flow-agents.md.") from None
    wrong = next((one.fail for one in found.model if one.fail and one.fail not in _FAILURES), "")
    if wrong:
        raise SettingsError(
            f"{path.name}: a completion cannot fail as “{wrong}”.", f"Use {', '.join(_FAILURES)}."
        )
    return msgspec.structs.replace(found, name=found.name or path.name.split(".")[0])


class Caller(Protocol):
    """Says something when it has the word."""

    async def next(self, state: State) -> str | None:
        """The next words; None: nothing more to say."""
        ...


class ScriptCaller:
    """Says its lines in their order."""

    def __init__(self, script: Script) -> None:
        self._left = list(script.says)

    async def next(self, state: State) -> str | None:
        """The next line."""
        return self._left.pop(0) if self._left else None


class PersonaCaller:
    """A model plays the caller."""

    def __init__(self, script: Script, llm: ChatLLM) -> None:
        self._persona, self._llm, self._left = script.persona, llm, script.most_turns

    async def next(self, state: State) -> str | None:
        """What the persona says to the agent's last words."""
        if self._left <= 0:
            return None
        self._left -= 1
        try:
            text, _ = await text_of(
                self._llm, ChatRequest(messages=tuple(self._messages(state)), first_token_s=20)
            )
        except ChatError:
            return None
        words = text.strip().splitlines()[0].strip() if text.strip() else ""
        return None if not words or HANG_UP in words.lower() else words

    def _messages(self, state: State) -> list[ChatMessage]:
        rules = (
            "You play a person on the telephone, so that an automatic agent can be tested. Stay this person:"
            f"\n{self._persona}\nAnswer with what the person says next, one or two short sentences, nothing"
            f" else. When the conversation is over for you, answer exactly {HANG_UP}."
        )
        found = [ChatMessage(role="system", content=rules)]
        for message in state.messages:
            if message.text:
                role: Literal["user", "assistant"] = "assistant" if message.who == "caller" else "user"
                found.append(ChatMessage(role=role, content=message.text))
        if len(found) == 1:
            found.append(ChatMessage(role="user", content="(The telephone rings, and you answer it.)"))
        return found
