"""What a module of this package says of itself when it is an ear or a mouth of flow agents.

A module that defines `EAR` or `MOUTH` is one, and the settings may name it; adding one is adding its module.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec

import halodesk.voice as package
from halodesk.connectors.http import checked_base_url
from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.engine.flow_agent.inputs import Usage
from halodesk.runtime.discovery import found_in
from halodesk.runtime.flow_agent_ports import STT, TTS, ChatLLM

OFFLINE = "offline"


class SpeechAwayError(HaloDeskError):
    """An ear or a mouth cannot be had now; another one may do."""


class SpeechAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ear or mouth. `provider` names a module of this package."""

    provider: str = OFFLINE
    model: str = ""
    """Empty: the provider's usual one."""
    voice: str = ""
    """Of a mouth; empty: the provider's usual one."""
    language: Annotated[str, msgspec.Meta(pattern="^([a-z]{2,3})?$")] = ""
    """Of an ear, ISO 639; empty: the provider finds out."""
    api_key: str = ""
    """The key itself, `env:VARIABLE`, or `keyring:ENTRY`."""
    url: str = ""
    """Any server that speaks the provider's language; empty: the provider's own."""
    first_sound_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 2.5
    """Of a mouth: how long a sentence may take to its first sound."""
    answer_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 4.0
    """Of an ear: how long the words of one utterance may take."""

    price_minute: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Of an ear: of a minute of sound, in whatever currency the caps are in."""
    price_letters: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Of a mouth: of a million letters."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"<SpeechAccount {self.provider}/{self.model}>"

    @property
    def base_url(self) -> str | None:
        """The checked address; None for the provider's own. Raises `SettingsError`."""
        return checked_base_url(self.url) if self.url else None


class RealtimeAccount(SpeechAccount, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ear, mouth and model in one."""

    provider: str = "openai"
    price_prompt: float = 0.0
    price_completion: float = 0.0
    """Of a million tokens of text, in whatever currency the caps are in."""
    price_heard: float = 0.0
    price_spoken: float = 0.0
    """Of a million tokens of sound."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"<RealtimeAccount {self.provider}/{self.model}>"

    def used(self, usage: Mapping[str, Any]) -> Usage:
        """What a response used and cost. Raises `TypeError` or `ValueError` for what is no count."""
        prompt, completion = int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0)
        heard = int((usage.get("input_token_details") or {}).get("audio_tokens") or 0)
        spoken = int((usage.get("output_token_details") or {}).get("audio_tokens") or 0)
        cost = heard * self.price_heard + max(0, prompt - heard) * self.price_prompt
        cost += spoken * self.price_spoken + max(0, completion - spoken) * self.price_completion
        return Usage(prompt=prompt, completion=completion, cost=cost / 1_000_000)


class SpeechSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How flow agents hear and speak on a call. With `realtime` the others are its spares."""

    ear: SpeechAccount = SpeechAccount()
    mouth: SpeechAccount = SpeechAccount()
    realtime: RealtimeAccount | None = None


class Ear(msgspec.Struct, frozen=True, kw_only=True):
    """A way to hear. `open` raises `SettingsError` (unusable) or `SpeechAwayError` (not now)."""

    key: str
    """Name in settings, for ever."""
    label: str
    open: Callable[[SpeechAccount], Awaitable[STT]]


class Mouth(msgspec.Struct, frozen=True, kw_only=True):
    """A way to speak; what it cannot say, the second argument of `open` says. Raises as `Ear.open` does."""

    key: str
    label: str
    open: Callable[[SpeechAccount, TTS | None], Awaitable[TTS]]


class Talks(msgspec.Struct, frozen=True, kw_only=True):
    """Ear, mouth and model that share one line. `played` is told how much of each speech was heard."""

    stt: STT
    tts: TTS
    model: ChatLLM
    played: Callable[[str, int, bool], None]
    close: Callable[[], Awaitable[None]]


class Talker(msgspec.Struct, frozen=True, kw_only=True):
    """A way to hear, think and speak at once. `open` is given who opens the spare ear, and the spare mouth.

    It raises as `Ear.open` does, and has let go of everything but the spare mouth then.
    """

    key: str
    label: str
    open: Callable[[RealtimeAccount, Callable[[], Awaitable[STT]], TTS | None], Awaitable[Talks]]


@functools.cache
def ears() -> Mapping[str, Ear]:
    """Every ear by its key."""
    return found_in(package.__path__, package.__name__, "EAR", Ear)


@functools.cache
def mouths() -> Mapping[str, Mouth]:
    """Every mouth by its key."""
    return found_in(package.__path__, package.__name__, "MOUTH", Mouth)


@functools.cache
def talkers() -> Mapping[str, Talker]:
    """Every one that does both, by its key."""
    return found_in(package.__path__, package.__name__, "TALKER", Talker)


def speech_settings(given: Mapping[str, Any]) -> SpeechSettings:
    """`speech` of the settings. Raises `SettingsError` naming what is wrong."""
    try:
        found = msgspec.convert(dict(given), SpeechSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"`speech` of the settings: {error}.", "See docs/flow-agents.md.") from None
    parts: list[tuple[str, SpeechAccount, Mapping[str, object]]]
    parts = [("ear", found.ear, ears()), ("mouth", found.mouth, mouths())]
    if found.realtime is not None:
        parts.append(("realtime", found.realtime, talkers()))
    for part, account, known in parts:
        if account.provider not in known:
            raise SettingsError(
                f"There is no {part} of speech “{account.provider}”.",
                f"Choose one of: {', '.join(sorted(known))}.",
            )
    return found
