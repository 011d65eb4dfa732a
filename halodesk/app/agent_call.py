"""A flow agent makes a call by itself, without a window: the phone, the sound, the conversation.

Rules:
- Where the window is open its phone makes the call, on one of its lines: who sits there sees the call,
  hears it and can end it. Else a phone is started for the call and leaves after it.
- The call is recorded as any call of this seat, encrypted for it.
- Whatever goes wrong, the call does not stay up without somebody who speaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QLockFile

from halodesk.app.parts import only_one, phone_argv
from halodesk.app.speech import Speech, open_speech
from halodesk.engine.errors import PhoneAwayError, PhoneError, PhoneRefusedError, SettingsError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    Dial,
    HangUp,
    Notice,
    Register,
    RegistrationChanged,
)
from halodesk.runtime.flow_agent.runner import Runner, Watch
from halodesk.runtime.flow_agent_ports import ChatLLM, ToolCaller
from halodesk.runtime.phone_settings import MAIN, accounts_of
from halodesk.runtime.settings import Settings
from halodesk.sip.call_voice import PhoneCallVoice
from halodesk.sip.client import PhoneClient
from halodesk.store.seat_store import SeatStore
from halodesk.voice.call_duplex import CallDuplex

REGISTERED_S = 15.0
ANSWERED_S = 60.0
ENDED_S = 15.0


class Talked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call. `recording`: the file, where the phone kept one."""

    answered: bool
    reason: str
    """Why it ended, in words or as `events.EndReason`."""
    node: str = ""
    turns: int = 0
    recording: str = ""
    cost: float = 0.0
    """Of models and speech, where the settings have prices."""


class _Phone:
    """The phone, and the notices of it that somebody waits for."""

    def __init__(self) -> None:
        self.client: PhoneClient | None = None
        self.voice: PhoneCallVoice | None = None
        self.call: CallInfo | None = None
        self.registered: dict[str, str] = {}
        self.changed = asyncio.Event()
        self.away: PhoneError | None = None
        self._key = f"agent-{secrets.token_hex(4)}"

    @property
    def key(self) -> str:
        return self._key

    def noticed(self, notice: Notice) -> None:
        match notice:
            case CallChanged(call=call) if call.key == self._key:
                self.call = call
            case RegistrationChanged(registration=entry):
                self.registered[entry.account] = entry.message if entry.state == "failed" else entry.state
        if self.voice is not None:
            self.voice.take(notice)
        self.changed.set()

    def lost(self, error: PhoneAwayError) -> None:
        self.away = error
        if self.voice is not None:
            self.voice.lost(error)
        self.changed.set()

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether it held within that time. Raises `PhoneAwayError` when the phone dies."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds() and self.away is None:
                    self.changed.clear()
                    await self.changed.wait()
        if self.away is not None:
            raise self.away
        return holds()


async def talk(
    settings: Settings,
    folder: Path,
    document: Document,
    *,
    to: str,
    models: Sequence[ChatLLM],
    tools: ToolCaller,
    parameters: dict[str, Any] | None = None,
    manner: Manner | None = None,
    speech: Speech | None = None,
    say: Callable[[str], None] | None = None,
    watch: Sequence[Watch] = (),
    when_idle: Callable[[], None] | None = None,
) -> Talked:
    """Dials, talks, hangs up.

    `speech`: in place of what the settings ask for. `say`: is told, in words, of what is not as they ask.
    Raises `SettingsError` without a line or a voice, `PhoneError` when the phone does not do it.
    """
    if not settings.lines:
        raise SettingsError("There is no line to call by.", "Add `account` to the settings.")
    speech = speech or await open_speech(settings.speech)
    if say is not None:
        for words in speech.said:
            say(words)
    line = _Phone()
    try:
        client, ours = await _phone(settings, folder, line)
    except BaseException:
        await speech.close()
        raise
    try:
        await _registered(settings, client, line)
        call = await _answered(client, line, to)
        if call is None:
            ended = line.call
            return Talked(answered=False, reason=ended.reason if ended else "Nobody answered.")
        reasons: list[str] = []
        line.voice = PhoneCallVoice(call, client.request)
        duplex = CallDuplex(line.voice, speech.stt, speech.tts, played=speech.played)
        runner = Runner(
            document,
            models=[*([speech.model] if speech.model is not None else []), *models],
            duplex=duplex,
            tools=tools,
            call=i.CallMeta(
                id=call.sip_call_id, direction="out", number=call.remote_number or to, name=call.remote_name
            ),
            parameters=parameters,
            manner=manner,
            watch=[_reason_to(reasons), *watch],
            when_idle=when_idle,
        )
        await duplex.start()
        await runner.run()
        await line.until(lambda: line.call is not None and line.call.state == "ended", ENDED_S)
        return _talked(runner.state, reasons, line.call)
    finally:
        try:
            await _leave(client, line, ours)
        finally:
            await speech.close()


async def _phone(settings: Settings, folder: Path, line: _Phone) -> tuple[PhoneClient, bool]:
    """The phone that runs here, or one of our own; whether it is our own."""
    try:
        return await PhoneClient.attach(folder, on_notice=line.noticed, on_away=line.lost), False
    except PhoneAwayError:
        pass
    lock, public = await asyncio.to_thread(_seat, folder)
    try:
        silent = msgspec.structs.replace(
            settings, sound=msgspec.structs.replace(settings.sound, devices="none")
        )
        argv = phone_argv(silent, folder, start_masked=False, lock=public)
        found = await PhoneClient.attach_or_start(
            folder, argv=argv, on_notice=line.noticed, on_away=line.lost
        )
        return found, True
    finally:
        lock.unlock()


def _seat(folder: Path) -> tuple[QLockFile, bytes]:
    """This seat, held for us alone, and the key its recordings are encrypted for."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = only_one(folder)
    store = SeatStore(folder, lambda state: None)
    try:
        return lock, store.recording_key.public
    finally:
        store.close()


async def _registered(settings: Settings, client: PhoneClient, line: _Phone) -> None:
    known = {entry.account: entry.state for entry in client.snapshot.registrations}
    if known.get(MAIN) == "registered":
        return
    account = accounts_of(settings)[0]
    await client.request(Register(account=account))
    if account.registrar and not await line.until(
        lambda: line.registered.get(MAIN) == "registered", REGISTERED_S
    ):
        why = line.registered.get(MAIN) or "the PBX does not answer"
        raise PhoneRefusedError(f"The line is not registered: {why}", "Run: halodesk doctor")


async def _answered(client: PhoneClient, line: _Phone, to: str) -> CallInfo | None:
    await client.request(Dial(call=line.key, account=MAIN, to=to))
    await line.until(lambda: line.call is not None and line.call.state in ("active", "ended"), ANSWERED_S)
    return line.call if line.call is not None and line.call.state == "active" else None


async def _leave(client: PhoneClient, line: _Phone, ours: bool) -> None:
    with contextlib.suppress(PhoneError):
        if line.call is None or line.call.state != "ended":
            await client.request(HangUp(call=line.key))
    with contextlib.suppress(PhoneError):
        await (client.quit() if ours else client.close())


def _reason_to(reasons: list[str]) -> Watch:
    def watch(line: Head | Line, state: State) -> None:
        if isinstance(line, Line) and isinstance(line.event, e.Ended):
            reasons.append(line.event.reason)

    return watch


def _talked(state: State, reasons: list[str], call: CallInfo | None) -> Talked:
    kept = call.recording.path if call is not None and call.recording is not None else ""
    return Talked(
        answered=True,
        reason=reasons[-1] if reasons else "",
        node=state.node,
        turns=state.turn,
        recording=kept,
        cost=state.spent.cost,
    )
