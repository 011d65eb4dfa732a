"""Text to speech without a network: flite or espeak-ng, whichever this computer has.

Rules:
- A piece is spoken by a process of its own. The text goes in on its standard input, never as an argument,
  where every process of this computer could read it; flite, which must seek in what it writes, writes into
  memory (Linux only).
- The first sound counts: a long sentence is made clause by clause, and the silence that programs put before
  the first word is left out. `warm` keeps a process started that only waits for its text.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shutil
import wave
from collections.abc import AsyncIterator
from typing import BinaryIO

import numpy as np
import soxr
import structlog

from halodesk.engine.errors import SettingsError
from halodesk.runtime.flow_agent.sentences import Sentences
from halodesk.runtime.flow_agent_ports import TTS
from halodesk.voice.messages import SAMPLE_RATE
from halodesk.voice.provider import OFFLINE, Mouth, SpeechAccount

_log = structlog.get_logger("voice")

PIECE_BYTES = SAMPLE_RATE  # half a second
LONGEST_S = 20.0
WHOLE = 40
"""Letters of a sentence that is made in one go: a computer speaks them in a tenth of a second."""
SHORTEST = 12
"""Letters of a clause that is made by itself."""

_FLITE = ("flite", "-voice", "slt", "-f", "-", "-o")
_ESPEAK = ("espeak-ng", "-v", "en-us", "--stdin", "--stdout")
_PROGRAMS = (*(("flite",) if hasattr(os, "memfd_create") else ()), "espeak-ng")
_CLAUSE = re.compile(r"[,;:](?=\s)|\s[–—-](?=\s)")
_BLOCK = SAMPLE_RATE // 200
_QUIET = 60.0
"""Mean amplitude of 5 ms below which nothing is said (-55 dB)."""
_LEAD_BLOCKS = 2
_PAUSE_BLOCKS = 20
"""100 ms of silence stay at the end."""


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
        self._spare: asyncio.Task[_Speaker] | None = None
        self._warm = False

    def warm(self) -> None:
        """From now on a process waits for what is to be said next, until `close`."""
        self._warm = True
        self._start_spare()

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        """Sound of the text, half a second at a time; nothing where the program fails, which is logged."""
        pieces = clauses(text)
        made = [asyncio.create_task(self._speak(piece)) for piece in pieces[:1]]
        try:
            for number in range(len(pieces)):
                sound = await made[number]
                if number + 1 < len(pieces):  # is made while this one is heard
                    made.append(asyncio.create_task(self._speak(pieces[number + 1])))
                for at in range(0, len(sound), PIECE_BYTES):
                    yield sound[at : at + PIECE_BYTES]
        finally:
            for task in made:
                task.cancel()
            await asyncio.gather(*made, return_exceptions=True)

    async def close(self) -> None:
        """Ends the process that waits."""
        self._warm = False
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.cancel()
            for found in await asyncio.gather(spare, return_exceptions=True):
                if isinstance(found, _Speaker):
                    await found.end()

    async def _speak(self, text: str) -> bytes:
        try:
            async with asyncio.timeout(LONGEST_S):
                return unpadded(decoded(await (await self._speaker()).said(text)))
        except (TimeoutError, OSError, wave.Error, EOFError) as error:
            _log.error("speech_failed", program=self.program, error=type(error).__name__)
            return b""

    async def _speaker(self) -> _Speaker:
        spare, self._spare = self._spare, None
        found: _Speaker | None = None
        if spare is not None:
            with contextlib.suppress(OSError):
                found = await spare
        found = found or await _Speaker.started(self.program)
        if self._warm:
            asyncio.get_running_loop().call_soon(self._start_spare)
        return found

    def _start_spare(self) -> None:
        if self._warm and self._spare is None:
            self._spare = asyncio.create_task(_Speaker.started(self.program), name="spare-voice")


class _Speaker:
    """A process that speaks once."""

    def __init__(self, process: asyncio.subprocess.Process, memory: BinaryIO | None) -> None:
        self._process, self._memory = process, memory

    @classmethod
    async def started(cls, program: str) -> _Speaker:
        """Waits for its text from now on. Raises `OSError`."""
        memory = os.fdopen(os.memfd_create("speech"), "rb") if program == "flite" else None
        try:
            file = (memory.fileno(),) if memory is not None else ()
            process = await asyncio.create_subprocess_exec(
                *(_ESPEAK if memory is None else (*_FLITE, f"/dev/fd/{memory.fileno()}")),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=file,
            )
        except BaseException:
            if memory is not None:
                memory.close()
            raise
        return cls(process, memory)

    async def said(self, text: str) -> bytes:
        """What the program made of the text, a WAV file."""
        try:
            out, _ = await self._process.communicate(text.encode())
            return out if self._memory is None else self._memory.read()
        finally:
            await self.end()

    async def end(self) -> None:
        """Nothing of it stays."""
        if self._memory is not None:
            self._memory.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def clauses(text: str) -> list[str]:
    """What is made one after the other: sentences, and the clauses of a long one."""
    sentences = Sentences()
    found: list[str] = []
    for left in (*sentences.feed(text), sentences.flush()):
        while len(left) > WHOLE:
            end = next((one.end() for one in _CLAUSE.finditer(left) if one.end() >= SHORTEST), 0)
            if not end or len(left) - end < SHORTEST:
                break
            found.append(left[:end].strip())
            left = left[end:].strip()
        if left:
            found.append(left)
    return found


def unpadded(pcm: bytes) -> bytes:
    """Without the silence before the first word, and with a breath of that after the last."""
    samples = np.frombuffer(pcm, dtype="<i2")
    whole = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    loud = np.flatnonzero(np.abs(whole.astype(np.int32)).mean(axis=1) > _QUIET)
    if not len(loud):
        return pcm
    first, last = max(0, int(loud[0]) - _LEAD_BLOCKS), int(loud[-1]) + 1 + _PAUSE_BLOCKS
    return samples[first * _BLOCK : last * _BLOCK].tobytes()


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
    found = OfflineTTS(account.voice)
    found.warm()
    return found


MOUTH = Mouth(key=OFFLINE, label="This computer (flite or espeak-ng)", open=_open)
