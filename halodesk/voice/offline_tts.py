"""Text to speech without a network: flite or espeak-ng, whichever this computer has.

A sentence is spoken by a process of its own, which takes some 30 ms. The text goes in on its standard
input, never as an argument, where every process of this computer could read it; flite, which must seek
in what it writes, writes into memory (Linux only).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import wave
from collections.abc import AsyncIterator, Sequence

import numpy as np
import soxr
import structlog

from halodesk.engine.errors import SettingsError
from halodesk.runtime.flow_agent_ports import TTS
from halodesk.voice.messages import SAMPLE_RATE
from halodesk.voice.provider import OFFLINE, Mouth, SpeechAccount

_log = structlog.get_logger("voice")

PIECE_BYTES = SAMPLE_RATE  # half a second
LONGEST_S = 20.0

_FLITE = ("flite", "-voice", "slt", "-f", "-", "-o")
_ESPEAK = ("espeak-ng", "-v", "en-us", "--stdin", "--stdout")
_PROGRAMS = (*(("flite",) if hasattr(os, "memfd_create") else ()), "espeak-ng")


def speaker_found() -> str:
    """The program that will speak; empty where this computer has none."""
    return next((name for name in _PROGRAMS if shutil.which(name)), "")


class OfflineTTS:
    """See `runtime.flow_agent_ports.TTS`."""

    def __init__(self, program: str = "") -> None:
        """`program`: `flite` or `espeak-ng`; empty: the first there is. Raises `SettingsError`: none."""
        self.program = program or speaker_found()
        if self.program not in _PROGRAMS or not shutil.which(self.program):
            raise SettingsError(
                "This computer has no program that speaks.",
                "Install flite or espeak-ng, or choose a speech provider.",
            )

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        """Sound of the text, half a second at a time; nothing where the program fails, which is logged."""
        if not text.strip():
            return
        sound = await self._speak(text)
        for at in range(0, len(sound), PIECE_BYTES):
            yield sound[at : at + PIECE_BYTES]

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _speak(self, text: str) -> bytes:
        try:
            if self.program == "espeak-ng":
                return decoded(await _run(_ESPEAK, text))
            with os.fdopen(os.memfd_create("speech"), "rb") as memory:
                await _run((*_FLITE, f"/dev/fd/{memory.fileno()}"), text, keep=memory.fileno())
                return decoded(memory.read())
        except (TimeoutError, OSError, wave.Error, EOFError) as error:
            _log.error("speech_failed", program=self.program, error=type(error).__name__)
            return b""


async def _run(command: Sequence[str], text: str, *, keep: int = -1) -> bytes:
    """What the program wrote. `keep`: a file descriptor it gets, too."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(keep,) if keep >= 0 else (),
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            out, _ = await process.communicate(text.encode())
        return out
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def decoded(wav: bytes) -> bytes:
    """A WAV file of 16-bit mono as sound at 16 kHz; its own length fields are not believed.

    Programs that write to a pipe cannot go back to fill them in. Raises `wave.Error` or `EOFError`.
    """
    with wave.open(io.BytesIO(wav)) as file:
        rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
        pcm: bytes = file.readframes(len(wav))
    if width != 2 or channels != 1:
        raise wave.Error("not 16-bit mono")
    if rate == SAMPLE_RATE:
        return pcm
    samples = soxr.resample(np.frombuffer(pcm, dtype="<i2"), rate, SAMPLE_RATE)
    return np.asarray(samples).astype("<i2").tobytes()


async def _open(account: SpeechAccount, instead: TTS | None) -> TTS:
    if account.voice not in ("", *_PROGRAMS):
        raise SettingsError(
            f"The offline mouth has no voice “{account.voice}”.", f"Choose one of: {', '.join(_PROGRAMS)}."
        )
    return OfflineTTS(account.voice)


MOUTH = Mouth(key=OFFLINE, label="This computer (flite or espeak-ng)", open=_open)
