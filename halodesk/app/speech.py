"""Ear and mouth of a flow agent as the settings ask for them; the offline ones where those are away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import structlog

from halodesk.app.secrets_of import secret_of
from halodesk.engine.errors import SettingsError
from halodesk.runtime.flow_agent.copilot_ear import Ear
from halodesk.runtime.flow_agent_ports import STT, TTS, ChatLLM
from halodesk.voice.provider import (
    OFFLINE,
    SpeechAccount,
    SpeechAwayError,
    Talks,
    ears,
    mouths,
    speech_settings,
    talkers,
)

_log = structlog.get_logger("voice")
Account = TypeVar("Account", bound=SpeechAccount)


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """What a call hears and speaks with."""

    stt: STT
    tts: TTS
    model: ChatLLM | None = None
    """Goes before the models of the settings."""
    played: Callable[[str, int, bool], None] | None = None
    """Is told how much of each speech was heard, see `voice.call_duplex`."""
    said: tuple[str, ...] = ()
    """In words: what is not as the settings ask for."""
    line: Talks | None = None

    async def close(self) -> None:
        """Lets go of all of it."""
        if self.line is not None:
            await self.line.close()
        else:
            await self.stt.close()
            await self.tts.close()


async def open_speech(given: Mapping[str, Any]) -> Speech:
    """Both at once. `given`: `speech` of the settings.

    Raises `SettingsError` where the settings are wrong, or nothing on this computer hears or speaks.
    """
    wanted = speech_settings(given)
    ear = _with_key(wanted.ear, "the ear in `speech`")
    mouth = _with_key(wanted.mouth, "the mouth in `speech`")
    if wanted.realtime is None:
        return await _two(ear, mouth)
    both = _with_key(wanted.realtime, "`realtime` in `speech`")
    speaks, words = await _mouth(mouth)

    async def spare() -> STT:
        return (await _ear(ear))[0]

    try:
        line = await talkers()[both.provider].open(both, spare, speaks)
    except SpeechAwayError as error:
        await speaks.close()
        instead = await _two(ear, mouth)
        why = f"{error.message} Ear, mouth and models of the settings do its work."
        _log.warning("speech_offline", why=why)
        return msgspec.structs.replace(instead, said=(why, *instead.said))
    except BaseException:
        await speaks.close()
        raise
    said = (words,) if words else ()
    return Speech(stt=line.stt, tts=line.tts, model=line.model, played=line.played, said=said, line=line)


async def _two(ear: SpeechAccount, mouth: SpeechAccount) -> Speech:
    """An ear and a mouth, each by itself."""
    hears, speaks = await asyncio.gather(_ear(ear), _mouth(mouth), return_exceptions=True)
    if isinstance(hears, BaseException) or isinstance(speaks, BaseException):
        for opened in (hears, speaks):
            if not isinstance(opened, BaseException):
                await opened[0].close()
        raise hears if isinstance(hears, BaseException) else speaks  # type: ignore[misc]  # one of them is
    said = tuple(words for words in (hears[1], speaks[1]) if words)
    for words in said:
        _log.warning("speech_offline", why=words)
    return Speech(stt=hears[0], tts=speaks[0], said=said)


async def open_ear(given: Mapping[str, Any]) -> Ear:
    """The ear alone, for who only listens. `given`: `speech` of the settings. Raises `SettingsError`."""
    account = _with_key(speech_settings(given).ear, "the ear in `speech`")
    stt, said = await _ear(account)
    return Ear(stt=stt, away=account.provider != OFFLINE and not said, said=said)


async def _ear(account: SpeechAccount) -> tuple[STT, str]:
    try:
        return await ears()[account.provider].open(account), ""
    except SpeechAwayError as error:
        if account.provider == OFFLINE:
            raise SettingsError(error.message, error.todo) from None
        words = f"{error.message} The offline recogniser listens in its place."
    try:
        return await ears()[OFFLINE].open(SpeechAccount()), words
    except SpeechAwayError as error:
        raise SettingsError(f"{words} But: {error.message}", error.todo) from None


async def _mouth(account: SpeechAccount) -> tuple[TTS, str]:
    if account.provider == OFFLINE:
        return await mouths()[OFFLINE].open(account, None), ""
    spare: TTS | None = None
    with contextlib.suppress(SettingsError):  # a computer without a voice of its own
        spare = await mouths()[OFFLINE].open(SpeechAccount(), None)
    try:
        return await mouths()[account.provider].open(account, spare), ""
    except SettingsError:
        if spare is not None:
            await spare.close()
        raise
    except SpeechAwayError as error:
        if spare is None:
            raise SettingsError(
                f"{error.message} This computer has no voice of its own.", error.todo
            ) from None
        return spare, f"{error.message} The offline voice speaks in its place."


def _with_key(account: Account, owner: str) -> Account:
    return msgspec.structs.replace(account, api_key=secret_of(owner, account.api_key))
